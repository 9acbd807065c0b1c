import { checkOptions } from '@chaingrad/core';
import { ImageFormatError } from '../../errors.ts';
import { checkImage, type Image, isPixelData } from '../../image/image.ts';

/**
 * Throws unless something is an image of the package: { data, shape: [height, width, channels] } in a Float32Array,
 * Uint8Array or Uint8ClampedArray. Chainer counterpart: `chainercv.utils.assert_is_image`.
 *
 * @param options.color whether it must have three channels (RGB) or one.
 * @param options.checkRange whether every value must be within 0..255.
 * @throws ImageFormatError
 */
export function assertIsImage(img: unknown, options: { color?: boolean; checkRange?: boolean } = {}): void {
  const where = 'assertIsImage';
  const { color = true, checkRange = true } = checkOptions(where, options, {
    color: 'boolean',
    checkRange: 'boolean',
  });
  if (typeof img !== 'object' || img === null || !('data' in img) || !('shape' in img)) {
    throw new ImageFormatError(where, 'an object with data and shape', String(img));
  }
  const { data, shape } = img as Image;
  if (!isPixelData(data)) {
    throw new ImageFormatError(
      where,
      'data in a Float32Array, Uint8Array or Uint8ClampedArray',
      (data as object | null | undefined)?.constructor?.name ?? String(data),
    );
  }
  checkImage(img as Image, where);
  const channels = color ? 3 : 1;
  if (shape[2] !== channels) {
    throw new ImageFormatError(where, `${channels} channel${color ? 's' : ''}, last`, `shape [${shape}]`);
  }
  if (!checkRange) return;
  const outside = data.findIndex((v) => !(v >= 0 && v <= 255));
  if (outside >= 0) throw new ImageFormatError(where, 'values in 0..255', `${data[outside]} at ${outside}`);
}
