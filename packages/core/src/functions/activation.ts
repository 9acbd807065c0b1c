/** Activation functions. Elementwise, of any shape, unless they have an axis. */
import { withGradient } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { config } from '../configuration.ts';
import { InvalidArgumentError } from '../errors.ts';
import { metaMode } from '../meta/mode.ts';
import { checkOptions } from '../options.ts';
import { defaultRandom, type Random } from '../random.ts';
import {
  type Axes,
  checkFloats,
  checkInteger,
  checkOneOf,
  checkSameShape,
  resolveAxes,
  resolveAxis,
} from './arguments.ts';

/** max(x, 0). */
export function relu<T extends tf.Tensor>(x: T): T {
  return tf.relu(x);
}

/** min(max(x, 0), 6). */
export function relu6<T extends tf.Tensor>(x: T): T {
  return tf.relu6(x);
}

/** x where it is positive, else slope * x. */
export function leakyRelu<T extends tf.Tensor>(x: T, slope = 0.2): T {
  return tf.leakyRelu(x, slope);
}

/** 1 / (1 + exp(-x)). */
export function sigmoid<T extends tf.Tensor>(x: T): T {
  return tf.sigmoid(x);
}

/** The hyperbolic tangent. */
export function tanh<T extends tf.Tensor>(x: T): T {
  return tf.tanh(x);
}

/** x where it is positive, else alpha (exp(x) - 1) (Clevert et al., 2016). */
export function elu<T extends tf.Tensor>(x: T, alpha = 1): T {
  if (alpha === 1) return tf.elu(x);
  return tf.tidy(() => tf.add(tf.relu(x), tf.mul(tf.expm1(tf.minimum(x, 0)), alpha)) as T);
}

/** elu with the constants that keep mean 0 and variance 1 (Klambauer et al., 2017). */
export function selu<T extends tf.Tensor>(x: T): T {
  return tf.selu(x);
}

/** log(1 + exp(beta x)) / beta, without overflow. */
export function softplus<T extends tf.Tensor>(x: T, beta = 1): T {
  if (beta === 1) return tf.softplus(x);
  return tf.tidy(() => tf.div(tf.softplus(tf.mul(x, beta)), beta) as T);
}

/** min(max(x, 0), z); no gradient where it is clipped. @throws InvalidArgumentError unless z is positive. */
export function clippedRelu<T extends tf.Tensor>(x: T, z = 20): T {
  if (!(z > 0)) throw new InvalidArgumentError('clippedRelu z', 'a positive number', z);
  // Not clipByValue: its gradient passes where x is 0 or z.
  return withGradient(
    x,
    (input) => ({ value: tf.clipByValue(input, 0, z) as T, save: [input] }),
    (dy, [x]) => tf.mul(dy, tf.mul(tf.step(x), tf.step(tf.sub(z, x)))),
  );
}

/** min(max(0.2 x + 0.5, 0), 1). */
export function hardSigmoid<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.clipByValue(tf.add(tf.mul(x, 0.2), 0.5), 0, 1) as T);
}

/**
 * x where it is positive, else W * x, W learned (He et al., 2015; `chainer.functions.prelu`).
 *
 * @param W broadcasts over x from its last axis on: (C) for one slope a channel, () for one of all.
 */
export function prelu<T extends tf.Tensor>(x: T, W: tf.Tensor): T {
  checkFloats('prelu x', x);
  return tf.prelu<tf.Tensor>(x, W) as T;
}

/**
 * Leaky relu whose slope is drawn for each element while `config.train` is on, else (lower + upper) / 2 (Xu et al., 2015;
 * `chainer.functions.rrelu`).
 *
 * @param options lower and upper: the bounds of the slopes, 1/8 and 1/3 unless given. r: the slopes, of x's shape, instead of drawing.
 *   rng: where they are drawn from; default the default generator.
 * @throws InvalidArgumentError unless 0 <= lower <= upper <= 1; ShapeMismatchError when r does not have x's shape.
 */
export function rrelu<T extends tf.Tensor>(
  x: T,
  options: { lower?: number; upper?: number; r?: tf.Tensor; rng?: Random } = {},
): T {
  const {
    lower = 1 / 8,
    upper = 1 / 3,
    r,
    rng = defaultRandom(),
  } = checkOptions('rrelu', options, { lower: 'number', upper: 'number', r: 'object', rng: 'object' });
  if (!(lower >= 0 && lower <= upper && upper <= 1))
    throw new InvalidArgumentError('rrelu lower, upper', '0 <= lower <= upper <= 1', `${lower}, ${upper}`);
  if (r !== undefined) checkSameShape('rrelu r', x.shape, r.shape);
  if (!config.train || metaMode() !== null) return tf.leakyRelu(x, (lower + upper) / 2);
  return tf.tidy(() => {
    if (r !== undefined) return prelu(x, r);
    const slopes = Float32Array.from({ length: x.size }, () => rng.uniform(lower, upper));
    return prelu(x, tf.tensor(slopes, x.shape));
  });
}

