import * as tf from '@tensorflow/tfjs-core';
import type { Parameter } from '../../parameter.ts';
import { defaultRandom, type Random } from '../../random.ts';
import type { OptimizerHook } from '../hook.ts';
import type { UpdateRule } from '../update-rule.ts';
import { changeGrad } from './gradient.ts';

/**
 * Adds noise from N(0, eta / (1 + t)^0.55) to the gradient, where t counts the updates of the parameter's rule
 * (https://arxiv.org/abs/1511.06807; Chainer's `GradientNoise`).
 */
export class GradientNoise implements OptimizerHook {
  readonly name = 'GradientNoise';

  /**
   * @param eta the variance at t = 0; the paper uses 0.01, 0.3 or 1.
   * @param rng the generator to draw from; without it the default one.
   */
  constructor(
    readonly eta: number,
    readonly rng?: Random,
  ) {}

  forEachParam(rule: UpdateRule, param: Parameter): void {
    const std = Math.sqrt(this.eta / (1 + rule.t) ** 0.55);
    changeGrad(param, (grad) => {
      const noise = new Float32Array(grad.size);
      (this.rng ?? defaultRandom()).fillNormal(noise, 0, std);
      return tf.add(grad, tf.tensor(noise, grad.shape));
    });
  }
}
