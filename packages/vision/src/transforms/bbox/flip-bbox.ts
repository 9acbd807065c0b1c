import { checkOptions } from '@chaingrad/core';
import { countBoxes } from '../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';
import { type FlipParam, flipKinds } from '../image/flip.ts';

/**
 * Boxes of an image that was mirrored. Chainer counterpart: `chainercv.transforms.flip_bbox`.
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax).
 * @param size [height, width] of the image.
 */
export function flipBbox(
  bbox: NumberList,
  size: readonly [height: number, width: number],
  options: FlipParam,
): Float32Array {
  const { yFlip = false, xFlip = false } = checkOptions('flipBbox', options, flipKinds);
  countBoxes(bbox, 'flipBbox');
  const flips = [yFlip, xFlip];
  return Float32Array.from(bbox, (v, i) => {
    const axis = i % 2;
    if (!flips[axis]) return v;
    // The new minimum comes from the old maximum, and the other way round.
    const opposite = i % 4 < 2 ? i + 2 : i - 2;
    return size[axis]! - bbox[opposite]!;
  });
}
