import { checkOptions, type OptionKinds } from '@chaingrad/core';
import { checkImage, type Image, type PixelData, pixelsLike } from '../../image/image.ts';

/** Which way an image and its boxes are mirrored. */
export interface FlipParam {
  /** Upside down. */
  readonly yFlip?: boolean;
  /** Left to right. */
  readonly xFlip?: boolean;
}

export const flipKinds: OptionKinds<FlipParam> = { yFlip: 'boolean', xFlip: 'boolean' };

/** A mirrored copy of an image. Chainer counterpart: `chainercv.transforms.flip`. */
export function flip<D extends PixelData>(img: Image<D>, options: FlipParam): Image<D> {
  const { yFlip = false, xFlip = false } = checkOptions('flip', options, flipKinds);
  checkImage(img, 'flip');
  const [height, width, channels] = img.shape;
  const data = pixelsLike(img.data, img.data.length);
  for (let y = 0, o = 0; y < height; y++) {
    const row = (yFlip ? height - 1 - y : y) * width;
    for (let x = 0; x < width; x++) {
      const i = (row + (xFlip ? width - 1 - x : x)) * channels;
      for (let c = 0; c < channels; c++) data[o++] = img.data[i + c]!;
    }
  }
  return { data, shape: img.shape };
}
