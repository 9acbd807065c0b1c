import * as tf from '@tensorflow/tfjs-core';
import { ShapeMismatchError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { dropout } from './dropout.ts';

export interface AttentionOptions {
  /** Where a query may look: bool or 0/1, broadcasting to (..., queries, keys). Default everywhere. */
  mask?: tf.Tensor;
  /** What the products are multiplied by. Default 1 / sqrt(depth). */
  scale?: number;
  /** The share of the weights that is dropped in training. Default 0. */
  dropout?: number;
}

/**
 * softmax(q k^T scale) v (Vaswani et al., 2017). Chainer has none; PyTorch's `scaled_dot_product_attention`.
 *
 * @param q (..., queries, depth).
 * @param k (..., keys, depth).
 * @param v (..., keys, width).
 * @returns (..., queries, width).
 * @throws ShapeMismatchError when the shapes do not fit.
 */
export function scaledDotProductAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  options: AttentionOptions = {},
): tf.Tensor {
  const name = 'scaledDotProductAttention';
  const depth = q.shape.at(-1)!;
  const {
    mask,
    scale = 1 / Math.sqrt(depth),
    dropout: ratio = 0,
  } = checkOptions(name, options, { mask: 'object', scale: 'number', dropout: 'number' });
  if (k.shape.at(-1) !== depth)
    throw new ShapeMismatchError(`${name} k`, [...k.shape.slice(0, -1), depth], k.shape);
  if (v.shape.at(-2) !== k.shape.at(-2))
    throw new ShapeMismatchError(`${name} v`, [...k.shape.slice(0, -1), v.shape.at(-1)!], v.shape);
  return tf.tidy(() => {
    const scores = tf.mul(tf.matMul(q, k, false, true), scale);
    // Not minus infinity: a query that may look nowhere has no gradient then.
    const seen =
      mask === undefined
        ? scores
        : tf.where(tf.broadcastTo(tf.cast(mask, 'bool'), scores.shape), scores, tf.fill(scores.shape, -1e30));
    const weights = tf.softmax(seen);
    return tf.matMul(ratio === 0 ? weights : dropout(weights, ratio), v);
  });
}
