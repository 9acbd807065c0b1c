import { BboxFormatError } from '../../errors.ts';
import type { NumberList } from './detections.ts';

/** The number of boxes in a flat list. Throws `BboxFormatError` if its length is no multiple of 4. */
export function countBoxes(bbox: NumberList, where: string): number {
  if (bbox.length % 4 !== 0) {
    throw new BboxFormatError(
      where,
      'a flat list of (yMin, xMin, yMax, xMax) rows',
      `${bbox.length} values`,
      'The length must be a multiple of 4.',
    );
  }
  return bbox.length / 4;
}

/** How NumPy rounds what it computes of arrays: float32 stays float32. */
const rounding = (...arrays: readonly NumberList[]) =>
  arrays.every((array) => array instanceof Float32Array) ? Math.fround : (v: number) => v;

/**
 * The area of every box, in the precision of its array, as NumPy has it. A small box inside several default boxes of an
 * SSD has the same IoU with all of them but for this rounding, which decides the matching.
 */
function boxAreas(bbox: NumberList): Float64Array {
  const round = rounding(bbox);
  const area = new Float64Array(bbox.length / 4);
  for (let i = 0; i < area.length; i++) {
    area[i] = round(round(bbox[4 * i + 2]! - bbox[4 * i]!) * round(bbox[4 * i + 3]! - bbox[4 * i + 1]!));
  }
  return area;
}

/**
 * Intersection over union of every box of `a` with every box of `b`.
 *
 * Disjoint and touching boxes have 0; so have two boxes without area, where ChainerCV has 0/0 = NaN.
 * Computed in float64; of two `Float32Array`s in float32, as NumPy does: which anchors tie is decided by it.
 * Chainer counterpart: `chainercv.utils.bbox_iou`.
 *
 * @param a N * 4 values, rows of (yMin, xMin, yMax, xMax).
 * @param b K * 4 values.
 * @returns N * K values, a row for each box of `a`.
 * @throws BboxFormatError if a length is no multiple of 4.
 */
export function bboxIou(a: NumberList, b: NumberList): Float64Array {
  const n = countBoxes(a, 'bboxIou(a)');
  const k = countBoxes(b, 'bboxIou(b)');
  const out = new Float64Array(n * k);
  const areaA = boxAreas(a);
  const areaB = boxAreas(b);
  const round = rounding(a, b);
  // Of one kind, whatever was given: the loop runs for each default box of an SSD and each object.
  const [p, q] = [new Float64Array(a), new Float64Array(b)];
  for (let i = 0, o = 0; i < n; i++) {
    const y0 = p[4 * i]!;
    const x0 = p[4 * i + 1]!;
    const y1 = p[4 * i + 2]!;
    const x1 = p[4 * i + 3]!;
    const area = areaA[i]!;
    for (let j = 0; j < k; j++, o++) {
      const h = Math.min(y1, q[4 * j + 2]!) - Math.max(y0, q[4 * j]!);
      if (!(h > 0)) continue;
      const w = Math.min(x1, q[4 * j + 3]!) - Math.max(x0, q[4 * j + 1]!);
      if (!(w > 0)) continue;
      const common = round(round(h) * round(w));
      out[o] = round(common / round(round(area + areaB[j]!) - common));
    }
  }
  return out;
}
