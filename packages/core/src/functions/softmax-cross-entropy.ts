import { withGradient } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { checkLabelRange, checkLabels, checkSameShape, checkTensor } from './arguments.ts';

export interface SoftmaxCrossEntropyOptions {
  /** 'mean' divides by the number of labels that count (at least 1); with false by the batch size. Default true. */
  normalize?: boolean;
  /** The label that does not count. Default -1. */
  ignoreLabel?: number;
  /** A factor for each class. It does not change what the sum is divided by. */
  classWeight?: readonly number[] | tf.Tensor1D | null;
  /** 'mean' gives a scalar, 'no' a loss for each label. Default 'mean'. */
  reduce?: 'mean' | 'no';
  /** Of soft targets: whether their own entropy is subtracted. Default 'cross-entropy'. */
  softTargetLoss?: 'cross-entropy' | 'kl-divergence';
  /** The share of each label that is given to all classes alike (Szegedy et al., 2016; PyTorch's label_smoothing). Default 0. */
  labelSmoothing?: number;
}

/** Each row's -sum t log softmax(x), or for a divergence less t's own entropy. Gradients go to x and t. */
function softLosses(logp: tf.Tensor, t: tf.Tensor, isDivergence: boolean): tf.Tensor {
  const cross = tf.neg(tf.sum(tf.mul(t, logp), 1));
  if (!isDivergence) return cross;
  // 0 log 0 is 0.
  const own = tf.mul(t, tf.log(tf.where(tf.greater(t, 0), t, tf.onesLike(t))));
  return tf.add(cross, tf.sum(own, 1));
}

/**
 * -log softmax(x)[t], as `chainer.functions.softmax_cross_entropy`.
 *
 * @param x (N, ..., classes): scores before the softmax, classes last.
 * @param t (N, ...) int32: labels in 0..classes-1, or `ignoreLabel`; on a GPU another label may make the loss NaN before it is told.
 *   Or float32 of x's shape: a soft target, a weight for each class, of which all count.
 * @returns a scalar, or with reduce 'no' one for each label, 0 at ignored ones.
 * @throws ShapeMismatchError when t or the class weights do not fit x; InvalidArgumentError on labels that are not int32
 *   or out of range.
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
    softTargetLoss = 'cross-entropy',
    labelSmoothing = 0,
  } = checkOptions(name, options, {
    normalize: 'boolean',
    ignoreLabel: 'number',
    classWeight: 'any',
    reduce: ['mean', 'no'],
    softTargetLoss: ['cross-entropy', 'kl-divergence'],
    labelSmoothing: 'number',
  });
  if (!(labelSmoothing >= 0 && labelSmoothing < 1))
    throw new InvalidArgumentError(`${name} labelSmoothing`, 'a number in [0, 1)', labelSmoothing);
  checkTensor(`${name} x`, x);
  const classes = x.shape[x.rank - 1]!;
  const isSoft = t?.dtype === 'float32' && t.rank === x.rank;
  if (isSoft) checkSameShape(`${name} target`, x.shape, t.shape);
  else {
    checkLabels(name, x, t);
    checkLabelRange(name, t, classes, ignoreLabel);
  }
  return tf.tidy(() => {
    const weights = Array.isArray(classWeight)
      ? tf.tensor1d(classWeight)
      : (classWeight as tf.Tensor1D | null);
    if (weights !== null) checkSameShape(`${name} classWeight`, [classes], weights.shape);
    const logp = tf.logSoftmax(tf.reshape(x, [-1, classes]));
    const weighed = weights === null ? logp : tf.mul(logp, weights);
    const smooth = () => tf.neg(tf.mean(weighed, 1));
    if (isSoft) {
      const own = softLosses(weighed, tf.reshape(t, [-1, classes]), softTargetLoss === 'kl-divergence');
      const losses = labelSmoothing === 0 ? own : mixed(own, smooth(), labelSmoothing);
      if (reduce === 'no') return tf.reshape(losses, x.shape.slice(0, -1));
      return normalize ? tf.mean(losses) : tf.div(tf.sum(losses), x.shape[0]!);
    }
    const labels = tf.reshape(t, [-1]) as tf.Tensor1D;
    const counted = tf.notEqual(labels, ignoreLabel);
    const mask = tf.cast(counted, 'float32');
    const hot = tf.oneHot(labels, classes);
    const share = tf.div(1, normalize ? tf.maximum(tf.sum(mask), 1) : x.shape[0]!);
    const maskedHot = tf.mul(tf.cast(hot, 'float32'), tf.expandDims(mask, 1));
    const target = weights === null ? maskedHot : tf.mul(maskedHot, weights);
    const hard = withGradient(
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
    if (labelSmoothing === 0) return hard;
    const spread = tf.mul(smooth(), mask);
    return mixed(
      hard,
      reduce === 'no' ? tf.reshape(spread, t.shape) : tf.mul(tf.sum(spread), share),
      labelSmoothing,
    );
  });
}

const mixed = (own: tf.Tensor, smooth: tf.Tensor, part: number) =>
  tf.add(tf.mul(own, 1 - part), tf.mul(smooth, part));
