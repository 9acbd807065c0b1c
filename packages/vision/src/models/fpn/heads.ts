import {
  Chain,
  Conv2DActiv,
  Convolution2D,
  Deconvolution2D,
  HeNormal,
  Linear,
  Normal,
  relu,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { bestOf, noCandidates } from '../../utils/bbox/best-of.ts';
import type { Detections } from '../../utils/bbox/detections.ts';
import { takeBoxes } from '../../utils/bbox/loc.ts';
import type { Masks } from '../../utils/mask/masks.ts';
import { segmToMask } from '../../utils/mask/segm-to-mask.ts';
import type { Thresholds } from '../detector.ts';
import type { Regions } from '../faster-rcnn/region-proposal-network.ts';
import { alignRegions, clipCorners, distribute, type Levels, moveBoxes } from './regions.ts';

type Size = readonly [height: number, width: number];

/** Of all offsets of the box head: of the centre and of the size. */
export const STD = [0.1, 0.2] as const;

/** Says what is in regions, and where. Children: fc1, fc2, loc, conf. Chainer counterpart: `chainercv.links.model.fpn.BboxHead`. */
export class BboxHead extends Chain {
  /** Side of a region of level 2, in pixels of the input. */
  canonicalScale = 224;
  /** Side of an aligned region. */
  readonly roiSize = 7;
  readonly fc1 = new Linear(null, 1024);
  readonly fc2 = new Linear(null, 1024);
  readonly loc: Linear;
  readonly conf: Linear;

  /** @param nClass classes with the background. @param scales pixels of each map in one of the input. */
  constructor(
    readonly nClass: number,
    readonly scales: readonly number[],
  ) {
    super();
    this.loc = new Linear(null, nClass * 4, { initialW: new Normal(0.001) });
    this.conf = new Linear(null, nClass, { initialW: new Normal(0.01) });
  }

  distribute(regions: Regions): Levels {
    return distribute(regions, this.scales.length, this.canonicalScale);
  }

  /** @param levels regions of each map, one at least. @returns offsets (R, nClass, 4) and class outputs (R, nClass), level by level. */
  override forward(
    hs: readonly tf.Tensor4D[],
    levels: readonly Regions[],
  ): [locs: tf.Tensor3D, confs: tf.Tensor2D] {
    return this.classify(alignRegions(hs, levels, this.scales, this.roiSize));
  }

  /** @param aligned (R, roiSize, roiSize, C). @returns offsets (R, nClass, 4) and class outputs (R, nClass). */
  classify(aligned: tf.Tensor4D): [locs: tf.Tensor3D, confs: tf.Tensor2D] {
    const h = relu(this.fc2.call(relu(this.fc1.call(aligned))));
    return [tf.reshape(this.loc.call(h), [h.shape[0], -1, 4]), this.conf.call(h)];
  }

  /**
   * What is in one image, by the values of what `forward` gives for its regions.
   * @param rois R * 4 values in pixels of the input, `scale` of which are one of the image. @param size of the image.
   */
  decode(
    rois: Float32Array,
    locs: Float32Array,
    confs: Float32Array,
    scale: number,
    size: Size,
    { nmsThresh, scoreThresh }: Thresholds,
  ): Detections {
    const { nClass } = this;
    const boxes = rois.map((value) => value / scale);
    const bbox = clipCorners(moveBoxes(boxes, locs, STD), size);
    const candidates = noCandidates(nClass - 1);
    for (let r = 0; r < rois.length / 4; r++) {
      const row = confs.subarray(r * nClass, (r + 1) * nClass);
      const largest = Math.max(...row);
      const exponential = Array.from(row, (value) => Math.exp(value - largest));
      const sum = exponential.reduce((a, b) => a + b, 0);
      for (let l = 1; l < nClass; l++) {
        const score = Math.fround(exponential[l]! / sum);
        if (score < Math.fround(scoreThresh)) continue;
        candidates[l - 1]!.rows.push(r);
        candidates[l - 1]!.scores.push(score);
      }
    }
    const boxesOf = (rows: readonly number[], label: number) =>
      takeBoxes(
        bbox,
        rows.map((row) => row * nClass + label + 1),
      );
    return bestOf(candidates, boxesOf, nmsThresh);
  }
}

/** Draws the masks of boxes. Children: conv1 to conv5, seg. Chainer counterpart: `chainercv.links.model.mask_rcnn.MaskHead`. */
export class MaskHead extends Chain {
  /** Side of a region of level 2, in pixels of the input. */
  canonicalScale = 224;
  readonly segmSize = 28;
  /** Side of an aligned region. */
  readonly roiSize = 14;
  readonly conv1 = maskConvolution();
  readonly conv2 = maskConvolution();
  readonly conv3 = maskConvolution();
  readonly conv4 = maskConvolution();
  readonly conv5 = new Deconvolution2D(null, 256, 2, { stride: 2, initialW: fanOut() });
  readonly seg: Convolution2D;

  /** @param nClass classes with the background. @param scales pixels of each map in one of the input. */
  constructor(
    readonly nClass: number,
    readonly scales: readonly number[],
  ) {
    super();
    this.seg = new Convolution2D(null, nClass, 1, { initialW: fanOut() });
  }

  distribute(regions: Regions): Levels {
    return distribute(regions, this.scales.length, this.canonicalScale);
  }

  /** @param levels regions of each map, one at least. @returns (R, 28, 28, nClass) before the sigmoid, level by level. */
  override forward(hs: readonly tf.Tensor4D[], levels: readonly Regions[]): tf.Tensor4D {
    return this.draw(alignRegions(hs, levels, this.scales, this.roiSize));
  }

  /** @param aligned (R, roiSize, roiSize, C). @returns (R, 28, 28, nClass) before the sigmoid. */
  draw(aligned: tf.Tensor4D): tf.Tensor4D {
    const deep = this.conv4.call(this.conv3.call(this.conv2.call(this.conv1.call(aligned))));
    return this.seg.call(relu(this.conv5.call(deep)));
  }

  /**
   * The masks of the objects of one image.
   * @param segms R * 28 * 28 * nClass outputs before the sigmoid.
   */
  decode(segms: Float32Array, { bbox, label }: Pick<Detections, 'bbox' | 'label'>, size: Size): Masks {
    const { nClass, segmSize } = this;
    const area = segmSize ** 2;
    const own = Float32Array.from({ length: label.length * area }, (_, i) => {
      const r = Math.floor(i / area);
      return 1 / (1 + Math.exp(-segms[i * nClass + label[r]! + 1]!));
    });
    return segmToMask(own, segmSize, bbox, size);
  }
}

function fanOut(): HeNormal {
  return new HeNormal(1, { fanOption: 'fan_out' });
}

function maskConvolution(): Conv2DActiv {
  return new Conv2DActiv(null, 256, 3, { pad: 1, initialW: fanOut() });
}
