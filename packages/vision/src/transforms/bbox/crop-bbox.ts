import { checkOptions } from '@chaingrad/core';
import { countBoxes } from '../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';
import type { Slice } from '../image/crop.ts';

export interface CropBboxOptions {
  /** Rows that were kept; without it all. */
  readonly ySlice?: Slice | null;
  /** Columns that were kept; without it all. */
  readonly xSlice?: Slice | null;
  /** Whether boxes stay whose centre is outside the crop. */
  readonly allowOutsideCenter?: boolean;
}

/** And what else the random crops tell. */
const cropKinds = {
  ySlice: 'object | null',
  xSlice: 'object | null',
  allowOutsideCenter: 'boolean',
  scaleRatio: 'any',
  aspectRatio: 'any',
  constraint: 'any',
} as const;

export interface CroppedBbox {
  /** The boxes that stay, clipped to the crop and moved with it. */
  readonly bbox: Float32Array;
  /** Their indices among all boxes, with which labels are selected. */
  readonly index: Int32Array;
  /** The rows of `bbox` that were clipped. */
  readonly truncatedIndex: Int32Array;
}

/**
 * Boxes of an image that was cropped. Boxes without any area left are dropped. Chainer counterpart:
 * `chainercv.transforms.crop_bbox`.
 *
 * ```ts
 * const { img: part, param } = randomCrop(img, [200, 200]);
 * const { bbox, index } = cropBbox(boxes, { ...param, allowOutsideCenter: false });
 * const label = index.map((i) => labels[i]);
 * ```
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax).
 */
export function cropBbox(bbox: NumberList, options: CropBboxOptions): CroppedBbox {
  const {
    ySlice = null,
    xSlice = null,
    allowOutsideCenter = true,
  } = checkOptions('cropBbox', options, cropKinds);
  const count = countBoxes(bbox, 'cropBbox');
  const everything: Slice = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const slices = [ySlice ?? everything, xSlice ?? everything];
  const origin = [ySlice?.[0] ?? 0, xSlice?.[0] ?? 0];
  const kept: number[] = [];
  const index: number[] = [];
  const truncated: number[] = [];
  for (let i = 0; i < count; i++) {
    const row: number[] = [0, 0, 0, 0];
    let isKept = true;
    let isCut = false;
    for (let axis = 0; axis < 2; axis++) {
      const [start, stop] = slices[axis]!;
      const low = bbox[4 * i + axis]!;
      const high = bbox[4 * i + 2 + axis]!;
      const center = (low + high) / 2;
      if (!allowOutsideCenter && !(start <= center && center < stop)) isKept = false;
      const newLow = Math.max(low, start);
      const newHigh = Math.min(high, stop);
      if (!(newLow < newHigh)) isKept = false;
      if (newLow !== low || newHigh !== high) isCut = true;
      row[axis] = newLow - origin[axis]!;
      row[axis + 2] = newHigh - origin[axis]!;
    }
    if (!isKept) continue;
    if (isCut) truncated.push(index.length);
    index.push(i);
    kept.push(...row);
  }
  return {
    bbox: Float32Array.from(kept),
    index: Int32Array.from(index),
    truncatedIndex: Int32Array.from(truncated),
  };
}
