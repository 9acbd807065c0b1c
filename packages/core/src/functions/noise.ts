/** Functions that draw numbers. */
import * as tf from '@tensorflow/tfjs-core';
import { config } from '../configuration.ts';
import { InvalidArgumentError } from '../errors.ts';
import { metaMode } from '../meta/mode.ts';
import { checkOptions } from '../options.ts';
import { defaultRandom, type Random } from '../random.ts';
import { checkSameShape } from './arguments.ts';

/** Numbers of x's shape: those given, else drawn one by one; where only shapes are computed nothing is drawn. */
function numbers(where: string, x: tf.Tensor, given: tf.Tensor | undefined, draw: () => number): tf.Tensor {
  if (given !== undefined) {
    checkSameShape(where, x.shape, given.shape);
    return given;
  }
  const shapesOnly = metaMode();
  if (shapesOnly !== null) {
    shapesOnly.miss('drawing numbers');
    return tf.zeros(x.shape);
  }
  return tf.tensor(Float32Array.from({ length: x.size }, draw), x.shape);
}

/**
 * While `config.train` is on, h where a drawn number is below `ratio`, else x: units that keep their state (Krueger et al., 2017;
 * `chainer.functions.zoneout`). In test mode x.
 *
 * @param h the state before.
 * @param x the state after, of the same shape.
 * @param options mask: 1 where x is taken, else 0, instead of drawing. rng: default the default generator.
 */
export function zoneout<T extends tf.Tensor>(
  h: T,
  x: T,
  ratio = 0.5,
  options: { mask?: tf.Tensor; rng?: Random } = {},
): T {
  const { mask, rng = defaultRandom() } = checkOptions('zoneout', options, { mask: 'object', rng: 'object' });
  if (!(ratio >= 0 && ratio <= 1))
    throw new InvalidArgumentError('zoneout ratio', 'a number in [0, 1]', ratio);
  checkSameShape('zoneout x', h.shape, x.shape);
  if (!config.train) return tf.clone(x);
  return tf.tidy(() => {
    const taken = numbers('zoneout mask', x, mask, () => (rng.uniform() >= ratio ? 1 : 0));
    return tf.where(tf.cast(taken, 'bool'), x, h);
  });
}

/**
 * A draw from N(mean, exp(lnVar)) through which gradients pass (Kingma and Welling, 2014; `chainer.functions.gaussian`), in test mode too.
 *
 * @param options eps: normal numbers of mean's shape, instead of drawing. rng: default the default generator.
 */
export function gaussian<T extends tf.Tensor>(
  mean: T,
  lnVar: T,
  options: { eps?: tf.Tensor; rng?: Random } = {},
): T {
  const { eps, rng = defaultRandom() } = checkOptions('gaussian', options, { eps: 'object', rng: 'object' });
  checkSameShape('gaussian lnVar', mean.shape, lnVar.shape);
  return tf.tidy(() => {
    const normal = numbers('gaussian eps', mean, eps, () => rng.normal());
    return tf.add(mean, tf.mul(tf.exp(tf.mul(lnVar, 0.5)), normal)) as T;
  });
}

/**
 * A soft draw of a class: softmax((logPi + noise) / tau), with noise of the Gumbel distribution (Jang et al., 2017;
 * `chainer.functions.gumbel_softmax`), in test mode too.
 *
 * @param logPi (..., classes): logarithms of probabilities. @param tau the temperature. Default 0.1.
 * @param options noise: of logPi's shape, instead of drawing. rng: default the default generator.
 */
export function gumbelSoftmax<T extends tf.Tensor>(
  logPi: T,
  tau = 0.1,
  options: { noise?: tf.Tensor; rng?: Random } = {},
): T {
  const { noise, rng = defaultRandom() } = checkOptions('gumbelSoftmax', options, {
    noise: 'object',
    rng: 'object',
  });
  if (!(tau > 0)) throw new InvalidArgumentError('gumbelSoftmax tau', 'a positive number', tau);
  return tf.tidy(() => {
    const drawn = numbers('gumbelSoftmax noise', logPi, noise, () => -Math.log(-Math.log(1 - rng.uniform())));
    return tf.softmax(tf.div(tf.add(logPi, drawn), tau)) as T;
  });
}
