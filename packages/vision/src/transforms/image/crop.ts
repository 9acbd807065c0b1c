import { VisionOptionError } from '../../errors.ts';
import { checkImage, type Image, type PixelData, pixelsLike } from '../../image/image.ts';

/** Rows or columns [start, stop) of an image, in pixels. */
export type Slice = readonly [start: number, stop: number];

/** The rows and columns that a crop keeps: what `cropBbox` needs. */
export interface CropParam {
  readonly ySlice: Slice;
  readonly xSlice: Slice;
}

/** A crop of an image, copied. Throws `VisionOptionError` if it is not inside the image. */
export function crop<D extends PixelData>(img: Image<D>, { ySlice, xSlice }: CropParam): Image<D> {
  checkImage(img, 'crop');
  const [height, width, channels] = img.shape;
  const isInside = ([start, stop]: Slice, length: number) => start >= 0 && start <= stop && stop <= length;
  if (!isInside(ySlice, height)) {
    throw new VisionOptionError('crop', 'ySlice', `[start, stop] within [0, ${height}]`, ySlice);
  }
  if (!isInside(xSlice, width)) {
    throw new VisionOptionError('crop', 'xSlice', `[start, stop] within [0, ${width}]`, xSlice);
  }
  const h = ySlice[1] - ySlice[0];
  const row = (xSlice[1] - xSlice[0]) * channels;
  const data = pixelsLike(img.data, h * row);
  for (let y = 0; y < h; y++) {
    const start = ((y + ySlice[0]) * width + xSlice[0]) * channels;
    data.set(img.data.subarray(start, start + row), y * row);
  }
  return { data, shape: [h, xSlice[1] - xSlice[0], channels] };
}

/** Throws `VisionOptionError` unless an image of `shape` is at least as large as `size` on both sides. */
export function checkFits(
  where: string,
  [height, width]: readonly number[],
  size: readonly [height: number, width: number],
): void {
  const isSize = (n: number) => Number.isInteger(n) && n > 0;
  if (!isSize(size[0]) || !isSize(size[1])) {
    throw new VisionOptionError(where, 'size', 'two positive whole numbers [height, width]', size);
  }
  if (height! < size[0] || width! < size[1]) {
    throw new VisionOptionError(
      where,
      'size',
      `at most the size of the image, ${height} x ${width}`,
      size,
      'Scale the image up first.',
    );
  }
}
