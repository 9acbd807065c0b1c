import { countBoxes } from '../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';

/**
 * Boxes of an image that was resized. Chainer counterpart: `chainercv.transforms.resize_bbox`.
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax).
 * @param inSize [height, width] before.
 * @param outSize [height, width] after.
 */
export function resizeBbox(
  bbox: NumberList,
  inSize: readonly [height: number, width: number],
  outSize: readonly [height: number, width: number],
): Float32Array {
  countBoxes(bbox, 'resizeBbox');
  const factors = [outSize[0] / inSize[0], outSize[1] / inSize[1]];
  return Float32Array.from(bbox, (v, i) => v * factors[i % 2]!);
}
