/** Scaling and shifting along some axes. */
import * as tf from '@tensorflow/tfjs-core';
import { ShapeMismatchError } from '../errors.ts';
import { checkInteger } from './arguments.ts';

/** y with axes of size 1 before and behind, so that its first axis meets axis `axis` of x. */
function aligned(where: string, x: tf.Tensor, y: tf.Tensor, axis: number): tf.Tensor {
  checkInteger(`${where} axis`, axis, 0);
  const met = x.shape.slice(axis, axis + y.rank);
  if (met.length !== y.rank || met.some((size, i) => size !== y.shape[i])) {
    throw new ShapeMismatchError(
      `${where} y`,
      met,
      y.shape,
      `It meets x of shape (${x.shape.join(', ')}) at axis ${axis}.`,
    );
  }
  return tf.reshape(
    y,
    x.shape.map((_, i) => y.shape[i - axis] ?? 1),
  );
}

/**
 * x * y, where y covers some consecutive axes of x (`chainer.functions.scale`).
 *
 * @param axis the first axis of x that y covers. Default the one that makes y end at the last axis (channels).
 * @throws ShapeMismatchError when y does not have the size of these axes.
 */
export function scale<T extends tf.Tensor>(x: T, y: tf.Tensor, axis = x.rank - y.rank): T {
  return tf.tidy(() => tf.mul(x, aligned('scale', x, y, axis)) as T);
}

/**
 * x + y, where y covers some consecutive axes of x (`chainer.functions.bias`).
 *
 * @param axis the first axis of x that y covers. Default the one that makes y end at the last axis (channels).
 * @throws ShapeMismatchError when y does not have the size of these axes.
 */
export function bias<T extends tf.Tensor>(x: T, y: tf.Tensor, axis = x.rank - y.rank): T {
  return tf.tidy(() => tf.add(x, aligned('bias', x, y, axis)) as T);
}
