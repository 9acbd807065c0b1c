/** Normalizations: zero mean and unit variance over some axes, or unit length. */
import { withGradient } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { ShapeMismatchError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { type Axes, checkFloats, checkInteger, checkSameShape, nhwc, resolveAxes } from './arguments.ts';

/** The mean and the (biased) variance over `axes`, which are kept as 1. */
function moments(x: tf.Tensor, axes: number[]): { mean: tf.Tensor; variance: tf.Tensor } {
  const mean = tf.mean(x, axes, true);
  const count = x.size / mean.size;
  // By hand: the tape would keep x - mean, an array as large as x, until the backward pass.
  const variance = withGradient(
    x,
    (input) => ({ value: tf.mean(tf.square(tf.sub(input, mean)), axes, true), save: [input, mean] }),
    (dy, [x, mean]) => tf.mul(tf.sub(x, mean), tf.mul(dy, 2 / count)),
  );
  return { mean, variance };
}

/** (x - mean) / sqrt(variance + eps), with the gradient that looks through the statistics. */
function standardize(x: tf.Tensor, axes: number[], eps: number, stats = moments(x, axes)): tf.Tensor {
  // Outside, so that the tape knows it as a function of x when the gradient is differentiated.
  const inverse = tf.rsqrt(tf.add(stats.variance, eps));
  return withGradient(
    x,
    (input) => {
      const value = tf.mul(tf.sub(input, stats.mean), inverse);
      return { value, save: [value, inverse] };
    },
    (dy, [y, inverse]) => {
      const along = tf.mul(y, tf.mean(tf.mul(dy, y), axes, true));
      return tf.mul(inverse, tf.sub(tf.sub(dy, tf.mean(dy, axes, true)), along));
    },
  );
}

/** gamma * x + beta, of the given shape that broadcasts over x. Null leaves a step out. */
function affine(x: tf.Tensor, shape: number[], gamma: tf.Tensor | null, beta: tf.Tensor | null): tf.Tensor {
  const scaled = gamma === null ? x : tf.mul(x, tf.reshape(gamma, shape));
  return beta === null ? scaled : tf.add(scaled, tf.reshape(beta, shape));
}

export interface BatchNormalizationOptions {
  /** Added to the variance. Default 2e-5. */
  eps?: number;
  /** The axes over which the statistics are taken. Default all but the last (channels). */
  axis?: Axes;
}

/** The axes of the statistics, the shape of one value for each of the others, and that shape broadcasting over x. */
export function batchAxes(
  where: string,
  x: tf.Tensor,
  axis?: Axes,
): { axes: number[]; shape: number[]; kept: number[] } {
  checkFloats(`${where} x`, x);
  const axes = axis === undefined ? x.shape.slice(0, -1).map((_, i) => i) : resolveAxes(where, axis, x.rank);
  return {
    axes,
    shape: x.shape.filter((_, i) => !axes.includes(i)),
    kept: x.shape.map((size, i) => (axes.includes(i) ? 1 : size)),
  };
}

/** What `batchNormalization` gives: the output, and the statistics that running averages need. */
export interface BatchNormalized<T extends tf.Tensor = tf.Tensor> {
  /** Normalized x, of its shape. */
  readonly y: T;
  /** The mean of the batch. */
  readonly mean: tf.Tensor;
  /** The variance of the batch, biased (divided by the count). */
  readonly variance: tf.Tensor;
  /** count / (count - 1): times this, the variance is unbiased, as running averages take it. */
  readonly unbiased: number;
}

/**
 * Normalizes by the statistics of this batch, then scales and shifts (Ioffe and Szegedy, 2015;
 * `chainer.functions.batch_normalization`, whose running averages are the link's work here).
 *
 * @param x (N, H, W, C) or any other shape.
 * @param gamma the scale, of the shape of the axes that are not reduced: (C). Null is one.
 * @param beta the shift, likewise. Null is zero.
 * @throws ShapeMismatchError when gamma or beta has another shape; InvalidArgumentError on bad axes.
 */
export function batchNormalization<T extends tf.Tensor>(
  x: T,
  gamma: tf.Tensor | null,
  beta: tf.Tensor | null,
  options: BatchNormalizationOptions = {},
): BatchNormalized<T> {
  const { eps = 2e-5, axis } = checkOptions('batchNormalization', options, { eps: 'number', axis: 'any' });
  const { axes, shape, kept } = batchAxes('batchNormalization', x, axis);
  if (gamma !== null) checkSameShape('batchNormalization gamma', shape, gamma.shape);
  if (beta !== null) checkSameShape('batchNormalization beta', shape, beta.shape);
  const count = axes.reduce((n, i) => n * x.shape[i]!, 1);
  const tensors = tf.tidy(() => {
    const stats = moments(x, axes);
    return {
      y: affine(standardize(x, axes, eps, stats), kept, gamma, beta) as T,
      mean: tf.reshape(stats.mean, shape),
      variance: tf.reshape(stats.variance, shape),
    };
  });
  return { ...tensors, unbiased: count / Math.max(count - 1, 1) };
}

/**
 * Normalizes by given statistics, then scales and shifts (`chainer.functions.fixed_batch_normalization`).
 *
 * @param gamma (C), the shape of the axes that are not reduced; null is one.
 * @param beta (C), or null for zero.
 * @param mean (C).
 * @param variance (C).
 * @throws ShapeMismatchError when one of them has another shape; InvalidArgumentError on bad axes.
 */
export function fixedBatchNormalization<T extends tf.Tensor>(
  x: T,
  gamma: tf.Tensor | null,
  beta: tf.Tensor | null,
  mean: tf.Tensor,
  variance: tf.Tensor,
  options: BatchNormalizationOptions = {},
): T {
  const { eps = 2e-5, axis } = checkOptions('fixedBatchNormalization', options, {
    eps: 'number',
    axis: 'any',
  });
  const { axes, shape, kept } = batchAxes('fixedBatchNormalization', x, axis);
  for (const [name, value] of Object.entries({ gamma, beta, mean, variance })) {
    if (value !== null) checkSameShape(`fixedBatchNormalization ${name}`, shape, value.shape);
  }
  const channelsLast = axes.length === x.rank - 1 && !axes.includes(x.rank - 1);
  if (channelsLast && x.rank <= 4) {
    // One kernel instead of three passes over x. It cannot be differentiated without a scale and an offset.
    return tf.tidy(() => {
      const offset = beta ?? tf.zeros(shape);
      const scale = gamma ?? tf.ones(shape);
      const [m, v, o, s] = [mean, variance, offset, scale] as tf.Tensor1D[];
      return tf.batchNorm(x as tf.Tensor4D, m!, v!, o, s, eps) as tf.Tensor as T;
    });
  }
  return tf.tidy(() => {
    const inverse = tf.rsqrt(tf.add(variance, eps));
    const scale = gamma === null ? inverse : tf.mul(gamma, inverse);
    return affine(tf.sub(x, tf.reshape(mean, kept)), kept, scale, beta) as T;
  });
}

/**
 * Normalizes each sample over its last axis, then scales and shifts (Ba et al., 2016;
 * `chainer.functions.layer_normalization`).
 *
 * @param x (..., D).
 * @param gamma (D), or null for one.
 * @param beta (D), or null for zero.
 */
export function layerNormalization<T extends tf.Tensor>(
  x: T,
  gamma: tf.Tensor | null,
  beta: tf.Tensor | null,
  eps = 1e-5,
): T {
  checkFloats('layerNormalization x', x);
  const size = x.shape.slice(-1);
  if (gamma !== null) checkSameShape('layerNormalization gamma', size, gamma.shape);
  if (beta !== null) checkSameShape('layerNormalization beta', size, beta.shape);
  return tf.tidy(() => affine(standardize(x, [x.rank - 1], eps), size, gamma, beta) as T);
}

/**
 * Normalizes each sample over groups of channels, then scales and shifts by channel (Wu and He, 2018;
 * `chainer.functions.group_normalization`).
 *
 * @param x (N, ..., C).
 * @param groups the number of groups; C must be divisible by it.
 * @param gamma (C), or null for one.
 * @param beta (C), or null for zero.
 */
export function groupNormalization<T extends tf.Tensor>(
  x: T,
  groups: number,
  gamma: tf.Tensor | null,
  beta: tf.Tensor | null,
  eps = 1e-5,
): T {
  checkFloats('groupNormalization x', x);
  checkInteger('groupNormalization groups', groups, 1);
  const channels = x.shape[x.rank - 1]!;
  if (channels % groups !== 0) {
    throw new ShapeMismatchError(
      'groupNormalization x',
      [...x.shape.slice(0, -1), groups * Math.ceil(channels / groups)],
      x.shape,
      `The number of channels must be divisible by groups ${groups}.`,
    );
  }
  if (gamma !== null) checkSameShape('groupNormalization gamma', [channels], gamma.shape);
  if (beta !== null) checkSameShape('groupNormalization beta', [channels], beta.shape);
  return tf.tidy(() => {
    const pixels = x.shape.slice(1, -1).reduce((a, b) => a * b, 1);
    const grouped = tf.reshape(x, [x.shape[0]!, pixels, groups, channels / groups]);
    const y = tf.reshape(standardize(grouped, [1, 3], eps), x.shape);
    return affine(y, [channels], gamma, beta) as T;
  });
}

/** The square of a length that is smaller than any that counts: keeps 0/0 away, and an infinite derivative of the root. */
const tiny = 1e-36;

/**
 * x / (length of x over `axis` + eps), as `chainer.functions.normalize`. eps is outside the root; where x is zero the
 * gradient is finite: that of the output over eps.
 *
 * @param options eps default 1e-5; axis default the last (channels).
 */
export function normalize<T extends tf.Tensor>(x: T, options: { eps?: number; axis?: Axes } = {}): T {
  const { eps = 1e-5, axis = -1 } = checkOptions('normalize', options, { eps: 'number', axis: 'any' });
  checkFloats('normalize x', x);
  const axes = resolveAxes('normalize', axis, x.rank);
  return withGradient(
    x,
    (input) => {
      const length = tf.sqrt(tf.maximum(tf.sum(tf.square(input), axes, true), tiny));
      const value = tf.div(input, tf.add(length, eps)) as T;
      return { value, save: [input, value, length] };
    },
    (dy, [x, y, length]) => {
      const along = tf.div(tf.sum(tf.mul(dy, x), axes, true), length);
      return tf.div(tf.sub(dy, tf.mul(y, along)), tf.add(length, eps));
    },
  );
}

/**
 * x / (k + alpha * the sum of x^2 over n neighbouring channels)^beta (Krizhevsky et al., 2012;
 * `chainer.functions.local_response_normalization`).
 *
 * @param x (N, H, W, C).
 * @param options n default 5, k 2, alpha 1e-4, beta 0.75.
 */
export function localResponseNormalization(
  x: tf.Tensor4D,
  options: { n?: number; k?: number; alpha?: number; beta?: number } = {},
): tf.Tensor4D {
  const {
    n = 5,
    k = 2,
    alpha = 1e-4,
    beta = 0.75,
  } = checkOptions('localResponseNormalization', options, {
    n: 'number',
    k: 'number',
    alpha: 'number',
    beta: 'number',
  });
  checkFloats('localResponseNormalization x', x, nhwc);
  checkInteger('localResponseNormalization n', n, 1);
  return tf.localResponseNormalization(x, Math.floor(n / 2), k, alpha, beta);
}
