import { Chain, checkOptions, huberLoss, report, softmaxCrossEntropy } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import type { NumberList } from '../../utils/bbox/detections.ts';
import { indicesWhere, takeBoxes } from '../../utils/bbox/loc.ts';
import type { FasterRCNN } from './faster-rcnn.ts';
import { AnchorTargetCreator, ProposalTargetCreator } from './target-creators.ts';

export interface FasterRCNNTrainOptions {
  /** Where the losses of the offsets turn from squares to absolute values: at 1 / sigma^2. Default 3 and 1. */
  readonly rpnSigma?: number;
  readonly roiSigma?: number;
  readonly anchorTargetCreator?: AnchorTargetCreator;
  readonly proposalTargetCreator?: ProposalTargetCreator;
}

/**
 * A Faster R-CNN with its losses, as an optimizer takes it.
 *
 * Reports `loss`, `rpn_loc_loss`, `rpn_cls_loss`, `roi_loc_loss` and `roi_cls_loss`. Needs a backend whose values can be read at
 * once: cpu or WASM. Chainer counterpart: `chainercv.links.model.faster_rcnn.FasterRCNNTrainChain`.
 */
export class FasterRCNNTrainChain<M extends FasterRCNN = FasterRCNN> extends Chain {
  readonly rpnSigma: number;
  readonly roiSigma: number;
  readonly anchorTargetCreator: AnchorTargetCreator;
  readonly proposalTargetCreator: ProposalTargetCreator;

  constructor(
    readonly faster_rcnn: M,
    options: FasterRCNNTrainOptions = {},
  ) {
    super();
    const {
      rpnSigma = 3,
      roiSigma = 1,
      anchorTargetCreator = new AnchorTargetCreator(),
      proposalTargetCreator = new ProposalTargetCreator(),
    } = checkOptions('FasterRCNNTrainChain', options, {
      rpnSigma: 'number',
      roiSigma: 'number',
      anchorTargetCreator: 'object',
      proposalTargetCreator: 'object',
    });
    this.rpnSigma = rpnSigma;
    this.roiSigma = roiSigma;
    this.anchorTargetCreator = anchorTargetCreator;
    this.proposalTargetCreator = proposalTargetCreator;
  }

  /**
   * @param imgs prepared images (N, H, W, 3).
   * @param bboxes R * 4 values an image, in pixels of `imgs`. @param labels R labels an image, counting from 0.
   * @param scales of `imgs` to the images as they were. Default 1.
   * @returns the sum of the four losses, each the mean over the images: a scalar.
   */
  override forward(
    imgs: tf.Tensor4D,
    bboxes: readonly NumberList[],
    labels: readonly NumberList[],
    scales?: readonly number[],
  ): tf.Scalar {
    const { extractor, rpn, head, locNormalizeMean, locNormalizeStd } = this.faster_rcnn;
    const imgSize = [imgs.shape[1], imgs.shape[2]] as const;
    const features = extractor.call(imgs) as tf.Tensor4D;
    const { rpnLocs, rpnScores, rois, roiIndices, anchor } = rpn.call(features, imgSize, scales);
    const losses = bboxes.map((bbox, i) => {
      const row = <T extends tf.Tensor>(t: T): T =>
        tf.slice(t, [i, ...t.shape.slice(1).map(() => 0)], [1, ...t.shape.slice(1)]);
      const own = takeBoxes(
        rois,
        indicesWhere(roiIndices.length, (r) => roiIndices[r] === i),
      );
      const { sampleRoi, gtRoiLoc, gtRoiLabel } = this.proposalTargetCreator.create(
        own,
        bbox,
        labels[i]!,
        locNormalizeMean,
        locNormalizeStd,
      );
      const { loc, label } = this.anchorTargetCreator.create(bbox, anchor, imgSize);
      const zeros = new Int32Array(gtRoiLabel.length);
      const [roiClsLocs, roiScores] = head.call(row(features), sampleRoi, zeros);
      const chosen = Int32Array.from(gtRoiLabel, (l, r) => r * head.nClass + l);
      const roiLocs = tf.gather(tf.reshape(roiClsLocs, [-1, 4]), tf.tensor1d(chosen, 'int32'));
      return [
        locLoss(tf.reshape(row(rpnLocs), [-1, 4]), loc, label, this.rpnSigma),
        softmaxCrossEntropy(tf.reshape(row(rpnScores), [-1, 2]), tf.tensor1d(label, 'int32')),
        locLoss(roiLocs, gtRoiLoc, gtRoiLabel, this.roiSigma),
        softmaxCrossEntropy(roiScores, tf.tensor1d(gtRoiLabel, 'int32')),
      ];
    });
    const [rpn_loc_loss, rpn_cls_loss, roi_loc_loss, roi_cls_loss] = [0, 1, 2, 3].map(
      (k) => tf.div(tf.addN(losses.map((each) => each[k]!)), losses.length) as tf.Scalar,
    ) as [tf.Scalar, tf.Scalar, tf.Scalar, tf.Scalar];
    const loss = tf.addN([rpn_loc_loss, rpn_cls_loss, roi_loc_loss, roi_cls_loss]) as tf.Scalar;
    report({ loss, rpn_loc_loss, rpn_cls_loss, roi_loc_loss, roi_cls_loss }, this);
    return loss;
  }
}

/**
 * The smooth L1 loss of the offsets of positives, divided by the number of labels that count.
 * @param x (R, 4), @param t R * 4 values, @param label R values.
 */
export function locLoss(x: tf.Tensor, t: Float32Array, label: Int32Array, sigma: number): tf.Scalar {
  const positive = indicesWhere(label.length, (i) => label[i]! > 0);
  const count = label.reduce((sum, l) => sum + Number(l >= 0), 0);
  if (positive.length === 0) return tf.mul(tf.sum(x), 0) as tf.Scalar;
  const chosen = tf.gather(x, tf.tensor1d(positive, 'int32'));
  const target = tf.tensor2d(takeBoxes(t, positive), [positive.length, 4]);
  return tf.mul(tf.sum(huberLoss(chosen, target, 1 / sigma ** 2)), sigma ** 2 / count) as tf.Scalar;
}
