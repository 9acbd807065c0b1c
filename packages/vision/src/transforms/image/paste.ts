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
  const channels = img.shape[2];
  const values = fillValues(fill, channels, 'paste');
  const data = pixelsLike(img.data, height * width * channels);
  if (values.every((v) => v === values[0])) data.fill(values[0] ?? 0);
  else for (let i = 0; i < data.length; i++) data[i] = values[i % channels]!;
  const canvas: Image<D> = { data, shape: [height, width, channels] };
  putInto(canvas, img, yOffset, xOffset);
  return canvas;
}

/** Copies `img`, which must fit and have as many channels, to a place of a canvas. */
export function putInto(canvas: Image, { data, shape: [h, w, channels] }: Image, y: number, x: number): void {
  const width = canvas.shape[1];
  for (let row = 0; row < h; row++)
    canvas.data.set(
      data.subarray(row * w * channels, (row + 1) * w * channels),
      ((row + y) * width + x) * channels,
    );
}
