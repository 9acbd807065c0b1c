import { checkOptions } from '@chaingrad/core';
import { VisionOptionError } from '../../errors.ts';
import type { Image } from '../../image/image.ts';
import { type Fill, paste } from './paste.ts';
import { type ResizeOptions, resize, resizeKinds } from './resize.ts';

export interface ResizeContainOptions extends ResizeOptions {
  /** The colour around the image: one value, or one for each channel. */
  readonly fill?: Fill;
}

/** Where `resizeContain` put the image, in pixels of the result. */
export interface ResizeContainParam {
  readonly yOffset: number;
  readonly xOffset: number;
  /** [height, width] of the image in the result. */
  readonly scaledSize: readonly [number, number];
}

/**
 * Letterbox: an image shrunk to fit into a size and centred on a canvas of that size; a smaller image is not enlarged.
 *
 * Boxes follow by `resizeBbox` to `param.scaledSize` and `translateBbox` by the offsets.
 * Chainer counterpart: `chainercv.transforms.resize_contain`.
 *
 * @param size [height, width] of the result in pixels.
 */
export function resizeContain(
  img: Image,
  size: readonly [height: number, width: number],
  options: ResizeContainOptions = {},
): { img: Image<Float32Array>; param: ResizeContainParam } {
  const { fill = 0, ...rest } = checkOptions('resizeContain', options, { ...resizeKinds, fill: 'any' });
  const [outH, outW] = size;
  if (!(Number.isInteger(outH) && outH > 0 && Number.isInteger(outW) && outW > 0)) {
    throw new VisionOptionError('resizeContain', 'size', 'two positive whole numbers [height, width]', size);
  }
  const [height, width] = img.shape;
  const factor = Math.min(outH / height, outW / width, 1);
  const scaledSize: [number, number] = [
    Math.max(1, Math.trunc(height * factor)),
    Math.max(1, Math.trunc(width * factor)),
  ];
  const yOffset = Math.floor((outH - scaledSize[0]) / 2);
  const xOffset = Math.floor((outW - scaledSize[1]) / 2);
  const scaled = resize(img, scaledSize, rest);
  return { img: paste(scaled, size, [yOffset, xOffset], fill), param: { yOffset, xOffset, scaledSize } };
}
