import { checkOptions } from '@chaingrad/core';
import { VisionOptionError } from '../../errors.ts';
import type { Image } from '../../image/image.ts';
import { type ResizeOptions, resize, resizeKinds } from './resize.ts';

export interface ScaleOptions extends ResizeOptions {
  /** Whether `size` is the length of the shorter side (the default) or of the longer one. */
  readonly fitShort?: boolean;
}

/**
 * An image scaled so that its shorter (or longer) side has a length; the aspect ratio is kept.
 *
 * The other side is rounded down. An image that has the size already is returned itself, not copied.
 * Chainer counterpart: `chainercv.transforms.scale`.
 *
 * @param size length in pixels.
 */
export function scale(img: Image, size: number, options: ScaleOptions = {}): Image {
  const { fitShort = true, ...rest } = checkOptions('scale', options, {
    ...resizeKinds,
    fitShort: 'boolean',
  });
  if (!(Number.isInteger(size) && size > 0)) {
    throw new VisionOptionError('scale', 'size', 'a positive whole number', size);
  }
  const [height, width] = img.shape;
  const side = fitShort ? Math.min(height, width) : Math.max(height, width);
  if (side === size) return img;
  const other = (length: number) => Math.max(1, Math.trunc((size * length) / side));
  return resize(img, side === height ? [size, other(width)] : [other(height), size], rest);
}
