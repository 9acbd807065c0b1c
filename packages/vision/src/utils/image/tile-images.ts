import { checkOptions } from '@chaingrad/core';
import { ImageFormatError, VisionOptionError } from '../../errors.ts';
import { checkImage, type Image, type PixelData, pixelsLike } from '../../image/image.ts';
import { type Fill, fillValues, putInto } from '../../transforms/image/paste.ts';

export interface TileImagesOptions {
  /** Pixels between two images; half of them, rounded down, are above and left of the first. Default 2. */
  readonly pad?: number;
  /** The colour between them: one value, or one for each channel. Default 0. */
  readonly fill?: Fill;
}

/**
 * Images of one size side by side, row by row, as one image. Chainer counterpart: `chainercv.utils.tile_images`.
 *
 * ```ts
 * const sheet = tileImages(await Promise.all([0, 1, 2, 3].map(async (i) => (await dataset.get(i)).img)), 2);
 * ```
 *
 * @param imgs one at least.
 * @param nCol images a row; as many as there are where there are fewer.
 * @throws ImageFormatError when the images differ in size or there are none; VisionOptionError.
 */
export function tileImages<D extends PixelData>(
  imgs: readonly Image<D>[],
  nCol: number,
  options: TileImagesOptions = {},
): Image<D> {
  const where = 'tileImages';
  const { pad = 2, fill = 0 } = checkOptions(where, options, { pad: 'number', fill: 'any' });
  if (!(Number.isInteger(nCol) && nCol > 0))
    throw new VisionOptionError(where, 'nCol', 'a positive whole number', nCol);
  if (!(Number.isInteger(pad) && pad >= 0))
    throw new VisionOptionError(where, 'pad', 'a whole number of 0 or more', pad);
  const [first] = imgs;
  if (first === undefined) throw new ImageFormatError(where, 'one image at least', 'none');
  const [height, width, channels] = first.shape;
  const columns = Math.min(nCol, imgs.length);
  const rows = Math.ceil(imgs.length / columns);
  const shape = [rows * (height + pad), columns * (width + pad), channels] as const;
  const values = fillValues(fill, channels, where);
  const data = pixelsLike(first.data, shape[0] * shape[1] * channels);
  for (let i = 0; i < data.length; i++) data[i] = values[i % channels]!;
  const before = Math.floor(pad / 2);
  for (const [i, img] of imgs.entries()) {
    checkImage(img, where);
    if (img.shape.join() !== first.shape.join())
      throw new ImageFormatError(where, `images of shape [${first.shape}]`, `[${img.shape}]`);
    const y = Math.floor(i / columns) * (height + pad) + before;
    putInto({ data, shape }, img, y, (i % columns) * (width + pad) + before);
  }
  return { data, shape };
}
