/** What a detector on a feature pyramid learns: the targets of its parts, and their losses. */
import { defaultRandom, huberLoss, sigmoidCrossEntropy, softmaxCrossEntropy } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Rng, sample } from '../../rng.ts';
import { bboxIou } from '../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';
import { bbox2loc, bestPartners, indicesWhere, takeBoxes } from '../../utils/bbox/loc.ts';
import { maskToSegm } from '../../utils/mask/mask-to-segm.ts';
import type { Masks } from '../../utils/mask/masks.ts';
import type { Regions } from '../faster-rcnn/region-proposal-network.ts';
import { joinRegions, takeRegions } from './regions.ts';

type Size = readonly [height: number, width: number];

/** The losses of offsets and of what is there. */
export interface RegionLosses {
  readonly locLoss: tf.Scalar;
  readonly confLoss: tf.Scalar;
}

/** Of the anchors of an image that count: how many, what is positive, and their IoUs. */
const RPN = { sample: 256, positive: 0.25, posIou: 0.7, negIou: 0.3 } as const;
/** ... of the regions. */
const HEAD = { sample: 512, positive: 0.25, posIou: 0.5 } as const;

/** 0.5 d^2 / beta below beta, else d - beta / 2: summed over the offsets of each row, times the row's weight, over all rows. */
function weightedLocLoss(x: tf.Tensor, t: Float32Array, weights: readonly number[], beta: number): tf.Scalar {
  if (weights.length === 0) return tf.mul(tf.sum(x), 0) as tf.Scalar;
  const losses = huberLoss(x, tf.tensor2d(t, [weights.length, 4]), beta);
  return tf.sum(tf.mul(losses, tf.tensor1d(weights.map((weight) => weight / beta)))) as tf.Scalar;
}

const rowsOf = (x: tf.Tensor, rows: readonly number[]): tf.Tensor =>
  tf.gather(x, tf.tensor1d([...rows], 'int32'));

/**
 * The losses of a region proposal network on a feature pyramid.
 *
 * Where more anchors are positive than may count, some are dropped; negatives are drawn with replacement, and only where there are
 * more than are asked for: on small images none counts, as in ChainerCV. An image of which nothing counts adds nothing (in ChainerCV
 * the losses are NaN). Needs a backend whose values can be read at once: cpu or WASM. Chainer counterpart:
 * `chainercv.links.model.fpn.rpn_loss`.
 *
 * @param locs offsets (N, K, 4) of each level, from `RPN`.
 * @param confs scores (N, K) of each level.
 * @param anchors K * 4 values of each level.
 * @param sizes [height, width] of each image: anchors that leave it do not count.
 * @param bboxes R * 4 values an image, in pixels of the input.
 * @param rng which anchors are drawn.
 */
export function rpnLoss(
  locs: readonly tf.Tensor3D[],
  confs: readonly tf.Tensor2D[],
  anchors: readonly Float32Array[],
  sizes: readonly Size[],
  bboxes: readonly NumberList[],
  rng: Rng = defaultRandom(),
): RegionLosses {
  const all = Float32Array.from(anchors.flatMap((anchor) => [...anchor]));
  const count = all.length / 4;
  const positives: { row: number; weight: number }[] = [];
  const counted: { row: number; weight: number; label: number }[] = [];
  const gtLocs: Float32Array[] = [];
  for (const [i, size] of sizes.entries()) {
    const bbox = Float32Array.from(bboxes[i]!);
    const { label, index } = anchorLabels(all, size, bbox, rng);
    const own = indicesWhere(count, (k) => label[k] === 1);
    const rows = indicesWhere(count, (k) => label[k]! >= 0);
    const weight = 1 / (rows.length * sizes.length);
    positives.push(...own.map((k) => ({ row: i * count + k, weight })));
    counted.push(...rows.map((k) => ({ row: i * count + k, weight, label: label[k]! })));
    const partners = own.map((k) => index[k]!);
    gtLocs.push(bbox2loc(takeBoxes(all, own), takeBoxes(bbox, partners)));
  }
  const loc = tf.reshape(tf.concat([...locs], 1), [-1, 4]);
  const conf = tf.reshape(tf.concat([...confs], 1), [-1]);
  const weightOf = ({ weight }: { weight: number }) => weight;
  return {
    locLoss: weightedLocLoss(
      rowsOf(
        loc,
        positives.map(({ row }) => row),
      ),
      Float32Array.from(gtLocs.flatMap((each) => [...each])),
      positives.map(weightOf),
      1 / 9,
    ),
    confLoss: weightedSum(
      counted.map(weightOf),
      (labels) =>
        sigmoidCrossEntropy(
          rowsOf(
            conf,
            counted.map(({ row }) => row),
          ),
          labels,
          { reduce: 'no' },
        ),
      counted.map(({ label }) => label),
      conf,
    ),
  };
}

