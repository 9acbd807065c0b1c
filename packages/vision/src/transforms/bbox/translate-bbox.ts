import { countBoxes } from '../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';

/** How far boxes move, in pixels. */
export interface Translation {
  readonly yOffset?: number;
  readonly xOffset?: number;
}

/**
 * Boxes of an image that was put on a larger canvas. Chainer counterpart: `chainercv.transforms.translate_bbox`.
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax).
 */
export function translateBbox(bbox: NumberList, { yOffset = 0, xOffset = 0 }: Translation): Float32Array {
  countBoxes(bbox, 'translateBbox');
  return Float32Array.from(bbox, (v, i) => v + (i % 2 === 0 ? yOffset : xOffset));
}
