/** Hooks that limit gradients. */
import * as tf from '@tensorflow/tfjs-core';
import type { Parameter } from '../../parameter.ts';
import type { OptimizerHook } from '../hook.ts';
import type { Optimizer } from '../optimizer.ts';
import type { UpdateRule } from '../update-rule.ts';
import { changeGrad } from './gradient.ts';

/**
 * Scales all gradients down together so that their global norm is at most `threshold` (Chainer's `GradientClipping`).
 * Frozen parameters do not count. The norm is never read back to the CPU.
 */
export class GradientClipping implements OptimizerHook {
  readonly name = 'GradientClipping';

  constructor(readonly threshold: number) {}

  forOptimizer({ target }: Optimizer): void {
    const params = [...new Set(target?.params(false))].filter(({ frozen, grad }) => !frozen && grad !== null);
    if (params.length === 0) return;
    const rate = tf.tidy(() => {
      const squares = params.map(({ grad }) => tf.sum(tf.square(grad!)));
      return tf.minimum(tf.div(this.threshold, tf.sqrt(tf.addN(squares))), 1);
    });
    try {
      for (const param of params) changeGrad(param, (grad) => tf.mul(grad, rate));
    } finally {
      rate.dispose();
    }
  }
}

/** Limits each element of the gradients to [lower, upper] (Chainer's `GradientHardClipping`). */
export class GradientHardClipping implements OptimizerHook {
  readonly name = 'GradientHardClipping';

  constructor(
    readonly lower: number,
    readonly upper: number,
  ) {}

  forEachParam(_rule: UpdateRule, param: Parameter): void {
    changeGrad(param, (grad) => tf.clipByValue(grad, this.lower, this.upper));
  }
}