/** The sum of a loss of each label times its weight; of no label 0, with a gradient. */
function weightedSum(
  weights: readonly number[],
  lossOf: (labels: tf.Tensor1D) => tf.Tensor,
  labels: readonly number[],
  x: tf.Tensor,
): tf.Scalar {
  if (labels.length === 0) return tf.mul(tf.sum(x), 0) as tf.Scalar;
  return tf.sum(tf.mul(lossOf(tf.tensor1d([...labels], 'int32')), tf.tensor1d([...weights]))) as tf.Scalar;
}

/** What the anchors of an image are: 1 positive, 0 negative, -1 does not count; and the box that each is nearest to. */
function anchorLabels(
  anchors: Float32Array,
  [height, width]: Size,
  bbox: Float32Array,
  rng: Rng,
): { label: Int32Array; index: Int32Array } {
  const [n, k] = [anchors.length / 4, bbox.length / 4];
  const iou = bboxIou(anchors, bbox);
  const { index, best } = bestPartners(iou, n, k);
  const inside = indicesWhere(
    n,
    (i) =>
      anchors[4 * i]! >= 0 &&
      anchors[4 * i + 1]! >= 0 &&
      anchors[4 * i + 2]! < height &&
      anchors[4 * i + 3]! < width,
  );
  const label = new Int32Array(n).fill(-1);
  for (let j = 0; j < k; j++) {
    const most = inside.reduce((max, i) => Math.max(max, iou[i * k + j]!), 0);
    for (const i of inside) if (iou[i * k + j] === most) label[i] = 1;
  }
  for (const i of inside) if (best[i]! >= Math.fround(RPN.posIou)) label[i] = 1;
  const positive = indicesWhere(n, (i) => label[i] === 1);
  const most = Math.trunc(RPN.sample * RPN.positive);
  if (positive.length > most) for (const i of sample(rng, positive, positive.length - most)) label[i] = -1;
  const negative = k === 0 ? inside : inside.filter((i) => best[i]! < Math.fround(RPN.negIou));
  const wanted = RPN.sample - Math.min(positive.length, most);
  if (negative.length > wanted) for (const i of sample(rng, negative, wanted, true)) label[i] = 0;
  return { label, index };
}

/** Regions of each level with what is in them. */
export interface RegionTargets {
  readonly levels: readonly Regions[];
  /** R * 4 offsets of each level; zeros for background of images without boxes. */
  readonly gtLocs: readonly Float32Array[];
  /** R labels of each level, 0 for background. */
  readonly gtLabels: readonly Int32Array[];
}

/**
 * What a head learns of regions: some of each image, at most 512, a quarter of them with an object.
 *
 * Chainer counterpart: `chainercv.links.model.fpn.bbox_head_loss_pre`.
 *
 * @param levels regions of each level, as `BboxHead.distribute` gives them.
 * @param std deviations of the offsets: of the centre and of the size.
 * @param bboxes R * 4 values an image, in pixels of the input.
 * @param labels R labels an image, counting from 0.
 * @param rng which regions are dropped.
 */
export function bboxHeadLossPre(
  levels: readonly Regions[],
  std: readonly [center: number, size: number],
  bboxes: readonly NumberList[],
  labels: readonly NumberList[],
  rng: Rng = defaultRandom(),
): RegionTargets {
  const all = joinRegions(levels);
  const level = levels.flatMap(({ roiIndices }, l) => Array.from(roiIndices, () => l));
  const gtLoc = new Float32Array(all.rois.length);
  const gtLabel = new Int32Array(level.length);
  for (const [i, bbox] of bboxes.entries()) {
    const rows = indicesWhere(level.length, (r) => all.roiIndices[r] === i);
    const rois = takeBoxes(all.rois, rows);
    const boxes = Float32Array.from(bbox);
    const { index, best } = bestPartners(bboxIou(rois, boxes), rows.length, boxes.length / 4);
    if (boxes.length > 0) {
      const loc = bbox2loc(rois, takeBoxes(boxes, index));
      for (const [r, row] of rows.entries()) {
        for (let c = 0; c < 4; c++) gtLoc[4 * row + c] = loc[4 * r + c]! / std[c < 2 ? 0 : 1];
        gtLabel[row] = best[r]! < HEAD.posIou ? 0 : labels[i]![index[r]!]! + 1;
      }
    }
    const keep = (of: number[], most: number): number => {
      if (of.length <= most) return of.length;
      for (const row of sample(rng, of, of.length - most)) gtLabel[row] = -1;
      return most;
    };
    // What is drawn from are the positions among the image's own regions.
    const positive = keep(
      rows.filter((row) => gtLabel[row]! > 0),
      Math.trunc(HEAD.sample * HEAD.positive),
    );
    keep(
      rows.filter((row) => gtLabel[row] === 0),
      HEAD.sample - positive,
    );
  }
  const chosen = levels.map((_, l) =>
    indicesWhere(level.length, (row) => level[row] === l && gtLabel[row]! >= 0),
  );
  return {
    levels: chosen.map((rows) => takeRegions(all, rows)),
    gtLocs: chosen.map((rows) => takeBoxes(gtLoc, rows)),
    gtLabels: chosen.map((rows) => Int32Array.from(rows, (row) => gtLabel[row]!)),
  };
}

