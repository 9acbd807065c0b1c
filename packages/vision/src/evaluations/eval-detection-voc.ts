import { checkOptions, type OptionKinds } from '@chaingrad/core';
import { BboxFormatError } from '../errors.ts';
import { bboxIou, countBoxes } from '../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../utils/bbox/detections.ts';

export interface DetectionPrecRec {
  /** Precision of each class at each of its detections, by descending score; null where the class appears nowhere. */
  readonly prec: (Float64Array | null)[];
  /** Recall likewise; null where there is no ground truth of the class (difficult boxes do not count). */
  readonly rec: (Float64Array | null)[];
}

export interface DetectionVocResult {
  /** Average precision of each class; NaN where there is no ground truth of the class. */
  readonly ap: Float64Array;
  /** Their mean without the NaNs. */
  readonly map: number;
}

export interface EvalDetectionVocOptions {
  /** IoU from which a detection is matched with a ground truth box. */
  readonly iouThresh?: number;
  /** The mean of 11 points of PASCAL VOC 2007 instead of the area under the curve. */
  readonly use07Metric?: boolean;
}

export const evalVocKinds: OptionKinds<EvalDetectionVocOptions> = {
  iouThresh: 'number',
  use07Metric: 'boolean',
};

type Difficults = readonly ArrayLike<number | boolean>[];

/** Counts of one class. `match` of a detection: 1 is a true positive, 0 a false one, -1 is matched with a difficult box and ignored. */
class ClassTally {
  truths = 0;
  readonly score: number[] = [];
  readonly match: number[] = [];
}

/** Indices by descending score; of equal ones the last comes first, as `argsort()[::-1]` gives them. */
const byScore = (indices: number[], score: (i: number) => number): number[] =>
  indices.sort((i, j) => score(j) - score(i) || j - i);

/**
 * Precision and recall of detections, class by class.
 *
 * As PASCAL VOC: in each image the best scored detection of a ground truth box is a true positive, further ones of the same
 * box are false positives; detections of difficult boxes are ignored. Corners are taken as inclusive pixels: 1 is added to
 * yMax and xMax of detections and ground truth. Chainer counterpart: `chainercv.evaluations.calc_detection_voc_prec_rec`.
 *
 * @param predBboxes one flat list an image, rows of (yMin, xMin, yMax, xMax).
 * @param gtDifficults one list an image; without it nothing is difficult.
 * @throws BboxFormatError if the lists do not have one entry an image, or an entry not one value a box.
 */
export function calcDetectionVocPrecRec(
  predBboxes: readonly NumberList[],
  predLabels: readonly NumberList[],
  predScores: readonly NumberList[],
  gtBboxes: readonly NumberList[],
  gtLabels: readonly NumberList[],
  gtDifficults: Difficults | null = null,
  iouThresh = 0.5,
): DetectionPrecRec {
  const where = 'evalDetectionVoc';
  const images = gtBboxes.length;
  checkLengths(where, 'images', images, { predBboxes, predLabels, predScores, gtLabels });
  if (gtDifficults !== null) checkLengths(where, 'images', images, { gtDifficults });
  return precRecOf(
    gtBboxes.map((gtBbox, n): VocImage => {
      const predBbox = predBboxes[n]!;
      const image = {
        predLabel: predLabels[n]!,
        predScore: predScores[n]!,
        gtLabel: gtLabels[n]!,
        gtDifficult: gtDifficults?.[n] ?? null,
      };
      const predictions = countBoxes(predBbox, `evalDetectionVoc(predBboxes[${n}])`);
      const truths = countBoxes(gtBbox, `evalDetectionVoc(gtBboxes[${n}])`);
      checkImageLengths(where, 'boxes', n, predictions, truths, image);
      const iou = (predicted: readonly number[], actual: readonly number[]) =>
        bboxIou(inclusive(predBbox, predicted), inclusive(gtBbox, actual));
      return { ...image, iou };
    }),
    iouThresh,
  );
}

