import * as tf from '@tensorflow/tfjs-core';
import { ShapeMismatchError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { checkFloats, checkInteger, checkRank, checkSameShape } from './arguments.ts';

/**
 * Flattens what follows the batch axes in Chainer's order: channels, which are last here, come first.
 *
 * @param x (...batch, H, W, C), or (...batch, C).
 * @returns (product of batch, C * H * W).
 */
export function flattenForLinear(x: tf.Tensor, nBatchAxes = 1): tf.Tensor2D {
  checkInteger('linear nBatchAxes', nBatchAxes, 1);
  return tf.tidy(() => {
    const spatial = x.shape.slice(nBatchAxes, -1);
    const rows = x.shape.slice(0, nBatchAxes).reduce((a, b) => a * b, 1);
    const columns = x.shape.slice(nBatchAxes).reduce((a, b) => a * b, 1);
    // Single pixels are in order already.
    if (spatial.every((size) => size === 1)) return tf.reshape(x, [rows, columns]);
    const axes = x.shape.map((_, axis) => axis);
    const order = [...axes.slice(0, nBatchAxes), axes.length - 1, ...axes.slice(nBatchAxes, -1)];
    return tf.reshape(tf.transpose(x, order), [rows, columns]);
  });
}

/**
 * x W^T + b, as `chainer.functions.linear`.
 *
 * @param x (N, in), or more axes, which are flattened in (C, H, W) order: (N, H, W, C) gives in = C * H * W.
 * @param W (out, in).
 * @param b (out), or null.
 * @param options nBatchAxes: how many leading axes are kept. Default 1.
 * @returns (N, out), or (...batch, out).
 * @throws ShapeMismatchError when the sizes do not fit.
 */
export function linear(
  x: tf.Tensor,
  W: tf.Tensor2D,
  b: tf.Tensor1D | null = null,
  options: { nBatchAxes?: number } = {},
): tf.Tensor2D {
  const { nBatchAxes = 1 } = checkOptions('linear', options, { nBatchAxes: 'number' });
  checkFloats('linear x', x);
  checkRank('linear W', W, ['out', 'in']);
  if (b !== null) checkSameShape('linear b', [W.shape[0]], b.shape);
  return tf.tidy(() => {
    const flat = flattenForLinear(x, nBatchAxes);
    if (flat.shape[1] !== W.shape[1]) {
      throw new ShapeMismatchError(
        'linear W',
        [W.shape[0], flat.shape[1]],
        W.shape,
        `The input of shape (${x.shape.join(', ')}) has ${flat.shape[1]} values a sample.`,
      );
    }
    const product = tf.matMul(flat, W, false, true);
    const y = b === null ? product : tf.add(product, b);
    return nBatchAxes === 1
      ? y
      : tf.reshape(y, [...x.shape.slice(0, nBatchAxes), W.shape[0]!] as [number, number]);
  }) as tf.Tensor2D;
}
