import { checkOptions, defaultRandom } from '@chaingrad/core';
import type { Image, PixelData } from '../../image/image.ts';
import { integerBetween, type Rng } from '../../rng.ts';
import { type CropParam, crop } from './crop.ts';

export interface RandomSizedCropOptions {
  /** Range of the crop's area, as a share of the image's. */
  readonly scaleRatioRange?: readonly [number, number];
  /** Range of height / width. */
  readonly aspectRatioRange?: readonly [number, number];
}

export interface RandomSizedCropParam extends CropParam {
  readonly scaleRatio: number;
  readonly aspectRatio: number;
}

/** Draws before the ranges are given up. */
const TRIALS = 10;

/**
 * A crop of an image with random place, area and aspect ratio, as ImageNet classifiers are trained with.
 *
 * Where ten draws do not fit into the image, the area is drawn as large as it fits. Source: Szegedy et al., Going deeper
 * with convolutions (2015). Chainer counterpart: `chainercv.transforms.random_sized_crop`.
 *
 * @returns the crop, at least one pixel high and wide, and its rows and columns for `cropBbox`.
 */
export function randomSizedCrop<D extends PixelData>(
  img: Image<D>,
  options: RandomSizedCropOptions = {},
  rng: Rng = defaultRandom(),
): { img: Image<D>; param: RandomSizedCropParam } {
  const { scaleRatioRange = [0.08, 1], aspectRatioRange = [3 / 4, 4 / 3] } = checkOptions(
    'randomSizedCrop',
    options,
    { scaleRatioRange: 'object', aspectRatioRange: 'object' },
  );
  const [height, width] = img.shape;
  const [least, most] = scaleRatioRange;
  let aspectRatio = 1;
  let scaleRatio = 0;
  let largest = 0;
  let fits = false;
  for (let trial = 0; trial < TRIALS && !fits; trial++) {
    aspectRatio = rng.uniform(...aspectRatioRange);
    if (rng.uniform(0, 1) < 0.5) aspectRatio = 1 / aspectRatio;
    largest = Math.min(most, height / (width * aspectRatio), (width * aspectRatio) / height);
    scaleRatio = rng.uniform(least, most);
    fits = least <= scaleRatio && scaleRatio <= largest;
  }
  if (!fits) scaleRatio = rng.uniform(Math.min(least, largest), largest);

  const area = scaleRatio * height * width;
  const side = (length: number, limit: number) => Math.min(limit, Math.max(1, Math.floor(length)));
  const cropH = side(Math.sqrt(area * aspectRatio), height);
  const cropW = side(Math.sqrt(area / aspectRatio), width);
  const y = integerBetween(rng, 0, height - cropH);
  const x = integerBetween(rng, 0, width - cropW);
  const param = {
    ySlice: [y, y + cropH],
    xSlice: [x, x + cropW],
    scaleRatio,
    aspectRatio,
  } as const;
  return { img: crop(img, param), param };
}