/** What was found in an image, and what there is. */
export interface VocImage {
  readonly predLabel: NumberList;
  readonly predScore: NumberList;
  readonly gtLabel: NumberList;
  readonly gtDifficult: ArrayLike<number | boolean> | null;
  /** The IoU of some detections (rows) with some ground truth (columns). */
  iou(predicted: readonly number[], actual: readonly number[]): Float64Array;
}

/** Precision and recall of the detections of all images, class by class. */
export function precRecOf(images: readonly VocImage[], iouThresh: number): DetectionPrecRec {
  const classes = new Map<number, ClassTally>();
  for (const image of images) tallyImage(image, iouThresh, classes);
  const count = Math.max(-1, ...classes.keys()) + 1;
  const prec: (Float64Array | null)[] = new Array(count).fill(null);
  const rec: (Float64Array | null)[] = new Array(count).fill(null);
  for (const [label, { truths, score, match }] of classes) {
    const order = byScore([...score.keys()], (i) => score[i]!);
    let hits = 0;
    let misses = 0;
    const precision = new Float64Array(order.length);
    const recall = new Float64Array(order.length);
    order.forEach((i, r) => {
      if (match[i] === 1) hits++;
      else if (match[i] === 0) misses++;
      precision[r] = hits / (hits + misses);
      recall[r] = hits / truths;
    });
    prec[label] = precision;
    rec[label] = truths > 0 ? recall : null;
  }
  return { prec, rec };
}

/** @throws BboxFormatError unless every list has as many entries as there are `what`. */
export function checkLengths(
  where: string,
  what: string,
  expected: number,
  lists: Record<string, ArrayLike<unknown>>,
): void {
  for (const [name, list] of Object.entries(lists)) {
    if (list.length !== expected)
      throw new BboxFormatError(where, `${expected} ${what} in every list`, `${list.length} in ${name}`);
  }
}

/** ... of the image `n`, which has so many detections and so much ground truth. */
export function checkImageLengths(
  where: string,
  what: string,
  n: number,
  predictions: number,
  truths: number,
  { predLabel, predScore, gtLabel, gtDifficult }: Omit<VocImage, 'iou'>,
): void {
  checkLengths(where, `${what} of image ${n}`, predictions, { predLabels: predLabel, predScores: predScore });
  checkLengths(where, `${what} of image ${n}`, truths, {
    gtLabels: gtLabel,
    gtDifficults: gtDifficult ?? gtLabel,
  });
}

function tallyImage(image: VocImage, iouThresh: number, classes: Map<number, ClassTally>): void {
  const { predLabel, predScore, gtLabel, gtDifficult } = image;
  for (const label of new Set([...Array.from(predLabel), ...Array.from(gtLabel)])) {
    let tally = classes.get(label);
    if (tally === undefined) {
      tally = new ClassTally();
      classes.set(label, tally);
    }
    const having = (labels: NumberList) =>
      Array.from(labels, (l, i) => (l === label ? i : -1)).filter((i) => i >= 0);
    const predicted = byScore(having(predLabel), (i) => predScore[i]!);
    const actual = having(gtLabel);
    const isDifficult = actual.map((j) => Boolean(gtDifficult?.[j]));
    tally.truths += isDifficult.filter((d) => !d).length;

    const iou = image.iou(predicted, actual);
    const isTaken = new Array<boolean>(actual.length).fill(false);
    predicted.forEach((i, r) => {
      tally.score.push(predScore[i]!);
      const row = iou.subarray(r * actual.length, (r + 1) * actual.length);
      const best = row.reduce((b, v, j) => (v > (row[b] ?? Number.NEGATIVE_INFINITY) ? j : b), 0);
      if (!((row[best] ?? Number.NEGATIVE_INFINITY) >= iouThresh)) tally.match.push(0);
      else if (isDifficult[best]) tally.match.push(-1);
      else tally.match.push(isTaken[best] ? 0 : 1);
      if (row.length > 0 && row[best]! >= iouThresh) isTaken[best] = true;
    });
  }
}

