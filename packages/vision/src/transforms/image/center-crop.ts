import { roundHalfEven } from '@chaingrad/core';
import type { Image, PixelData } from '../../image/image.ts';
import { type CropParam, checkFits, crop } from './crop.ts';

/**
 * The rows and columns that `centerCrop` keeps: `cropBbox` takes them for the boxes.
 *
 * @param imageSize [height, width] of the image; further entries are not looked at.
 * @throws VisionOptionError if the image is smaller than `size`.
 */
export function centerCropParam(
  imageSize: readonly number[],
  size: readonly [height: number, width: number],
): CropParam {
  checkFits('centerCrop', imageSize, size);
  const y = roundHalfEven((imageSize[0]! - size[0]) / 2);
  const x = roundHalfEven((imageSize[1]! - size[1]) / 2);
  return { ySlice: [y, y + size[0]], xSlice: [x, x + size[1]] };
}

/**
 * The crop at the centre of an image.
 *
 * Where the centre is between two pixels the offset is rounded to the even one. Chainer counterpart:
 * `chainercv.transforms.center_crop`.
 *
 * @param size [height, width] in pixels.
 * @throws VisionOptionError if the image is smaller than `size`.
 */
export function centerCrop<D extends PixelData>(
  img: Image<D>,
  size: readonly [height: number, width: number],
): Image<D> {
  return crop(img, centerCropParam(img.shape, size));
}
