/** Points of an image that was changed: joints, corners, landmarks. */
import { checkOptions } from '@chaingrad/core';
import { BboxFormatError } from '../../errors.ts';
import type { NumberList } from '../../utils/bbox/detections.ts';
import { type Translation, translationKinds } from '../bbox/translate-bbox.ts';
import { type FlipParam, flipKinds } from '../image/flip.ts';

type Size = readonly [height: number, width: number];

function checkPoints(where: string, point: NumberList): void {
  if (point.length % 2 !== 0)
    throw new BboxFormatError(where, 'two values a point, y and x', `${point.length} values`);
}

/**
 * Points of an image that was mirrored. Chainer counterpart: `chainercv.transforms.flip_point`.
 *
 * @param point K * 2 values, rows of (y, x) in pixels, of any number of objects.
 * @param size [height, width] of the image.
 */
export function flipPoint(point: NumberList, size: Size, options: FlipParam): Float32Array {
  const { yFlip = false, xFlip = false } = checkOptions('flipPoint', options, flipKinds);
  checkPoints('flipPoint', point);
  const flips = [yFlip, xFlip];
  return Float32Array.from(point, (v, i) => (flips[i % 2] ? size[i % 2]! - v : v));
}

/**
 * Points of an image that was resized. Chainer counterpart: `chainercv.transforms.resize_point`.
 *
 * @param point K * 2 values, rows of (y, x) in pixels.
 * @param inSize [height, width] before.
 * @param outSize [height, width] after.
 */
export function resizePoint(point: NumberList, inSize: Size, outSize: Size): Float32Array {
  checkPoints('resizePoint', point);
  return Float32Array.from(point, (v, i) => v * (outSize[i % 2]! / inSize[i % 2]!));
}

/**
 * Points of an image that was put on a larger canvas, or cut out of one. Chainer counterpart:
 * `chainercv.transforms.translate_point`.
 *
 * @param point K * 2 values, rows of (y, x) in pixels.
 */
export function translatePoint(point: NumberList, options: Translation): Float32Array {
  const { yOffset = 0, xOffset = 0 } = checkOptions('translatePoint', options, translationKinds);
  checkPoints('translatePoint', point);
  return Float32Array.from(point, (v, i) => v + (i % 2 === 0 ? yOffset : xOffset));
}
