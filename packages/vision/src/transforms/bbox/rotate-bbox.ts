import { VisionOptionError } from '../../errors.ts';
import { countBoxes } from '../../utils/bbox/bbox-iou.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';

/**
 * Boxes of an image that was turned by quarter turns. Chainer counterpart: `chainercv.transforms.rotate_bbox`.
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax).
 * @param angle degrees counterclockwise, a multiple of 90.
 * @param size [height, width] of the image before it was turned.
 * @throws VisionOptionError for another angle: boxes do not stay upright then.
 */
export function rotateBbox(
  bbox: NumberList,
  angle: number,
  [height, width]: readonly [height: number, width: number],
): Float32Array {
  const boxes = countBoxes(bbox, 'rotateBbox');
  if (angle % 90 !== 0) throw new VisionOptionError('rotateBbox', 'angle', 'a multiple of 90 degrees', angle);
  const quarter = (((angle / 90) % 4) + 4) % 4;
  const out = new Float32Array(boxes * 4);
  for (let i = 0; i < out.length; i += 4) {
    const [y0, x0, y1, x1] = [bbox[i]!, bbox[i + 1]!, bbox[i + 2]!, bbox[i + 3]!];
    const turned = [
      [y0, x0, y1, x1],
      [width - x1, y0, width - x0, y1],
      [height - y1, width - x1, height - y0, width - x0],
      [x0, height - y1, x1, height - y0],
    ][quarter]!;
    out.set(turned, i);
  }
  return out;
}
