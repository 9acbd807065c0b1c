import * as tf from '@tensorflow/tfjs-core';
import { config } from '../configuration.ts';
import { InvalidArgumentError } from '../errors.ts';
import { metaMode } from '../meta/mode.ts';
import { checkOptions } from '../options.ts';
import { defaultRandom, type Random } from '../random.ts';
import { checkSameShape } from './arguments.ts';

export interface DropoutOptions {
  /** The factors to use, of the shape of x: 0, or already 1 / (1 - ratio). Without it they are drawn. */
  mask?: tf.Tensor;
  /** Where they are drawn from. Default the default generator. */
  rng?: Random;
}

function checkRatio(ratio: number): void {
  if (!(ratio >= 0 && ratio < 1))
    throw new InvalidArgumentError('dropout ratio', 'a number in [0, 1)', ratio);
}

/** Draws the factors of `dropout`: 0 with probability `ratio`, else 1 / (1 - ratio). */
export function dropoutMask(
  shape: readonly number[],
  options: { ratio?: number; rng?: Random } = {},
): tf.Tensor {
  const { ratio = 0.5, rng = defaultRandom() } = checkOptions('dropoutMask', options, {
    ratio: 'number',
    rng: 'object',
  });
  checkRatio(ratio);
  const mask = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const kept = 1 / (1 - ratio);
  for (let i = 0; i < mask.length; i++) mask[i] = rng.uniform() >= ratio ? kept : 0;
  return tf.tensor(mask, [...shape]);
}

/**
 * Sets elements to zero at random and scales the others by 1 / (1 - ratio) while `config.train` is on; else gives x
 * unchanged (Srivastava et al., 2014; `chainer.functions.dropout`).
 *
 * @param ratio the share that is dropped, in [0, 1). Default 0.5.
 * @throws InvalidArgumentError on another ratio; ShapeMismatchError when the mask does not have x's shape.
 */
export function dropout<T extends tf.Tensor>(x: T, ratio = 0.5, options: DropoutOptions = {}): T {
  const { mask, rng } = checkOptions('dropout', options, { mask: 'object', rng: 'object' });
  checkRatio(ratio);
  if (mask !== undefined) checkSameShape('dropout mask', x.shape, mask.shape);
  // Where only shapes are computed nothing is drawn, so that random numbers repeat with and without it.
  if (!config.train || metaMode() !== null) return tf.clone(x);
  return tf.tidy(() => tf.mul(x, mask ?? dropoutMask(x.shape, { ratio, rng })) as T);
}
