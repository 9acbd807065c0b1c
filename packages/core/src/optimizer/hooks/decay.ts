/** Hooks that pull values towards zero. */
import * as tf from '@tensorflow/tfjs-core';
import type { Parameter } from '../../parameter.ts';
import type { OptimizerHook } from '../hook.ts';
import type { UpdateRule } from '../update-rule.ts';
import { changeGrad } from './gradient.ts';

/**
 * Adds `rate` times the values to the gradient: L2 regularization (Chainer's `WeightDecay`).
 *
 * When no hook comes after it, the rules of SGD, MomentumSGD and Adam do this in the pass of their step: `param.grad` is
 * without it after the update then, where Chainer's has it.
 */
export class WeightDecay implements OptimizerHook {
  readonly name = 'WeightDecay';

  constructor(readonly rate: number) {}

  get decayRate(): number {
    return this.rate;
  }
}

/** Adds `rate` times the signs of the values to the gradient: L1 regularization (Chainer's `Lasso`). */
export class Lasso implements OptimizerHook {
  readonly name = 'Lasso';

  constructor(readonly rate: number) {}

  forEachParam(_rule: UpdateRule, param: Parameter): void {
    changeGrad(param, (grad, values) => tf.add(grad, tf.mul(tf.sign(values), this.rate)));
  }
}
