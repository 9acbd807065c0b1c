/** Activation functions. Elementwise, of any shape, unless they have an axis. */
import { withGradient } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { type Axes, resolveAxes, resolveAxis } from './arguments.ts';

/** max(x, 0). */
export function relu<T extends tf.Tensor>(x: T): T {
  return tf.relu(x);
}

/** min(max(x, 0), 6). */
export function relu6<T extends tf.Tensor>(x: T): T {
  return tf.relu6(x);
}

/** x where it is positive, else slope * x. */
export function leakyRelu<T extends tf.Tensor>(x: T, slope = 0.2): T {
  return tf.leakyRelu(x, slope);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid<T extends tf.Tensor>(x: T): T {
  return tf.sigmoid(x);
}

/** The hyperbolic tangent. */
export function tanh<T extends tf.Tensor>(x: T): T {
  return tf.tanh(x);
}

/** x where it is positive, else alpha (exp(x) - 1) (Clevert et al., 2016). */
export function elu<T extends tf.Tensor>(x: T, alpha = 1): T {
  if (alpha === 1) return tf.elu(x);
  return tf.tidy(() => tf.add(tf.relu(x), tf.mul(tf.expm1(tf.minimum(x, 0)), alpha)) as T);
}

/** elu with the constants that keep mean 0 and variance 1 (Klambauer et al., 2017). */
export function selu<T extends tf.Tensor>(x: T): T {
  return tf.selu(x);
}

/** log(1 + exp(beta x)) / beta, without overflow. */
export function softplus<T extends tf.Tensor>(x: T, beta = 1): T {
  if (beta === 1) return tf.softplus(x);
  return tf.tidy(() => tf.div(tf.softplus(tf.mul(x, beta)), beta) as T);
}

/** min(max(x, 0), z); no gradient where it is clipped. @throws InvalidArgumentError unless z is positive. */
export function clippedRelu<T extends tf.Tensor>(x: T, z = 20): T {
  if (!(z > 0)) throw new InvalidArgumentError('clippedRelu z', 'a positive number', z);
  // Not clipByValue: its gradient passes where x is 0 or z.
  return withGradient(
    x,
    (input) => ({ value: tf.clipByValue(input, 0, z) as T, save: [input] }),
    (dy, [x]) => tf.mul(dy, tf.mul(tf.step(x), tf.step(tf.sub(z, x)))),
  );
}

/** min(max(0.2 x + 0.5, 0), 1). */
export function hardSigmoid<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.clipByValue(tf.add(tf.mul(x, 0.2), 0.5), 0, 1) as T);
}

/** Runs `fn`, which works on the last axis, on another one. */
function onAxis<T extends tf.Tensor>(x: T, axis: number, fn: (x: tf.Tensor) => tf.Tensor): T {
  if (axis === x.rank - 1) return fn(x) as T;
  return tf.tidy(() => {
    const order = x.shape.map((_, i) => i).filter((i) => i !== axis);
    order.push(axis);
    const back = order.map((_, i) => order.indexOf(i));
    return tf.transpose(fn(tf.transpose(x, order)), back) as T;
  });
}

/** exp(x) over its sum along `axis`; the largest value is subtracted first. @param axis default the last: channels. */
export function softmax<T extends tf.Tensor>(x: T, axis = -1): T {
  return onAxis(x, resolveAxis('softmax', axis, x.rank), (last) => tf.softmax(last));
}

/** The logarithm of `softmax`, without underflow. @param axis default the last: channels. */
export function logSoftmax<T extends tf.Tensor>(x: T, axis = -1): T {
  return onAxis(x, resolveAxis('logSoftmax', axis, x.rank), (last) => tf.logSoftmax(last));
}

/** log(sum(exp(x))) over `axis`, all of them unless given, without overflow. The reduced axes are dropped. */
export function logsumexp(x: tf.Tensor, axis?: Axes): tf.Tensor {
  const axes = axis === undefined ? x.shape.map((_, i) => i) : resolveAxes('logsumexp', axis, x.rank);
  return withGradient(
    x,
    (input) => {
      const largest = tf.max(input, axes, true);
      const kept = tf.add(largest, tf.log(tf.sum(tf.exp(tf.sub(input, largest)), axes, true)));
      return { value: tf.squeeze(kept, axes), save: [input, kept] };
    },
    (dy, [x, total]) => tf.mul(tf.reshape(dy, total.shape), tf.exp(tf.sub(x, total))),
  );
}