/**
 * The losses of a head that says what is in regions. Chainer counterpart: `chainercv.links.model.fpn.bbox_head_loss_post`.
 *
 * @param locs offsets (R, nClass, 4), level by level, from `BboxHead`.
 * @param confs class outputs (R, nClass).
 * @param targets from `bboxHeadLossPre`.
 * @param batch number of images.
 */
export function bboxHeadLossPost(
  locs: tf.Tensor3D,
  confs: tf.Tensor2D,
  { levels, gtLocs, gtLabels }: RegionTargets,
  batch: number,
): RegionLosses {
  const { roiIndices } = joinRegions(levels);
  const labels = gtLabels.flatMap((label) => [...label]);
  const loc = Float32Array.from(gtLocs.flatMap((each) => [...each]));
  const counts = new Map<number, number>();
  for (const i of roiIndices) counts.set(i, (counts.get(i) ?? 0) + 1);
  const weights = Array.from(roiIndices, (i) => 1 / (counts.get(i)! * batch));
  const positive = indicesWhere(labels.length, (r) => labels[r]! > 0);
  const nClass = locs.shape[1];
  const rows = positive.map((r) => r * nClass + labels[r]!);
  return {
    locLoss: weightedLocLoss(
      rowsOf(tf.reshape(locs, [-1, 4]), rows),
      takeBoxes(loc, positive),
      positive.map((r) => weights[r]!),
      1,
    ),
    confLoss: weightedSum(weights, (t) => softmaxCrossEntropy(confs, t, { reduce: 'no' }), labels, confs),
  };
}

/** Regions of each level with the masks of what is in them. */
export interface MaskTargets {
  readonly levels: readonly Regions[];
  /** R * segmSize * segmSize values of each level, 1 where the object is. */
  readonly gtSegms: readonly Float32Array[];
  /** R labels of each level, counting from 1. */
  readonly gtMaskLabels: readonly Int32Array[];
}

/**
 * What a head learns that draws masks: the regions with an object. Chainer counterpart:
 * `chainercv.links.model.mask_rcnn.mask_head_loss_pre`.
 *
 * @param targets from `bboxHeadLossPre`.
 * @param gtMasks of the objects of each image, of the size of the input.
 * @param gtBboxes R * 4 values an image.
 * @param segmSize side of the small masks.
 */
export function maskHeadLossPre(
  { levels, gtLabels }: Pick<RegionTargets, 'levels' | 'gtLabels'>,
  gtMasks: readonly Masks[],
  gtBboxes: readonly NumberList[],
  segmSize: number,
): MaskTargets {
  const chosen = gtLabels.map((label) => indicesWhere(label.length, (r) => label[r]! > 0));
  const own = levels.map((regions, l) => takeRegions(regions, chosen[l]!));
  return {
    levels: own,
    gtMaskLabels: chosen.map((rows, l) => Int32Array.from(rows, (r) => gtLabels[l]![r]!)),
    gtSegms: own.map(({ rois, roiIndices }) => {
      const segms = new Float32Array(roiIndices.length * segmSize ** 2);
      for (const i of new Set(roiIndices)) {
        const rows = indicesWhere(roiIndices.length, (r) => roiIndices[r] === i);
        const boxes = takeBoxes(rois, rows);
        const bbox = Float32Array.from(gtBboxes[i]!);
        const { index } = bestPartners(bboxIou(boxes, bbox), rows.length, bbox.length / 4);
        const segm = maskToSegm(gtMasks[i]!, boxes, segmSize, index);
        for (const [at, r] of rows.entries())
          segms.set(segm.subarray(at * segmSize ** 2, (at + 1) * segmSize ** 2), r * segmSize ** 2);
      }
      return segms;
    }),
  };
}

/**
 * The loss of a head that draws masks: the mean sigmoid cross entropy of the pixels of the right classes. Chainer counterpart:
 * `chainercv.links.model.mask_rcnn.mask_head_loss_post`.
 *
 * @param segms (R, segmSize, segmSize, nClass) before the sigmoid, level by level, from `MaskHead`.
 * @param targets from `maskHeadLossPre`: one region at least.
 */
export function maskHeadLossPost(
  segms: tf.Tensor4D,
  { gtSegms, gtMaskLabels }: Pick<MaskTargets, 'gtSegms' | 'gtMaskLabels'>,
): tf.Scalar {
  const [count, height, width, nClass] = segms.shape;
  const labels = gtMaskLabels.flatMap((label) => [...label]);
  const rows = labels.map((label, r) => r * nClass + label);
  const planes = tf.reshape(tf.transpose(segms, [0, 3, 1, 2]), [count * nClass, height * width]);
  const t = tf.tensor2d(
    Int32Array.from(gtSegms.flatMap((segm) => [...segm])),
    [count, height * width],
    'int32',
  );
  return sigmoidCrossEntropy(rowsOf(planes, rows), t) as tf.Scalar;
}
