import type { Image } from '../../image/image.ts';
import { resize } from './resize.ts';

/** An image that would lose less than this is left as it is: little would be saved for the time that it takes. */
const NEARLY = 0.7;

/**
 * A much larger image shrunk to `maxSide` pixels along its longer side, every pixel of it having its share; others as they are.
 * @param img (H, W, C), 0..255.
 * @returns bytes where it was shrunk.
 */
export function shrink(img: Image, maxSide: number): Image {
  const [height, width, channels] = img.shape;
  const factor = maxSide / Math.max(height, width);
  if (!(factor < NEARLY)) return img;
  const size = [Math.max(1, Math.round(height * factor)), Math.max(1, Math.round(width * factor))] as const;
  const { data } = resize(img, size, { interpolation: 'area' });
  return { data: Uint8Array.from(data, Math.round), shape: [...size, channels] };
}
