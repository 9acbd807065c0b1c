import { defaultRandom } from '@chaingrad/core';
import type { Image, PixelData } from '../../image/image.ts';
import { integerBetween, type Rng } from '../../rng.ts';
import { type CropParam, checkFits, crop } from './crop.ts';

/**
 * A crop of an image at a random place. Chainer counterpart: `chainercv.transforms.random_crop`.
 *
 * @param size [height, width] in pixels.
 * @returns the crop, and its rows and columns for `cropBbox`.
 * @throws VisionOptionError if the image is smaller than `size`.
 */
export function randomCrop<D extends PixelData>(
  img: Image<D>,
  size: readonly [height: number, width: number],
  rng: Rng = defaultRandom(),
): { img: Image<D>; param: CropParam } {
  checkFits('randomCrop', img.shape, size);
  const offset = (slack: number) => (slack === 0 ? 0 : integerBetween(rng, 0, slack));
  const y = offset(img.shape[0] - size[0]);
  const x = offset(img.shape[1] - size[1]);
  const param: CropParam = { ySlice: [y, y + size[0]], xSlice: [x, x + size[1]] };
  return { img: crop(img, param), param };
}
