import { Chain, Convolution2D, config, Normal, roundHalfEven } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { indicesWhere, takeBoxes } from '../../utils/bbox/loc.ts';
import { nonMaximumSuppression } from '../../utils/bbox/non-maximum-suppression.ts';
import { nthPart } from '../detector.ts';
import type { Regions } from '../faster-rcnn/region-proposal-network.ts';
import { clipCorners, joinRegions, moveBoxes } from './regions.ts';

type Size = readonly [height: number, width: number];

const RATIOS = [0.5, 1, 2];
const ANCHOR_SIZE = 32;

/**
 * Proposes regions on each level of a feature pyramid. Children: conv, loc, conf.
 *
 * Chainer counterpart: `chainercv.links.model.fpn.RPN`.
 */
export class RPN extends Chain {
  readonly conv: Convolution2D;
  readonly loc: Convolution2D;
  readonly conf: Convolution2D;
  nmsThresh = 0.7;
  /** Regions of a level that are looked at and that are given, and of an image, in training. */
  trainNmsLimitPre = 2000;
  trainNmsLimitPost = 2000;
  /** ... in a test. */
  testNmsLimitPre = 1000;
  testNmsLimitPost = 1000;

  /** @param scales pixels of each map in one of the input. */
  constructor(readonly scales: readonly number[]) {
    super();
    const initialW = new Normal(0.01);
    this.conv = new Convolution2D(null, 256, 3, { pad: 1, initialW });
    this.loc = new Convolution2D(null, RATIOS.length * 4, 1, { initialW });
    this.conf = new Convolution2D(null, RATIOS.length, 1, { initialW });
  }

  /** @returns for each level the offsets (N, K, 4) of its anchors and their scores (N, K). */
  override forward(hs: readonly tf.Tensor4D[]): { locs: tf.Tensor3D[]; confs: tf.Tensor2D[] } {
    const maps = hs.map((h) => this.conv.call(h, 'relu'));
    return {
      locs: maps.map((h) => tf.reshape(this.loc.call(h), [h.shape[0], -1, 4])),
      confs: maps.map((h) => tf.reshape(this.conf.call(h), [h.shape[0], -1])),
    };
  }

  /** The anchors of each level: row by row, cell by cell, ratio by ratio. @param sizes [height, width] of the maps. */
  anchors(sizes: readonly Size[]): Float32Array[] {
    return sizes.map(([height, width], level) => {
      const base = this.anchorBase(level);
      const stride = 1 / this.scales[level]!;
      const boxes = Array.from({ length: height * width }, (_, cell) => {
        const y = (Math.floor(cell / width) + 0.5) * stride;
        const x = ((cell % width) + 0.5) * stride;
        return base.map((value, i) => value + (i % 2 === 0 ? y : x));
      });
      return Float32Array.from(boxes.flat());
    });
  }

  /** The anchors of a cell of a level about its middle, ratio by ratio: rows of (yMin, xMin, yMax, xMax). */
  anchorBase(level: number): number[] {
    const scale = this.scales[level]!;
    const side = (ANCHOR_SIZE << level) * scale;
    return RATIOS.flatMap((ratio) => {
      const width = roundHalfEven(1 / Math.sqrt(ratio) / scale);
      const [h, w] = [roundHalfEven(width * ratio) * side, width * side];
      return [-h / 2, -w / 2, h / 2, w / 2];
    });
  }

  /**
   * The regions that follow from the outputs: of each level the best of those that overlap, of an image the best of all levels.
   * @param locs the values of the locations that `forward` gives. @param confs those of the confidences.
   * @param inSize [height, width] of the batch.
   */
  decode(
    locs: readonly Float32Array[],
    confs: readonly Float32Array[],
    anchors: readonly Float32Array[],
    batch: number,
    inSize: Size,
    train: boolean = config.train,
  ): Regions {
    const [pre, post] = train
      ? [this.trainNmsLimitPre, this.trainNmsLimitPost]
      : [this.testNmsLimitPre, this.testNmsLimitPost];
    const images = Array.from({ length: batch }, (_, i): Regions => {
      const found = anchors.map((anchor, l) => {
        const conf = nthPart(confs[l]!, i, batch);
        const best = bestFirst(conf).slice(0, pre);
        const moved = clipCorners(
          moveBoxes(takeBoxes(anchor, best), takeBoxes(nthPart(locs[l]!, i, batch), best)),
          inSize,
        );
        const kept = indicesWhere(
          best.length,
          (r) => moved[4 * r + 2]! > moved[4 * r]! && moved[4 * r + 3]! > moved[4 * r + 1]!,
        );
        const boxes = takeBoxes(moved, kept);
        const chosen = nonMaximumSuppression(boxes, this.nmsThresh, { limit: post });
        return { roi: takeBoxes(boxes, chosen), conf: Array.from(chosen, (r) => conf[best[kept[r]!]!]!) };
      });
      const rois = Float32Array.from(found.flatMap(({ roi }) => [...roi]));
      const order = bestFirst(found.flatMap(({ conf }) => conf)).slice(0, post);
      return { rois: takeBoxes(rois, order), roiIndices: new Int32Array(order.length).fill(i) };
    });
    return joinRegions(images);
  }
}

const bestFirst = (scores: ArrayLike<number>): number[] =>
  Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
