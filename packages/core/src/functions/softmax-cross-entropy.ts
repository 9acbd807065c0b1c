import { withGradient } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { checkOptions } from '../options.ts';
import { checkLabelRange, checkLabels, checkSameShape } from './arguments.ts';

export interface SoftmaxCrossEntropyOptions {
  /** 'mean' divides by the number of labels that count (at least 1); with false by the batch size. Default true. */
  normalize?: boolean;
  /** The label that does not count. Default -1. */
  ignoreLabel?: number;
  /** A factor for each class. It does not change what the sum is divided by. */
  classWeight?: readonly number[] | tf.Tensor1D | null;
  /** 'mean' gives a scalar, 'no' a loss for each label. Default 'mean'. */
  reduce?: 'mean' | 'no';
}

/**
 * -log softmax(x)[t], as `chainer.functions.softmax_cross_entropy`.
 *
 * @param x (N, ..., classes): scores before the softmax, classes last.
 * @param t (N, ...) int32: labels in 0..classes-1, or `ignoreLabel`. Any other label makes the loss NaN.
 * @returns a scalar, or with reduce 'no' t's shape, 0 at ignored labels.
 * @throws ShapeMismatchError when t or the class weights do not fit x; InvalidArgumentError on labels that are not int32
 *   and, with `config.debug`, on labels out of range.
 */
export function softmaxCrossEntropy(
  x: tf.Tensor,
  t: tf.Tensor,
  options: SoftmaxCrossEntropyOptions = {},
): tf.Tensor {
  const name = 'softmaxCrossEntropy';
  const {
    normalize = true,
    ignoreLabel = -1,
    classWeight = null,
    reduce = 'mean',
  } = checkOptions(name, options, {
    normalize: 'boolean',
    ignoreLabel: 'number',
    classWeight: 'any',
    reduce: ['mean', 'no'],
  });
  checkLabels(name, x, t);
  const classes = x.shape[x.rank - 1]!;
  checkLabelRange(name, t, classes, ignoreLabel);
  return tf.tidy(() => {
    const weights = Array.isArray(classWeight)
      ? tf.tensor1d(classWeight)
      : (classWeight as tf.Tensor1D | null);
    if (weights !== null) checkSameShape(`${name} classWeight`, [classes], weights.shape);
    const labels = tf.reshape(t, [-1]) as tf.Tensor1D;
    const counted = tf.notEqual(labels, ignoreLabel);
    const mask = tf.cast(counted, 'float32');
    const hot = tf.oneHot(labels, classes);
    const share = tf.div(1, normalize ? tf.maximum(tf.sum(mask), 1) : x.shape[0]!);
    const maskedHot = tf.mul(tf.cast(hot, 'float32'), tf.expandDims(mask, 1));
    const target = weights === null ? maskedHot : tf.mul(maskedHot, weights);
    const logp = tf.logSoftmax(tf.reshape(x, [-1, classes]));
    return withGradient(
      logp,
      (input) => {
        // Where the class is not the label's nothing counts, not even minus infinity.
        const weighted = weights === null ? input : tf.mul(input, weights);
        const picked = tf.sum(tf.where(tf.cast(hot, 'bool'), weighted, tf.zerosLike(weighted)), 1);
        // A row of zeros, from a label out of range, gives 0/0.
        const rows = tf.div(tf.neg(picked), tf.cast(tf.sum(hot, 1), 'float32'));
        const losses = tf.where(counted, rows, tf.zerosLike(rows));
        return {
          value: reduce === 'no' ? tf.reshape(losses, t.shape) : tf.mul(tf.sum(losses), share),
          save: [target, share],
        };
      },
      (dy, [target, share]) => {
        const each = reduce === 'no' ? tf.reshape(dy, [-1, 1]) : tf.mul(dy, share);
        return tf.mul(target, tf.neg(each));
      },
    );
  });
}
