/** Hooks that pull values towards zero. */
import * as tf from '@tensorflow/tfjs-core';
import type { Parameter } from '../../parameter.ts';
import type { OptimizerHook } from '../hook.ts';
import type { UpdateRule } from '../update-rule.ts';
import { changeGrad } from './gradient.ts';

/** Adds `rate` times the values to the gradient: L2 regularization (Chainer's `WeightDecay`). */
export class WeightDecay implements OptimizerHook {
  readonly name = 'WeightDecay';

  constructor(readonly rate: number) {}

  forEachParam(_rule: UpdateRule, param: Parameter): void {
    changeGrad(param, (grad, values) => tf.add(grad, tf.mul(values, this.rate)));
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
