import { checkOptions, defaultRandom } from '@chaingrad/core';
import type { Image, PixelData } from '../../image/image.ts';
import { choice, type Rng } from '../../rng.ts';
import { type FlipParam, flip } from './flip.ts';

export interface RandomFlipOptions {
  /** Flip upside down in half of the cases. */
  readonly yRandom?: boolean;
  /** Flip left to right in half of the cases. */
  readonly xRandom?: boolean;
}

/**
 * An image, mirrored or not. Chainer counterpart: `chainercv.transforms.random_flip`.
 *
 * @returns the image (itself if it is not mirrored), and how it was mirrored, for `flipBbox`.
 */
export function randomFlip<D extends PixelData>(
  img: Image<D>,
  options: RandomFlipOptions,
  rng: Rng = defaultRandom(),
): { img: Image<D>; param: Required<FlipParam> } {
  const { yRandom = false, xRandom = false } = checkOptions(
    'randomFlip',
    options,
    { yRandom: 'boolean', xRandom: 'boolean' },
    { yFlip: 'yRandom', xFlip: 'xRandom', horizontal: 'xRandom', vertical: 'yRandom' },
  );
  const yFlip = yRandom && choice(rng, [true, false]);
  const xFlip = xRandom && choice(rng, [true, false]);
  const param = { yFlip, xFlip };
  return { img: yFlip || xFlip ? flip(img, param) : img, param };
}
