import { defaultRandom } from '@chaingrad/core';
import { VisionOptionError } from '../../errors.ts';
import type { Rng } from '../../rng.ts';

/**
 * Random boxes inside an image. Chainer counterpart: `chainercv.utils.generate_random_bbox`.
 *
 * @param n how many.
 * @param size [height, width] of the image.
 * @param minLength of the sides, in pixels.
 * @param maxLength of the sides, in pixels; it must fit into the image.
 * @returns n * 4 values, rows of (yMin, xMin, yMax, xMax).
 */
export function generateRandomBbox(
  n: number,
  [height, width]: readonly [height: number, width: number],
  minLength: number,
  maxLength: number,
  rng: Rng = defaultRandom(),
): Float32Array {
  if (!(minLength >= 0 && minLength <= maxLength && maxLength <= Math.min(height, width))) {
    throw new VisionOptionError(
      'generateRandomBbox',
      'minLength, maxLength',
      `0 <= minLength <= maxLength <= ${Math.min(height, width)}`,
      [minLength, maxLength],
    );
  }
  const bbox = new Float32Array(n * 4);
  for (let i = 0; i < n; i++) {
    const y = rng.uniform(0, height - maxLength);
    const x = rng.uniform(0, width - maxLength);
    bbox.set([y, x, y + rng.uniform(minLength, maxLength), x + rng.uniform(minLength, maxLength)], 4 * i);
  }
  return bbox;
}
