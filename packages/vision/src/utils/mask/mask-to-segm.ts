import { resize } from '../../transforms/image/resize.ts';
import type { NumberList } from '../bbox/detections.ts';
import { checkMasks, type Masks } from './masks.ts';
import { expandedBox } from './segm-to-mask.ts';

/**
 * Small masks of boxes from masks of the size of an image: the inverse of `segmToMask`, as a mask head learns them.
 *
 * Only pixels that are wholly inside count, so that objects lose their border. Chainer counterpart:
 * `chainercv.links.model.mask_rcnn.mask_to_segm`.
 *
 * @param mask of the objects.
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels.
 * @param segmSize side of the small masks.
 * @param index the mask of each box. Default the one of the same number.
 * @returns R * segmSize * segmSize values of 0 and 1.
 * @throws MaskFormatError unless the masks have the values of their shape.
 */
export function maskToSegm(
  mask: Masks,
  bbox: NumberList,
  segmSize: number,
  index: ArrayLike<number> | null = null,
): Float32Array {
  const [, height, width] = checkMasks('maskToSegm', mask);
  const side = segmSize + 2;
  const segm = new Float32Array((bbox.length / 4) * segmSize ** 2);
  for (let r = 0; r < bbox.length / 4; r++) {
    const [y0, x0, y1, x1] = expandedBox(bbox, r, segmSize);
    const [top, left] = [Math.max(y0, 0), Math.max(x0, 0)];
    const [bottom, right] = [Math.min(y1, height), Math.min(x1, width)];
    if (bottom <= top || right <= left) continue;
    const crop = new Float32Array((y1 - y0) * (x1 - x0));
    const from = (index === null ? r : index[r]!) * height * width;
    for (let y = top; y < bottom; y++)
      crop.set(
        mask.data.subarray(from + y * width + left, from + y * width + right),
        (y - y0) * (x1 - x0) + left - x0,
      );
    const { data } = resize({ data: crop, shape: [y1 - y0, x1 - x0, 1] }, [side, side], { backend: 'cv2' });
    for (let y = 0; y < segmSize; y++)
      for (let x = 0; x < segmSize; x++)
        segm[(r * segmSize + y) * segmSize + x] = Math.trunc(data[(y + 1) * side + x + 1]!);
  }
  return segm;
}
