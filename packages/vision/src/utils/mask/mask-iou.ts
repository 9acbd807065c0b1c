import { areasOf, checkMasks, checkSameSize, intersection, type Masks } from './masks.ts';

/**
 * The intersection over union of each mask of one list with each of another.
 *
 * Chainer counterpart: `chainercv.utils.mask_iou`.
 *
 * @param maskA N masks. @param maskB K masks of the same size.
 * @returns N * K values, a row for each of the first; NaN for two empty masks.
 * @throws MaskFormatError when they differ in size.
 */
export function maskIou(maskA: Masks, maskB: Masks): Float64Array {
  const [n] = checkMasks('maskIou(maskA)', maskA);
  const [k] = checkMasks('maskIou(maskB)', maskB);
  checkSameSize('maskIou', maskA, maskB);
  const [areaA, areaB] = [areasOf(maskA), areasOf(maskB)];
  return Float64Array.from({ length: n * k }, (_, at) => {
    const [i, j] = [Math.floor(at / k), at % k];
    const both = intersection(maskA, i, maskB, j);
    return both / (areaA[i]! + areaB[j]! - both);
  });
}
