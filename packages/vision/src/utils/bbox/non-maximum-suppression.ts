import { checkOptions } from '@chaingrad/core';
import { BboxFormatError } from '../../errors.ts';
import { countBoxes } from './bbox-iou.ts';
import type { NumberList } from './detections.ts';

export interface NonMaximumSuppressionOptions {
  /** R values: boxes are taken from the highest score down. Without scores they are taken in their order. */
  readonly score?: NumberList | null;
  /** Stop after so many boxes. */
  readonly limit?: number | null;
}

/** Indices by descending value; equal values keep their order, NaN comes last. */
function argsortDescending(values: NumberList): Int32Array {
  const key = new Float64Array(values);
  const order = new Int32Array(key.length);
  for (let i = 0; i < key.length; i++) {
    if (Number.isNaN(key[i])) key[i] = Number.NEGATIVE_INFINITY;
    order[i] = i;
  }
  return order.sort((i, j) => key[j]! - key[i]! || i - j);
}

/**
 * Keeps the best of the boxes that overlap each other.
 *
 * A box is dropped if its IoU with a box kept before is `thresh` or more. Boxes of equal score are taken in their order
 * (ChainerCV promises none). Chainer counterpart: `chainercv.utils.non_maximum_suppression`.
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax).
 * @param thresh IoU in [0, 1].
 * @returns the indices of the kept boxes, in the order in which they were taken.
 * @throws BboxFormatError if the length of `bbox` is no multiple of 4 or there is not one score a box.
 */
export function nonMaximumSuppression(
  bbox: NumberList,
  thresh: number,
  options: NonMaximumSuppressionOptions = {},
): Int32Array {
  const { score = null, limit = null } = checkOptions('nonMaximumSuppression', options, {
    score: 'object | null',
    limit: 'number | null',
  });
  const n = countBoxes(bbox, 'nonMaximumSuppression');
  if (score !== null && score.length !== n) {
    throw new BboxFormatError('nonMaximumSuppression', `${n} scores, one a box`, `${score.length}`);
  }
  const order = score === null ? null : argsortDescending(score);
  const most = Math.min(n, limit ?? n);
  const selected = new Int32Array(most);
  // The kept boxes, one array a coordinate: the inner loop is where the time goes.
  const y0 = new Float64Array(most);
  const x0 = new Float64Array(most);
  const y1 = new Float64Array(most);
  const x1 = new Float64Array(most);
  const area = new Float64Array(most);
  let kept = 0;
  for (let r = 0; r < n && kept < most; r++) {
    const i = order === null ? r : order[r]!;
    const top = bbox[4 * i]!;
    const left = bbox[4 * i + 1]!;
    const bottom = bbox[4 * i + 2]!;
    const right = bbox[4 * i + 3]!;
    const own = (bottom - top) * (right - left);
    let overlaps = thresh <= 0 && kept > 0;
    for (let j = 0; j < kept && !overlaps; j++) {
      const h = Math.min(bottom, y1[j]!) - Math.max(top, y0[j]!);
      if (!(h > 0)) continue;
      const w = Math.min(right, x1[j]!) - Math.max(left, x0[j]!);
      if (!(w > 0)) continue;
      overlaps = (h * w) / (own + area[j]! - h * w) >= thresh;
    }
    if (overlaps) continue;
    y0[kept] = top;
    x0[kept] = left;
    y1[kept] = bottom;
    x1[kept] = right;
    area[kept] = own;
    selected[kept++] = i;
  }
  return selected.slice(0, kept);
}
