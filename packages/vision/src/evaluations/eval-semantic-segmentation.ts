import { MaskFormatError } from '../errors.ts';
import { checkLabelMap, type LabelMap } from '../utils/mask/label-map.ts';
import { meanWithoutNaN } from './eval-detection-voc.ts';

/** How many pixels of each class (rows) were taken for each class (columns). */
export interface SemanticSegmentationConfusion {
  /** The largest class that occurs, and one. */
  readonly nClass: number;
  /** nClass * nClass counts. */
  readonly confusion: Float64Array;
}

export interface SemanticSegmentationResult {
  /** Of each class the pixels that are right, as a share of those that have it or were given it; NaN where there are none. */
  readonly iou: Float64Array;
  /** Their mean without the NaNs. */
  readonly miou: number;
  /** The share of pixels that are right. */
  readonly pixelAccuracy: number;
  /** Of each class the share of its pixels that are right; NaN where it has none. */
  readonly classAccuracy: Float64Array;
  /** Their mean without the NaNs. */
  readonly meanClassAccuracy: number;
}

/**
 * Counts which classes pixels have and were given.
 *
 * Chainer counterpart: `chainercv.evaluations.calc_semantic_segmentation_confusion`.
 *
 * @param predLabels what each image's pixels were given.
 * @param gtLabels what they have: negative ones do not count.
 * @throws MaskFormatError unless both have as many maps, of the same sizes, and predictions are not negative.
 */
export function calcSemanticSegmentationConfusion(
  predLabels: readonly LabelMap[],
  gtLabels: readonly LabelMap[],
): SemanticSegmentationConfusion {
  const where = 'evalSemanticSegmentation';
  if (predLabels.length !== gtLabels.length)
    throw new MaskFormatError(where, `${gtLabels.length} predictions, one an image`, `${predLabels.length}`);
  const counts = new Map<number, Map<number, number>>();
  let nClass = 0;
  for (const [n, gt] of gtLabels.entries()) {
    const pred = predLabels[n]!;
    const size = checkLabelMap(`${where}(gtLabels[${n}])`, gt);
    const own = checkLabelMap(`${where}(predLabels[${n}])`, pred);
    if (size.join() !== own.join())
      throw new MaskFormatError(`${where}(predLabels[${n}])`, `the shape [${size}] of gtLabels`, `[${own}]`);
    for (let i = 0; i < gt.data.length; i++) {
      const [is, given] = [gt.data[i]!, pred.data[i]!];
      if (is < 0) continue;
      if (given < 0) throw new MaskFormatError(`${where}(predLabels[${n}])`, 'classes from 0', `${given}`);
      nClass = Math.max(nClass, is + 1, given + 1);
      const row = counts.get(is) ?? new Map<number, number>();
      counts.set(is, row.set(given, (row.get(given) ?? 0) + 1));
    }
  }
  const confusion = new Float64Array(nClass * nClass);
  for (const [is, row] of counts) for (const [given, count] of row) confusion[is * nClass + given] = count;
  return { nClass, confusion };
}

/**
 * Of each class its pixels that are right, as a share of those that have it or were given it; NaN where there are none.
 *
 * Chainer counterpart: `chainercv.evaluations.calc_semantic_segmentation_iou`.
 */
export function calcSemanticSegmentationIou({
  nClass,
  confusion,
}: SemanticSegmentationConfusion): Float64Array {
  return Float64Array.from({ length: nClass }, (_, c) => {
    const right = confusion[c * nClass + c]!;
    return right / (rowSum(nClass, confusion, c) + columnSum(nClass, confusion, c) - right);
  });
}

/**
 * How well pixels were given their classes.
 *
 * Chainer counterpart: `chainercv.evaluations.eval_semantic_segmentation`.
 *
 * ```ts
 * const { miou } = evalSemanticSegmentation(await model.predict(images), gtLabels);
 * ```
 *
 * @param predLabels what each image's pixels were given.
 * @param gtLabels what they have: negative ones do not count.
 * @throws as `calcSemanticSegmentationConfusion`.
 */
export function evalSemanticSegmentation(
  predLabels: readonly LabelMap[],
  gtLabels: readonly LabelMap[],
): SemanticSegmentationResult {
  const counted = calcSemanticSegmentationConfusion(predLabels, gtLabels);
  const { nClass, confusion } = counted;
  const iou = calcSemanticSegmentationIou(counted);
  const right = Float64Array.from({ length: nClass }, (_, c) => confusion[c * nClass + c]!);
  const sum = (values: Float64Array) => values.reduce((a, b) => a + b, 0);
  const classAccuracy = right.map((value, c) => value / rowSum(nClass, confusion, c));
  return {
    iou,
    miou: meanWithoutNaN(iou),
    pixelAccuracy: sum(right) / sum(confusion),
    classAccuracy,
    meanClassAccuracy: meanWithoutNaN(classAccuracy),
  };
}

function rowSum(n: number, values: Float64Array, row: number): number {
  return values.subarray(row * n, (row + 1) * n).reduce((a, b) => a + b, 0);
}

function columnSum(n: number, values: Float64Array, column: number): number {
  let sum = 0;
  for (let row = 0; row < n; row++) sum += values[row * n + column]!;
  return sum;
}
