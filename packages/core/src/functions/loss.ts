/** Losses and accuracy. Gradients go to both arguments where both are float32. */
import { withGradient } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import {
  checkLabelRange,
  checkLabels,
  checkOneOf,
  checkRank,
  checkSameShape,
  checkTensor,
} from './arguments.ts';

/** Two tensors of one shape. */
function checkPair(where: string, x: tf.Tensor, y: tf.Tensor, second = 'y'): void {
  checkTensor(`${where} x`, x);
  checkTensor(`${where} ${second}`, y);
  checkSameShape(where, x.shape, y.shape);
}

/** (x - y)^2, element by element. @throws ShapeMismatchError when the shapes differ. */
export function squaredError<T extends tf.Tensor>(x: T, y: T): T {
  checkPair('squaredError', x, y);
  return tf.squaredDifference(x, y);
}

/** |x - y|, element by element; no gradient where they are equal. @throws ShapeMismatchError when the shapes differ. */
export function absoluteError<T extends tf.Tensor>(x: T, y: T): T {
  checkPair('absoluteError', x, y);
  return tf.tidy(() => tf.abs(tf.sub(x, y)) as T);
}

/** The mean of (x - y)^2 over all elements, a scalar. @throws ShapeMismatchError when the shapes differ. */
export function meanSquaredError(x: tf.Tensor, y: tf.Tensor): tf.Scalar {
  checkPair('meanSquaredError', x, y);
  return tf.tidy(() => tf.mean(squaredError(x, y)) as tf.Scalar);
}

/** The mean of |x - y| over all elements, a scalar. @throws ShapeMismatchError when the shapes differ. */
export function meanAbsoluteError(x: tf.Tensor, y: tf.Tensor): tf.Scalar {
  checkPair('meanAbsoluteError', x, y);
  return tf.tidy(() => tf.mean(absoluteError(x, y)) as tf.Scalar);
}

/**
 * 0.5 d^2 where |d| = |x - t| < delta, else delta (|d| - delta / 2) (`chainer.functions.huber_loss`).
 *
 * @param x any shape.
 * @param t the same shape.
 * @param reduce 'sum_along_second_axis' sums over the channels, which are last here; 'no' gives one for each element.
 * @throws ShapeMismatchError when the shapes differ; InvalidArgumentError unless delta is positive.
 */
export function huberLoss(
  x: tf.Tensor,
  t: tf.Tensor,
  delta: number,
  reduce: 'sum_along_second_axis' | 'no' = 'sum_along_second_axis',
): tf.Tensor {
  checkOneOf('huberLoss reduce', reduce, ['sum_along_second_axis', 'no']);
  checkPair('huberLoss', x, t, 't');
  if (!(delta > 0)) throw new InvalidArgumentError('huberLoss delta', 'a positive number', delta);
  return tf.tidy(() => {
    const losses = withGradient(
      tf.sub(x, t),
      (difference) => {
        const distance = tf.abs(difference);
        const inside = tf.minimum(distance, delta);
        const outside = tf.sub(distance, inside);
        return { value: tf.add(tf.mul(tf.square(inside), 0.5), tf.mul(outside, delta)), save: [difference] };
      },
      (dy, [d]) => tf.mul(dy, tf.clipByValue(d, -delta, delta)),
    );
    return reduce === 'no' ? losses : tf.sum(losses, -1);
  });
}

/**
 * The cross entropy of sigmoid(x) and binary labels (`chainer.functions.sigmoid_cross_entropy`).
 *
 * @param x scores before the sigmoid.
 * @param t of the same shape, int32: 1, 0, or -1 for what does not count; or float32: probabilities in 0..1, all of which count. It gets
 *   no gradient.
 * @param options normalize: 'mean' divides by the number of labels that count (at least 1), with false by the batch size.
 *   Default true. reduce: 'mean' gives a scalar, 'no' x's shape. Default 'mean'.
 * @throws ShapeMismatchError when the shapes differ; InvalidArgumentError on labels that are not int32.
 */
