import { defaultRandom } from '@chaingrad/core';
import { checkImage, type Image, type PixelData, pixelsLike } from '../../image/image.ts';
import type { Rng } from '../../rng.ts';

/**
 * An image turned by 0, 90, 180 or 270 degrees counterclockwise, without interpolation. Chainer counterpart:
 * `chainercv.transforms.random_rotate`.
 *
 * @returns the image, and `k`, the quarter turns counterclockwise: `rotateBbox` takes `90 * k`.
 */
export function randomRotate<D extends PixelData>(
  img: Image<D>,
  rng: Rng = defaultRandom(),
): { img: Image<D>; param: { readonly k: number } } {
  const k = rng.integer(4);
  return { img: quarterTurns(img, k, 'randomRotate'), param: { k } };
}

/** A copy of an image after k quarter turns counterclockwise. @param where who turns it, for messages. */
export function quarterTurns<D extends PixelData>(img: Image<D>, k: number, where: string): Image<D> {
  checkImage(img, where);
  const [height, width, channels] = img.shape;
  const [outH, outW] = k % 2 === 0 ? [height, width] : [width, height];
  const data = pixelsLike(img.data, img.data.length);
  for (let v = 0, o = 0; v < outH; v++) {
    for (let u = 0; u < outW; u++) {
      let [y, x] = [v, u];
      if (k === 1) [y, x] = [u, width - 1 - v];
      else if (k === 2) [y, x] = [height - 1 - v, width - 1 - u];
      else if (k === 3) [y, x] = [height - 1 - u, v];
      const i = (y * width + x) * channels;
      for (let c = 0; c < channels; c++) data[o++] = img.data[i + c]!;
    }
  }
  return { data, shape: [outH, outW, channels] };
}
