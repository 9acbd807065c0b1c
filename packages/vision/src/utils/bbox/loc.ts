import { BboxFormatError } from '../../errors.ts';
import { countBoxes } from './bbox-iou.ts';
import type { NumberList } from './detections.ts';

/** The smallest side that counts: that of a box without height or width, too. */
const EPS = 2 ** -23;

/**
 * The offsets (dy, dx, dh, dw) that bring boxes of `src` to those of `dst`: the way of the centre in sides of the source, and the
 * logarithm of the ratio of the sides. The inverse of `loc2bbox`.
 *
 * Source: Girshick et al., R-CNN (2014). Chainer counterpart: `chainercv.links.model.faster_rcnn.bbox2loc`.
 *
 * @param src R * 4 values, rows of (yMin, xMin, yMax, xMax).
 * @param dst as many: where each box is to go.
 * @throws BboxFormatError where there is not one of `dst` for each of `src`.
 */
export function bbox2loc(src: NumberList, dst: NumberList): Float32Array {
  if (countBoxes(src, 'bbox2loc(src)') !== countBoxes(dst, 'bbox2loc(dst)'))
    throw new BboxFormatError('bbox2loc', `${src.length / 4} boxes in dst`, `${dst.length / 4}`);
  const loc = new Float32Array(src.length);
  for (let row = 0; row < src.length; row += 4) {
    for (let at = row; at < row + 2; at++) {
      const side = Math.max(src[at + 2]! - src[at]!, EPS);
      const wanted = dst[at + 2]! - dst[at]!;
      const middle = src[at]! + 0.5 * (src[at + 2]! - src[at]!);
      loc[at] = (dst[at]! + 0.5 * wanted - middle) / side;
      loc[at + 2] = Math.log(wanted / side);
    }
  }
  return loc;
}

/**
 * Boxes moved and stretched by offsets: the inverse of `bbox2loc`.
 *
 * Chainer counterpart: `chainercv.links.model.faster_rcnn.loc2bbox`.
 *
 * @param src R * 4 values, rows of (yMin, xMin, yMax, xMax).
 * @param loc R * 4 * n offsets: n rows of (dy, dx, dh, dw) for each box.
 * @returns R * 4 * n values.
 * @throws BboxFormatError where the lengths do not fit each other.
 */
export function loc2bbox(src: NumberList, loc: NumberList): Float32Array {
  const boxes = countBoxes(src, 'loc2bbox(src)');
  if (boxes === 0) return new Float32Array(0);
  const each = loc.length / src.length;
  if (!Number.isInteger(each))
    throw new BboxFormatError('loc2bbox', `a multiple of ${src.length} offsets`, `${loc.length}`);
  const out = new Float32Array(loc.length);
  for (let row = 0; row < loc.length; row += 4) {
    const from = 4 * Math.floor(row / 4 / each);
    for (let axis = 0; axis < 2; axis++) {
      const side = src[from + axis + 2]! - src[from + axis]!;
      const middle = src[from + axis]! + 0.5 * side + loc[row + axis]! * side;
      const half = 0.5 * side * Math.exp(loc[row + axis + 2]!);
      out[row + axis] = middle - half;
      out[row + axis + 2] = middle + half;
    }
  }
  return out;
}

/** Clips boxes to an image, in place. */
export function clipBoxes(bbox: Float32Array, size: readonly [height: number, width: number]): Float32Array {
  for (let i = 0; i < bbox.length; i++) bbox[i] = Math.min(Math.max(bbox[i]!, 0), size[i % 2]!);
  return bbox;
}

/** Some of the boxes. */
export const takeBoxes = (bbox: NumberList, rows: ArrayLike<number>): Float32Array =>
  Float32Array.from({ length: rows.length * 4 }, (_, i) => bbox[4 * rows[i >> 2]! + (i & 3)]!);

/** The best partner of each of `n` boxes by their IoU with `k` others: its index, -1 without others, and the IoU. */
export function bestPartners(
  iou: NumberList,
  n: number,
  k: number,
): { index: Int32Array; best: Float32Array } {
  const index = new Int32Array(n).fill(k === 0 ? -1 : 0);
  const best = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    for (let j = 1; j < k; j++) if (iou[i * k + j]! > iou[i * k + index[i]!]!) index[i] = j;
    if (k > 0) best[i] = iou[i * k + index[i]!]!;
  }
  return { index, best };
}

/** The positions where something holds. */
export function indicesWhere(n: number, holds: (i: number) => boolean): number[] {
  const found: number[] = [];
  for (let i = 0; i < n; i++) if (holds(i)) found.push(i);
  return found;
}
