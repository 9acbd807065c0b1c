import { checkOptions, defaultRandom } from '@chaingrad/core';
import type { Image, PixelData } from '../../image/image.ts';
import { integerBetween, type Rng } from '../../rng.ts';
import { type Fill, paste } from './paste.ts';

export interface RandomExpandOptions {
  /** The canvas is up to so many times as high and wide as the image. */
  readonly maxRatio?: number;
  /** The colour around the image: one value, or one for each channel. */
  readonly fill?: Fill;
}

/** Where `randomExpand` put the image: what `translateBbox` needs. */
export interface RandomExpandParam {
  readonly ratio: number;
  readonly yOffset: number;
  readonly xOffset: number;
}

/**
 * Zoom-out: an image at a random place on a larger canvas, so that its objects become small.
 *
 * Source: Liu et al., SSD (2016). Chainer counterpart: `chainercv.transforms.random_expand`.
 *
 * @returns the canvas, and where the image is, for `translateBbox`. With `maxRatio` of 1 or less: the image itself.
 */
export function randomExpand<D extends PixelData>(
  img: Image<D>,
  options: RandomExpandOptions = {},
  rng: Rng = defaultRandom(),
): { img: Image<D>; param: RandomExpandParam } {
  const { maxRatio = 4, fill = 0 } = checkOptions('randomExpand', options, {
    maxRatio: 'number',
    fill: 'any',
  });
  if (maxRatio <= 1) return { img, param: { ratio: 1, yOffset: 0, xOffset: 0 } };
  const [height, width] = img.shape;
  const ratio = rng.uniform(1, maxRatio);
  const outH = Math.floor(height * ratio);
  const outW = Math.floor(width * ratio);
  const yOffset = integerBetween(rng, 0, outH - height);
  const xOffset = integerBetween(rng, 0, outW - width);
  return { img: paste(img, [outH, outW], [yOffset, xOffset], fill), param: { ratio, yOffset, xOffset } };
}