/** Some rows of a bbox, with 1 added to yMax and xMax: the corner pixels belong to the box. */
function inclusive(bbox: NumberList, rows: readonly number[]): Float32Array {
  const out = new Float32Array(rows.length * 4);
  rows.forEach((i, r) => {
    for (let c = 0; c < 4; c++) out[4 * r + c] = bbox[4 * i + c]! + (c < 2 ? 0 : 1);
  });
  return out;
}

/**
 * Average precision from precision and recall. Chainer counterpart: `chainercv.evaluations.calc_detection_voc_ap`.
 *
 * @param use07Metric the mean of the best precision at recalls of 0, 0.1, ... 1 or more; else the area under the curve
 *   made monotonically decreasing.
 * @returns a value for each class, NaN where precision or recall is null.
 */
export function calcDetectionVocAp(
  prec: readonly (ArrayLike<number> | null)[],
  rec: readonly (ArrayLike<number> | null)[],
  use07Metric = false,
): Float64Array {
  return Float64Array.from(prec, (p, l) => {
    const r = rec[l];
    if (p === null || r === null || r === undefined) return Number.NaN;
    // Precision is 0/0 while only difficult boxes were matched.
    const precision = Array.from(p, (v) => (Number.isNaN(v) ? 0 : v));
    return use07Metric ? elevenPoints(precision, r) : areaUnder(precision, r);
  });
}

function elevenPoints(prec: readonly number[], rec: ArrayLike<number>): number {
  let ap = 0;
  for (let i = 0; i <= 10; i++) {
    const reached = prec.filter((_, k) => rec[k]! >= i * 0.1);
    ap += reached.reduce((a, b) => Math.max(a, b), 0) / 11;
  }
  return ap;
}

function areaUnder(prec: readonly number[], rec: ArrayLike<number>): number {
  let ap = 0;
  let best = 0;
  for (let i = prec.length - 1; i >= 0; i--) {
    best = Math.max(best, prec[i]!);
    ap += (rec[i]! - (i > 0 ? rec[i - 1]! : 0)) * best;
  }
  return ap;
}

/**
 * Average precision of detections as PASCAL VOC measures it.
 *
 * Chainer counterpart: `chainercv.evaluations.eval_detection_voc`.
 *
 * ```ts
 * const { bboxes, labels, scores } = await model.predict(images);
 * const { map } = evalDetectionVoc(bboxes, labels, scores, gtBboxes, gtLabels, null, { use07Metric: true });
 * ```
 *
 * @param predBboxes one flat list an image, rows of (yMin, xMin, yMax, xMax).
 * @param gtDifficults one list an image, or null.
 * @throws BboxFormatError if the lists do not have one entry an image, or an entry not one value a box.
 */
export function evalDetectionVoc(
  predBboxes: readonly NumberList[],
  predLabels: readonly NumberList[],
  predScores: readonly NumberList[],
  gtBboxes: readonly NumberList[],
  gtLabels: readonly NumberList[],
  gtDifficults: Difficults | null = null,
  options: EvalDetectionVocOptions = {},
): DetectionVocResult {
  const { iouThresh = 0.5, use07Metric = false } = checkOptions('evalDetectionVoc', options, evalVocKinds);
  const { prec, rec } = calcDetectionVocPrecRec(
    predBboxes,
    predLabels,
    predScores,
    gtBboxes,
    gtLabels,
    gtDifficults,
    iouThresh,
  );
  const ap = calcDetectionVocAp(prec, rec, use07Metric);
  return { ap, map: meanWithoutNaN(ap) };
}

/** NaN if there is no value. */
export function meanWithoutNaN(values: ArrayLike<number>): number {
  const known = Array.from(values).filter((v) => !Number.isNaN(v));
  return known.reduce((a, b) => a + b, 0) / known.length;
}
