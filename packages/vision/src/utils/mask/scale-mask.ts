import { BboxFormatError, VisionOptionError } from '../../errors.ts';
import { resize } from '../../transforms/image/resize.ts';
import type { NumberList } from '../bbox/detections.ts';
import { checkMasks, type Masks } from './masks.ts';

/**
 * Masks scaled so that the shorter side has a length, as `scale` does with their image. Only what is in the boxes is looked at.
 *
 * Chainer counterpart: `chainercv.utils.scale_mask`, which rounds the boxes that it is given; here they are left alone.
 *
 * @param mask of the objects.
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels: the boxes around the masks, by `maskToBbox`.
 * @param size length of the shorter side in pixels.
 * @throws MaskFormatError unless the masks have the values of their shape; BboxFormatError unless there is a box a mask;
 *   VisionOptionError.
 */
export function scaleMask(mask: Masks, bbox: NumberList, size: number): Masks {
  const where = 'scaleMask';
  const [count, height, width] = checkMasks(where, mask);
  if (bbox.length !== 4 * count)
    throw new BboxFormatError(where, `${4 * count} values, four a mask`, `${bbox.length}`);
  if (!(Number.isInteger(size) && size > 0))
    throw new VisionOptionError(where, 'size', 'a positive whole number', size);
  const [outH, outW] =
    height < width
      ? [size, Math.trunc((size * width) / height)]
      : [Math.trunc((size * height) / width), size];
  const factor = size / Math.min(height, width);
  const data = new Uint8Array(count * outH * outW);
  for (let r = 0; r < count; r++) {
    // Whole pixels inside the image, before and after.
    const box = Array.from({ length: 4 }, (_, k) => {
      const whole = (k < 2 ? Math.floor : Math.ceil)(bbox[4 * r + k]!);
      return Math.max(0, Math.min(whole, k % 2 === 0 ? height : width));
    });
    const [y0, x0, y1, x1] = box as [number, number, number, number];
    const [v0, u0] = [Math.floor(y0 * factor), Math.floor(x0 * factor)];
    const [v1, u1] = [Math.min(Math.ceil(y1 * factor), outH), Math.min(Math.ceil(x1 * factor), outW)];
    if (y1 <= y0 || x1 <= x0) continue;
    const crop = new Uint8Array((y1 - y0) * (x1 - x0));
    for (let y = y0; y < y1; y++) {
      const row = (r * height + y) * width;
      crop.set(mask.data.subarray(row + x0, row + x1), (y - y0) * (x1 - x0));
    }
    const scaled = resize({ data: crop, shape: [y1 - y0, x1 - x0, 1] }, [v1 - v0, u1 - u0], {
      interpolation: 'nearest',
    });
    for (let v = v0; v < v1; v++)
      for (let u = u0; u < u1; u++)
        data[(r * outH + v) * outW + u] = scaled.data[(v - v0) * (u1 - u0) + u - u0]!;
  }
  return { data, shape: [count, outH, outW] };
}
