import { defaultRandom } from '@chaingrad/core';
import type { Image } from '../../../image/image.ts';
import { choice, type Rng } from '../../../rng.ts';
import { resize } from '../../../transforms/image/resize.ts';
import type { Interpolation } from '../../../transforms/image/resize-taps.ts';

/** In ChainerCV's order, so that the same draw means the same. */
const INTERPOLATIONS: readonly Interpolation[] = ['bilinear', 'area', 'nearest', 'bicubic', 'lanczos'];

/**
 * An image stretched to a size with one of OpenCV's five interpolations, drawn at random.
 *
 * Source: Liu et al., SSD (2016). Chainer counterpart: `resize_with_random_interpolation` of `chainercv.links.model.ssd`.
 *
 * @param size [height, width] in pixels.
 * @returns the image, float32, and what was drawn.
 */
export function resizeWithRandomInterpolation(
  img: Image,
  size: readonly [height: number, width: number],
  rng: Rng = defaultRandom(),
): { img: Image<Float32Array>; param: { interpolation: Interpolation } } {
  const interpolation = choice(rng, INTERPOLATIONS);
  return { img: resize(img, size, { interpolation, backend: 'cv2' }), param: { interpolation } };
}
