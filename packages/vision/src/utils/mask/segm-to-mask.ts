import { roundHalfEven } from '@chaingrad/core';
import { resize } from '../../transforms/image/resize.ts';
import type { NumberList } from '../bbox/detections.ts';
import type { Masks } from './masks.ts';

/** A box that grows by the border of a small mask, in whole pixels. */
export function expandedBox(
  bbox: NumberList,
  r: number,
  segmSize: number,
): [y0: number, x0: number, y1: number, x1: number] {
  const corner = (at: number, sign: 1 | -1) => {
    const [low, high] = [bbox[4 * r + at]!, bbox[4 * r + at + 2]!];
    return roundHalfEven((low + high) / 2 + (sign * ((high - low) / 2) * (segmSize + 2)) / segmSize);
  };
  return [corner(0, -1), corner(1, -1), corner(0, 1), corner(1, 1)];
}

/**
 * Masks of the size of an image from small ones of boxes: stretched over their box, and cut at more than a half.
 *
 * Chainer counterpart: `chainercv.links.model.mask_rcnn.segm_to_mask`.
 *
 * @param segm R * segmSize * segmSize values in [0, 1].
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels.
 * @param size [height, width] of the image.
 * @returns R * height * width values: 1 where the object is.
 */
export function segmToMask(
  segm: Float32Array,
  segmSize: number,
  bbox: NumberList,
  [height, width]: readonly [height: number, width: number],
): Masks {
  const count = bbox.length / 4;
  const data = new Uint8Array(count * height * width);
  // A border of zeros keeps resizing from repeating the outer values: the box grows with it.
  const side = segmSize + 2;
  for (let r = 0; r < count; r++) {
    const [y0, x0, y1, x1] = expandedBox(bbox, r, segmSize);
    if (y1 <= y0 || x1 <= x0) continue;
    const padded = new Float32Array(side * side);
    for (let y = 0; y < segmSize; y++) {
      const from = (r * segmSize + y) * segmSize;
      padded.set(segm.subarray(from, from + segmSize), (y + 1) * side + 1);
    }
    const crop = resize({ data: padded, shape: [side, side, 1] }, [y1 - y0, x1 - x0], { backend: 'cv2' });
    for (let y = Math.max(y0, 0); y < Math.min(y1, height); y++)
      for (let x = Math.max(x0, 0); x < Math.min(x1, width); x++)
        if (crop.data[(y - y0) * (x1 - x0) + x - x0]! > 0.5) data[(r * height + y) * width + x] = 1;
  }
  return { data, shape: [count, height, width] };
}