export function sigmoidCrossEntropy(
  x: tf.Tensor,
  t: tf.Tensor,
  options: { normalize?: boolean; reduce?: 'mean' | 'no' } = {},
): tf.Tensor {
  const name = 'sigmoidCrossEntropy';
  const { normalize = true, reduce = 'mean' } = checkOptions(name, options, {
    normalize: 'boolean',
    reduce: ['mean', 'no'],
  });
  checkTensor(`${name} x`, x);
  checkTensor(`${name} labels`, t);
  checkSameShape(`${name} labels`, x.shape, t.shape);
  const isSoft = t.dtype === 'float32';
  if (!isSoft && t.dtype !== 'int32')
    throw new InvalidArgumentError(`${name} labels`, 'an int32 or float32 tensor', t.dtype);
  if (!isSoft) checkLabelRange(name, t, 2, -1);
  return tf.tidy(() => {
    const counted = isSoft ? tf.onesLike(tf.cast(t, 'bool')) : tf.notEqual(t, -1);
    const mask = tf.cast(counted, 'float32');
    const labels = tf.cast(t, 'float32');
    const share = tf.div(1, normalize ? tf.maximum(tf.sum(mask), 1) : x.shape[0]!);
    return withGradient(
      x,
      (input) => {
        const tail = tf.log1p(tf.exp(tf.neg(tf.abs(input))));
        const all = tf.add(tf.sub(tf.relu(input), tf.mul(input, labels)), tail);
        const losses = tf.where(counted, all, tf.zerosLike(all));
        return {
          value: reduce === 'no' ? losses : tf.mul(tf.sum(losses), share),
          save: [input, labels, mask, share],
        };
      },
      (dy, [x, labels, mask, share]) => {
        const each = reduce === 'no' ? dy : tf.mul(dy, share);
        return tf.mul(tf.mul(tf.sub(tf.sigmoid(x), labels), mask), each);
      },
    );
  });
}

/**
 * The hinge loss of one-against-all classifiers (`chainer.functions.hinge`): max(0, 1 - s x)^p, with s 1 for the label's
 * class and -1 for the others.
 *
 * @param x (N, classes).
 * @param t (N) int32 in 0..classes-1.
 * @param options norm: 'L1' (p = 1, default) or 'L2' (p = 2). reduce: 'mean' sums and divides by N (default), 'no' gives x's shape.
 */
export function hinge(
  x: tf.Tensor2D,
  t: tf.Tensor1D,
  options: { norm?: 'L1' | 'L2'; reduce?: 'mean' | 'no' } = {},
): tf.Tensor {
  const { norm = 'L1', reduce = 'mean' } = checkOptions('hinge', options, {
    norm: ['L1', 'L2'],
    reduce: ['mean', 'no'],
  });
  checkRank('hinge x', x, ['N', 'classes']);
  checkLabels('hinge', x, t);
  checkLabelRange('hinge', t, x.shape[1], null);
  return tf.tidy(() => {
    const side = tf.sub(1, tf.mul(tf.cast(tf.oneHot(t, x.shape[1]), 'float32'), 2));
    const distance = tf.relu(tf.add(tf.mul(x, side), 1));
    const losses = norm === 'L1' ? distance : tf.square(distance);
    return reduce === 'no' ? losses : tf.div(tf.sum(losses), x.shape[0]);
  });
}

/**
 * The share of rows whose largest score is the label's (`chainer.functions.accuracy`). Not differentiable.
 *
 * @param y (N, ..., classes).
 * @param t (N, ...) int32.
 * @param ignoreLabel the label that does not count; none unless given.
 * @returns a scalar in 0..1; 0 when no label counts.
 */
export function accuracy(y: tf.Tensor, t: tf.Tensor, ignoreLabel: number | null = null): tf.Scalar {
  checkLabels('accuracy', y, t);
  checkLabelRange('accuracy', t, y.shape.at(-1)!, ignoreLabel ?? -1);
  return tf.tidy(() => {
    const right = tf.cast(tf.equal(tf.argMax(y, -1), t), 'float32');
    if (ignoreLabel === null) return tf.mean(right) as tf.Scalar;
    const counted = tf.cast(tf.notEqual(t, ignoreLabel), 'float32');
    return tf.div(tf.sum(tf.mul(right, counted)), tf.maximum(tf.sum(counted), 1)) as tf.Scalar;
  });
}
