import { Chain, checkOptions, defaultRandom, report, usingConfig } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { MaskFormatError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';
import { checkMasks, type Masks } from '../../utils/mask/masks.ts';
import type { FasterRCNNFPN } from './faster-rcnn-fpn.ts';
import { STD } from './heads.ts';
import { bboxHeadLossPost, bboxHeadLossPre, maskHeadLossPost, maskHeadLossPre, rpnLoss } from './losses.ts';
import { joinRegions } from './regions.ts';

export interface FasterRCNNFPNTrainOptions {
  /** Which anchors and regions are drawn. */
  readonly rng?: Rng;
}

/**
 * A Faster R-CNN or Mask R-CNN on a feature pyramid with its losses, as an optimizer takes it.
 *
 * Reports `loss`, `loss/rpn/loc`, `loss/rpn/conf`, `loss/bbox_head/loc`, `loss/bbox_head/conf`, and of a Mask R-CNN `loss/mask_head`.
 * The batch normalizations of the extractor work as in a test; whoever trains on from ImageNet's weights freezes them:
 *
 * ```ts
 * const chain = new FasterRCNNFPNTrainChain(model);
 * const { base } = model.extractor;
 * for (const link of base.links()) if (link instanceof BatchNormalization) link.disableUpdate();
 * base.conv1.disableUpdate();
 * base.res2.disableUpdate();
 * ```
 *
 * Needs a backend whose values can be read at once: cpu or WASM. Chainer counterpart: `TrainChain` of ChainerCV's example
 * `fpn/train_multi.py`.
 */
export class FasterRCNNFPNTrainChain<M extends FasterRCNNFPN = FasterRCNNFPN> extends Chain {
  readonly rng: Rng | null;

  constructor(
    readonly model: M,
    options: FasterRCNNFPNTrainOptions = {},
  ) {
    super();
    this.rng = checkOptions('FasterRCNNFPNTrainChain', options, { rng: 'object' }).rng ?? null;
  }

  /**
   * @param x prepared images (N, H, W, 3), as the model's `prepare` gives them.
   * @param bboxes R * 4 values an image, in pixels of `x`.
   * @param labels R labels an image, counting from 0.
   * @param masks of the objects of each image, of the size of `x`: a model with a mask head needs them.
   * @param sizes [height, width] of the images in `x` without their padding. Default the whole.
   * @returns the sum of the losses: a scalar.
   * @throws MaskFormatError where a model with a mask head gets no masks, or such of another size.
   */
  override forward(
    x: tf.Tensor4D,
    bboxes: readonly NumberList[],
    labels: readonly NumberList[],
    masks: readonly Masks[] | null = null,
    sizes: readonly (readonly [height: number, width: number])[] | null = null,
  ): tf.Scalar {
    const { extractor, rpn, bbox_head: bboxHead, mask_head: maskHead } = this.model;
    const rng = this.rng ?? defaultRandom();
    const [batch, height, width] = x.shape;
    const hs = usingConfig('train', false, () => extractor.call(x));
    const { locs, confs } = rpn.call(hs);
    const anchors = rpn.anchors(hs.map(({ shape: [, h, w] }) => [h, w] as const));
    const own = sizes ?? bboxes.map(() => [height, width] as const);
    const proposals = rpnLoss(locs, confs, anchors, own, bboxes, rng);
    const losses: Record<string, tf.Scalar> = {
      'loss/rpn/loc': proposals.locLoss,
      'loss/rpn/conf': proposals.confLoss,
    };
    if (bboxHead !== null) {
      const values = (list: readonly tf.Tensor[]) => list.map((each) => each.dataSync<'float32'>());
      const found = rpn.decode(values(locs), values(confs), anchors, batch, [height, width]);
      const truth = {
        rois: Float32Array.from(bboxes.flatMap((bbox) => Array.from(bbox))),
        roiIndices: Int32Array.from(bboxes.flatMap((bbox, i) => new Array<number>(bbox.length / 4).fill(i))),
      };
      const { levels } = bboxHead.distribute(joinRegions([found, truth]));
      const targets = bboxHeadLossPre(levels, STD, bboxes, labels, rng);
      const [headLocs, headConfs] = bboxHead.call(hs, targets.levels);
      const regions = bboxHeadLossPost(headLocs, headConfs, targets, batch);
      losses['loss/bbox_head/loc'] = regions.locLoss;
      losses['loss/bbox_head/conf'] = regions.confLoss;
      if (maskHead !== null) {
        if (masks === null)
          throw new MaskFormatError('FasterRCNNFPNTrainChain', 'the masks of each image', 'none');
        for (const [i, mask] of masks.entries()) {
          const where = `FasterRCNNFPNTrainChain(masks[${i}])`;
          const [count, h, w] = checkMasks(where, mask);
          if (count !== bboxes[i]!.length / 4 || (count > 0 && (h !== height || w !== width)))
            throw new MaskFormatError(
              where,
              `${bboxes[i]!.length / 4} masks of ${height} x ${width}`,
              mask.shape.join(' x '),
            );
        }
        const drawn = maskHeadLossPre(targets, masks, bboxes, maskHead.segmSize);
        const isAny = drawn.levels.some(({ roiIndices }) => roiIndices.length > 0);
        // Some region where there is none with an object: every parameter has its gradient, of zeros.
        const one = { rois: Float32Array.of(0, 0, 1, 1), roiIndices: Int32Array.of(0) };
        const any = isAny ? drawn.levels : drawn.levels.map((each, l) => (l === 0 ? one : each));
        const segms = maskHead.call(hs, any);
        losses['loss/mask_head'] = isAny
          ? maskHeadLossPost(segms, drawn)
          : (tf.mul(tf.sum(segms), 0) as tf.Scalar);
      }
    }
    const loss = tf.addN(Object.values(losses)) as tf.Scalar;
    report({ loss, ...losses }, this);
    return loss;
  }
}
