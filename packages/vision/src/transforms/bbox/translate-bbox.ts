import { checkOptions } from '@chaingrad/core';
import { countBoxes } from '../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';

/** How far boxes move, in pixels. */
export interface Translation {
  readonly yOffset?: number;
  readonly xOffset?: number;
}

/** And what else `randomExpand` and `resizeContain` tell. */
export const translationKinds = {
  yOffset: 'number',
  xOffset: 'number',
  ratio: 'any',
  scaledSize: 'any',
} as const;

/**
 * Boxes of an image that was put on a larger canvas. Chainer counterpart: `chainercv.transforms.translate_bbox`.
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax).
 */
export function translateBbox(bbox: NumberList, options: Translation): Float32Array {
  const { yOffset = 0, xOffset = 0 } = checkOptions('translateBbox', options, translationKinds);
  countBoxes(bbox, 'translateBbox');
  return Float32Array.from(bbox, (v, i) => v + (i % 2 === 0 ? yOffset : xOffset));
}
