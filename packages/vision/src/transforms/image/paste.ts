import { VisionOptionError } from '../../errors.ts';
import { checkImage, type Image, type PixelData, pixelsLike } from '../../image/image.ts';

/** A colour: one value for all channels, or one for each. */
export type Fill = number | readonly number[];

/** The values of a fill, one a channel. Throws `VisionOptionError` if there are neither 1 nor `channels`. */
export function fillValues(fill: Fill, channels: number, where: string): readonly number[] {
  const values = typeof fill === 'number' ? [fill] : fill;
  if (values.length === channels) return values;
  if (values.length === 1) return new Array<number>(channels).fill(values[0]!);
  throw new VisionOptionError(where, 'fill', `one number, or ${channels}, one for each channel`, fill);
}

/** A canvas of one colour with `img`, which must fit, at an offset. */
export function paste<D extends PixelData>(
  img: Image<D>,
  [height, width]: readonly [number, number],
  [yOffset, xOffset]: readonly [number, number],
  fill: Fill,
): Image<D> {
  checkImage(img, 'paste');
  const [h, w, channels] = img.shape;
  const values = fillValues(fill, channels, 'paste');
  const data = pixelsLike(img.data, height * width * channels);
  if (values.every((v) => v === values[0])) data.fill(values[0] ?? 0);
  else for (let i = 0; i < data.length; i++) data[i] = values[i % channels]!;
  for (let y = 0; y < h; y++) {
    const row = img.data.subarray(y * w * channels, (y + 1) * w * channels);
    data.set(row, ((y + yOffset) * width + xOffset) * channels);
  }
  return { data, shape: [height, width, channels] };
}