/**
 * x sigmoid(beta x) (Ramachandran et al., 2017; `chainer.functions.swish`); with the beta of 1 also known as SiLU.
 *
 * @param beta a number, or a tensor that broadcasts over x from its last axis on: (C).
 */
export function swish<T extends tf.Tensor>(x: T, beta: number | tf.Tensor = 1): T {
  checkFloats('swish x', x);
  return tf.tidy(() => tf.mul(x, tf.sigmoid(beta === 1 ? x : tf.mul(x, beta))) as T);
}

/**
 * x times the probability that a normal number is below x (Hendrycks and Gimpel, 2016). Chainer has none; PyTorch's `gelu`.
 *
 * @param approximate 'tanh' for the formula of BERT and GPT-2. Default 'none': with erf, which tfjs computes within 1.5e-7.
 */
export function gelu<T extends tf.Tensor>(x: T, approximate: 'none' | 'tanh' = 'none'): T {
  checkOneOf('gelu approximate', approximate, ['none', 'tanh']);
  return tf.tidy(() => {
    const inner =
      approximate === 'none'
        ? tf.erf(tf.mul(x, Math.SQRT1_2))
        : tf.tanh(tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI)));
    return tf.mul(tf.mul(x, 0.5), tf.add(inner, 1)) as T;
  });
}

/** relu(x) and relu(-x) side by side along `axis`: twice as many channels (Shang et al., 2016). @param axis default the last. */
export function crelu(x: tf.Tensor, axis = -1): tf.Tensor {
  const at = resolveAxis('crelu', axis, x.rank);
  return tf.tidy(() => tf.concat([tf.relu(x), tf.relu(tf.neg(x))], at));
}

/**
 * The largest of each `poolSize` neighbours along `axis` (Goodfellow et al., 2013; `chainer.functions.maxout`).
 *
 * @param axis default the last: channels. Its size becomes size / poolSize.
 * @throws InvalidArgumentError when poolSize does not divide the size.
 */
export function maxout(x: tf.Tensor, poolSize: number, axis = -1): tf.Tensor {
  const at = resolveAxis('maxout', axis, x.rank);
  checkInteger('maxout poolSize', poolSize, 1);
  const size = x.shape[at]!;
  if (size % poolSize !== 0)
    throw new InvalidArgumentError('maxout poolSize', `a number that divides ${size}`, poolSize);
  return tf.tidy(() => tf.max(tf.reshape(x, x.shape.toSpliced(at, 1, size / poolSize, poolSize)), at + 1));
}

/** Runs `fn`, which works on the last axis, on another one. */
function onAxis<T extends tf.Tensor>(x: T, axis: number, fn: (x: tf.Tensor) => tf.Tensor): T {
  if (axis === x.rank - 1) return fn(x) as T;
  return tf.tidy(() => {
    const order = x.shape.map((_, i) => i).filter((i) => i !== axis);
    order.push(axis);
    const back = order.map((_, i) => order.indexOf(i));
    return tf.transpose(fn(tf.transpose(x, order)), back) as T;
  });
}

/** exp(x) over its sum along `axis`; the largest value is subtracted first. @param axis default the last: channels. */
export function softmax<T extends tf.Tensor>(x: T, axis = -1): T {
  return onAxis(x, resolveAxis('softmax', axis, x.rank), (last) => tf.softmax(last));
}

/** The logarithm of `softmax`, without underflow. @param axis default the last: channels. */
export function logSoftmax<T extends tf.Tensor>(x: T, axis = -1): T {
  return onAxis(x, resolveAxis('logSoftmax', axis, x.rank), (last) => tf.logSoftmax(last));
}

/** log(sum(exp(x))) over `axis`, all of them unless given, without overflow. The reduced axes are dropped. */
export function logsumexp(x: tf.Tensor, axis?: Axes): tf.Tensor {
  const axes = axis === undefined ? x.shape.map((_, i) => i) : resolveAxes('logsumexp', axis, x.rank);
  return withGradient(
    x,
    (input) => {
      const largest = tf.max(input, axes, true);
      const kept = tf.add(largest, tf.log(tf.sum(tf.exp(tf.sub(input, largest)), axes, true)));
      return { value: tf.squeeze(kept, axes), save: [input, kept] };
    },
    (dy, [x, total]) => tf.mul(tf.reshape(dy, total.shape), tf.exp(tf.sub(x, total))),
  );
}
