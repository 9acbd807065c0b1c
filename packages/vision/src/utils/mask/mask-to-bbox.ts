import { checkMasks, type Masks } from './masks.ts';

/**
 * The smallest boxes around masks. Chainer counterpart: `chainercv.utils.mask_to_bbox`.
 *
 * @returns R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels: the last pixel is inside. Zeros for a mask without pixels.
 * @throws MaskFormatError unless the masks have the values of their shape.
 */
export function maskToBbox(mask: Masks): Float32Array {
  const [count, height, width] = checkMasks('maskToBbox', mask);
  const bbox = new Float32Array(4 * count);
  for (let r = 0; r < count; r++) {
    let [y0, x0, y1, x1] = [height, width, 0, 0];
    for (let i = 0; i < height * width; i++) {
      if (mask.data[r * height * width + i] === 0) continue;
      const [y, x] = [Math.floor(i / width), i % width];
      [y0, x0, y1, x1] = [Math.min(y0, y), Math.min(x0, x), Math.max(y1, y + 1), Math.max(x1, x + 1)];
    }
    if (y1 > 0) bbox.set([y0, x0, y1, x1], 4 * r);
  }
  return bbox;
}
