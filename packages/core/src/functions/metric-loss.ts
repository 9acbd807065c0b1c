/** Losses of distances, of distributions and of covariances. */
import * as tf from '@tensorflow/tfjs-core';
import { checkOptions } from '../options.ts';
import { checkRank, checkSameShape } from './arguments.ts';

type Reduce = 'mean' | 'no';

/** The square of a distance below which it has no direction: keeps the gradient of the root finite. */
const tiny = 1e-36;

const reduced = (losses: tf.Tensor, reduce: Reduce) => (reduce === 'no' ? losses : tf.mean(losses));

/**
 * Half the square of the distance of pairs that belong together, of others half the square of what is missing to `margin` (Hadsell et al.,
 * 2006; `chainer.functions.contrastive`).
 *
 * @param x0 (N, D).
 * @param x1 (N, D): the other of each pair.
 * @param y (N): 1 for pairs that belong together, else 0.
 * @param options margin: default 1. reduce: 'mean' gives a scalar (default), 'no' (N).
 */
export function contrastive(
  x0: tf.Tensor2D,
  x1: tf.Tensor2D,
  y: tf.Tensor1D,
  options: { margin?: number; reduce?: Reduce } = {},
): tf.Tensor {
  const { margin = 1, reduce = 'mean' } = checkOptions('contrastive', options, {
    margin: 'number',
    reduce: ['mean', 'no'],
  });
  checkRank('contrastive x0', x0, ['N', 'D']);
  checkSameShape('contrastive x1', x0.shape, x1.shape);
  checkSameShape('contrastive y', [x0.shape[0]], y.shape);
  return tf.tidy(() => {
    const square = tf.sum(tf.squaredDifference(x0, x1), 1);
    const missing = tf.relu(tf.sub(margin, tf.sqrt(tf.maximum(square, tiny))));
    const alike = tf.cast(y, 'float32');
    const losses = tf.add(tf.mul(alike, square), tf.mul(tf.sub(1, alike), tf.square(missing)));
    return reduced(tf.mul(losses, 0.5), reduce);
  });
}

/**
 * What is missing that the anchor is nearer to the positive than to the negative, by squares of distances and `margin` (Schroff et al., 2015;
 * `chainer.functions.triplet`).
 *
 * @param anchor (N, D).
 * @param positive (N, D): of the class of the anchor.
 * @param negative (N, D): of another class.
 * @param options margin: default 0.2. reduce: 'mean' gives a scalar (default), 'no' (N).
 */
export function triplet(
  anchor: tf.Tensor2D,
  positive: tf.Tensor2D,
  negative: tf.Tensor2D,
  options: { margin?: number; reduce?: Reduce } = {},
): tf.Tensor {
  const { margin = 0.2, reduce = 'mean' } = checkOptions('triplet', options, {
    margin: 'number',
    reduce: ['mean', 'no'],
  });
  checkRank('triplet anchor', anchor, ['N', 'D']);
  checkSameShape('triplet positive', anchor.shape, positive.shape);
  checkSameShape('triplet negative', anchor.shape, negative.shape);
  return tf.tidy(() => {
    const nearer = tf.sub(tf.squaredDifference(anchor, positive), tf.squaredDifference(anchor, negative));
    return reduced(tf.relu(tf.add(tf.sum(nearer, 1), margin)), reduce);
  });
}

const centred = (x: tf.Tensor2D) => tf.sub(x, tf.mean(x, 0, true)) as tf.Tensor2D;

/**
 * Half the sum of the squares of the covariances of different units (Cogswell et al., 2016; `chainer.functions.decov`).
 * @param h (N, D). @returns a scalar.
 */
export function decov(h: tf.Tensor2D): tf.Scalar {
  checkRank('decov h', h, ['N', 'D']);
  return tf.tidy(() => {
    const own = centred(h);
    const covariance = tf.div(tf.matMul(own, own, true), h.shape[0]);
    const others = tf.mul(covariance, tf.sub(1, tf.eye(h.shape[1])));
    return tf.mul(tf.sum(tf.square(others)), 0.5) as tf.Scalar;
  });
}

/**
 * Half the sum of the squares of the covariances of y's and z's units (Cheung et al., 2015; `chainer.functions.cross_covariance`).
 * @param y (N, D). @param z (N, E). @returns a scalar.
 */
export function crossCovariance(y: tf.Tensor2D, z: tf.Tensor2D): tf.Scalar {
  checkRank('crossCovariance y', y, ['N', 'D']);
  checkSameShape('crossCovariance z', [y.shape[0], z.shape[1]!], z.shape);
  return tf.tidy(() => {
    const covariance = tf.div(tf.matMul(centred(y), centred(z), true), y.shape[0]);
    return tf.mul(tf.sum(tf.square(covariance)), 0.5) as tf.Scalar;
  });
}

type ReduceSum = 'sum' | 'mean' | 'no';
const sums: readonly ReduceSum[] = ['sum', 'mean', 'no'];

function summed(name: string, options: { reduce?: ReduceSum }, losses: () => tf.Tensor): tf.Tensor {
  const { reduce = 'sum' } = checkOptions(name, options, { reduce: [...sums] });
  return tf.tidy(() => {
    const all = losses();
    if (reduce === 'no') return all;
    return reduce === 'sum' ? tf.sum(all) : tf.mean(all);
  });
}

/**
 * The divergence of N(mean, exp(lnVar)) from the normal distribution, as variational autoencoders need it
 * (`chainer.functions.gaussian_kl_divergence`): (mean^2 + exp(lnVar) - lnVar - 1) / 2.
 *
 * @param options reduce: 'sum' (default), 'mean' or 'no'.
 */
export function gaussianKLDivergence(
  mean: tf.Tensor,
  lnVar: tf.Tensor,
  options: { reduce?: ReduceSum } = {},
): tf.Tensor {
  checkSameShape('gaussianKLDivergence lnVar', mean.shape, lnVar.shape);
  return summed('gaussianKLDivergence', options, () =>
    tf.mul(tf.sub(tf.sub(tf.add(tf.square(mean), tf.exp(lnVar)), lnVar), 1), 0.5),
  );
}

/**
 * -log of the probability of x, of each element 1 with the probability sigmoid(y) (`chainer.functions.bernoulli_nll`): softplus(y) - x y.
 *
 * @param x values in 0..1. @param y scores before the sigmoid. @param options reduce: 'sum' (default), 'mean' or 'no'.
 */
export function bernoulliNLL(x: tf.Tensor, y: tf.Tensor, options: { reduce?: ReduceSum } = {}): tf.Tensor {
  checkSameShape('bernoulliNLL y', x.shape, y.shape);
  return summed('bernoulliNLL', options, () => tf.sub(tf.softplus(y), tf.mul(x, y)));
}

/**
 * -log of the density of N(mean, exp(lnVar)) at x (`chainer.functions.gaussian_nll`).
 *
 * @param options reduce: 'sum' (default), 'mean' or 'no'.
 */
export function gaussianNLL(
  x: tf.Tensor,
  mean: tf.Tensor,
  lnVar: tf.Tensor,
  options: { reduce?: ReduceSum } = {},
): tf.Tensor {
  checkSameShape('gaussianNLL mean', x.shape, mean.shape);
  checkSameShape('gaussianNLL lnVar', x.shape, lnVar.shape);
  return summed('gaussianNLL', options, () => {
    const squares = tf.mul(tf.squaredDifference(x, mean), tf.exp(tf.neg(lnVar)));
    return tf.mul(tf.add(tf.add(lnVar, squares), Math.log(2 * Math.PI)), 0.5);
  });
}
