import * as tf from '@tensorflow/tfjs-core';
import type { Parameter } from '../../parameter.ts';

/** Replaces the gradient of `param` by what `change` makes of gradient and values; a missing gradient stays missing. */
export function changeGrad(
  param: Parameter,
  change: (grad: tf.Tensor, values: tf.Tensor) => tf.Tensor,
): void {
  const { grad } = param;
  if (grad === null) return;
  const changed = tf.tidy(() => change(grad, param.tensor));
  try {
    param.grad = changed;
  } finally {
    changed.dispose();
  }
}

/** The Euclidean norm over all elements. Call inside a tidy. */
export const norm = (x: tf.Tensor): tf.Tensor => tf.sqrt(tf.sum(tf.square(x)));
