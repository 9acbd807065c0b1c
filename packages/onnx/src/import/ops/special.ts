/** Activations and functions that tfjs has not, or not with ONNX' parameters; all of them can be differentiated. */
import * as tf from '@tensorflow/tfjs-core';
import { truncatedInt } from './integers.ts';

/** min(max(x, low), high); either may be infinite. */
export function clip(x: tf.Tensor, low: number, high: number): tf.Tensor {
  if (x.dtype !== 'float32') {
    const bound = (v: number) => tf.scalar(Math.min(Math.max(v, -2147483648), 2147483647), 'int32');
    return tf.minimum(tf.maximum(x, bound(low)), bound(high));
  }
  // Where the lower bound is above the upper one, ONNX lets the upper one win.
  if (low > high) return tf.fill(x.shape, high);
  if (low === 0 && high === 6) return tf.relu6(x);
  if (low === 0 && high === Number.POSITIVE_INFINITY) return tf.relu(x);
  if (low === Number.NEGATIVE_INFINITY && high === Number.POSITIVE_INFINITY) return tf.clone(x);
  if (Number.isFinite(low) && Number.isFinite(high)) return tf.clipByValue(x, low, high);
  return Number.isFinite(low) ? tf.maximum(x, low) : tf.minimum(x, high);
}

export const truncated = truncatedInt;

/** x^y. tfjs' gradient by y takes the logarithm of x, which a constant y does not need. */
export function pow(x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  return tf.pow(x, y);
}

/** alpha (exp(x) - 1) below zero. */
export function elu(x: tf.Tensor, alpha: number): tf.Tensor {
  if (alpha === 1) return tf.elu(x);
  return tf.add(tf.relu(x), tf.mul(tf.expm1(tf.minimum(x, 0)), alpha));
}

/** elu whose slope at zero is one: max(x, 0) + min(alpha (exp(x / alpha) - 1), 0). */
export function celu(x: tf.Tensor, alpha: number): tf.Tensor {
  return tf.add(tf.relu(x), tf.mul(tf.expm1(tf.div(tf.minimum(x, 0), alpha)), alpha));
}

export function selu(x: tf.Tensor, alpha: number, gamma: number): tf.Tensor {
  return tf.mul(elu(x, alpha), gamma);
}

/** max(0, min(1, alpha x + beta)). */
export function hardSigmoid(x: tf.Tensor, alpha: number, beta: number): tf.Tensor {
  return tf.clipByValue(tf.add(tf.mul(x, alpha), beta), 0, 1);
}

/** x max(0, min(1, x / 6 + 0.5)). */
export function hardSwish(x: tf.Tensor): tf.Tensor {
  return tf.mul(x, tf.mul(tf.relu6(tf.add(x, 3)), 1 / 6));
}

/** x times the normal distribution up to x; or the approximation by tanh. */
export function gelu(x: tf.Tensor, approximate: boolean): tf.Tensor {
  const inner = approximate
    ? tf.tanh(tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI)))
    : erf(tf.mul(x, Math.SQRT1_2));
  return tf.mul(tf.mul(x, 0.5), tf.add(inner, 1));
}

/** The error function. */
export function erf(x: tf.Tensor): tf.Tensor {
  return tf.erf(x);
}

/** x - bias above lambd, x + bias below -lambd, zero between. */
export function shrink(x: tf.Tensor, lambd: number, bias: number): tf.Tensor {
  const [above, below] = [tf.greater(x, lambd), tf.less(x, -lambd)];
  const zero = tf.zerosLike(x);
  const shift = tf.scalar(bias, x.dtype as 'float32');
  return tf.where(above, tf.sub(x, shift), tf.where(below, tf.add(x, shift), zero));
}
