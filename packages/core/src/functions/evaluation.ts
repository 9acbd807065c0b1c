/** How good predictions are. Not differentiable. */
import * as tf from '@tensorflow/tfjs-core';
import { checkOptions } from '../options.ts';
import { checkRank, checkSameShape } from './arguments.ts';

/**
 * The share of elements whose score has the label's side: at least 0 for 1, else 0 (`chainer.functions.binary_accuracy`).
 *
 * @param y scores before the sigmoid. @param t of y's shape: 1, 0, or -1 for what does not count.
 * @returns a scalar in 0..1; 0 when no label counts.
 */
export function binaryAccuracy(y: tf.Tensor, t: tf.Tensor): tf.Scalar {
  checkSameShape('binaryAccuracy labels', y.shape, t.shape);
  return tf.tidy(() => {
    const counted = tf.cast(tf.notEqual(t, tf.scalar(-1, t.dtype as 'int32')), 'float32');
    const right = tf.equal(tf.cast(tf.greaterEqual(y, 0), 'float32'), tf.cast(t, 'float32'));
    return tf.div(
      tf.sum(tf.mul(tf.cast(right, 'float32'), counted)),
      tf.maximum(tf.sum(counted), 1),
    ) as tf.Scalar;
  });
}

/**
 * How much of the variance of `t` the predictions explain: 1 - sum (t - y)^2 / sum (t - mean)^2 (`chainer.functions.r2_score`).
 *
 * @param y (N, ...): predictions.
 * @param t (N, ...): what is right.
 * @param options multioutput: 'uniform_average' gives the mean over outputs (default), 'raw_values' one for each.
 */
export function r2Score(
  y: tf.Tensor,
  t: tf.Tensor,
  options: { multioutput?: 'uniform_average' | 'raw_values' } = {},
): tf.Tensor {
  const { multioutput = 'uniform_average' } = checkOptions('r2Score', options, {
    multioutput: ['uniform_average', 'raw_values'],
  });
  checkSameShape('r2Score t', y.shape, t.shape);
  return tf.tidy(() => {
    const missed = tf.sum(tf.squaredDifference(t, y), 0);
    const spread = tf.sum(tf.squaredDifference(t, tf.mean(t, 0, true)), 0);
    // Where all are the same there is nothing to explain.
    const scores = tf.where(tf.notEqual(spread, 0), tf.sub(1, tf.div(missed, spread)), tf.zerosLike(spread));
    return multioutput === 'raw_values' ? scores : tf.mean(scores);
  });
}

/** Of each class. */
export interface ClassificationSummary {
  /** Of what was predicted, the share that is right; NaN where nothing was predicted. */
  readonly precision: tf.Tensor1D;
  /** Of what is there, the share that was found; NaN where nothing is there. */
  readonly recall: tf.Tensor1D;
  /** Their weighted harmonic mean. */
  readonly fbeta: tf.Tensor1D;
  /** int32: how many there are. */
  readonly support: tf.Tensor1D;
}

/**
 * Precision, recall, F-score and number of each class (`chainer.functions.classification_summary`).
 *
 * @param y (N, classes): scores. @param t (N) int32.
 * @param options beta: how much more recall counts than precision. Default 1. ignoreLabel: the label that does not count. Default -1.
 */
export function classificationSummary(
  y: tf.Tensor2D,
  t: tf.Tensor1D,
  options: { beta?: number; ignoreLabel?: number } = {},
): ClassificationSummary {
  const { beta = 1, ignoreLabel = -1 } = checkOptions('classificationSummary', options, {
    beta: 'number',
    ignoreLabel: 'number',
  });
  checkRank('classificationSummary y', y, ['N', 'classes']);
  checkSameShape('classificationSummary t', [y.shape[0]], t.shape);
  return tf.tidy(() => {
    const classes = y.shape[1];
    const counted = tf.expandDims(tf.cast(tf.notEqual(t, tf.scalar(ignoreLabel, 'int32')), 'float32'), 1);
    const hot = (labels: tf.Tensor1D) => tf.mul(tf.cast(tf.oneHot(labels, classes), 'float32'), counted);
    const [predicted, there] = [hot(tf.argMax(y, 1) as tf.Tensor1D), hot(t)];
    const right = tf.sum(tf.mul(predicted, there), 0);
    const support = tf.sum(there, 0);
    const precision = tf.div(right, tf.sum(predicted, 0)) as tf.Tensor1D;
    const recall = tf.div(right, support) as tf.Tensor1D;
    const both = tf.add(tf.mul(precision, beta * beta), recall);
    const fbeta = tf.div(tf.mul(tf.mul(precision, recall), 1 + beta * beta), both) as tf.Tensor1D;
    return { precision, recall, fbeta, support: tf.cast(support, 'int32') as tf.Tensor1D };
  });
}
