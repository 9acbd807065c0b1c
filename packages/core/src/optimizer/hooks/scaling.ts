/** Hooks that scale gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { checkOptions } from '../../options.ts';
import type { Parameter } from '../../parameter.ts';
import type { OptimizerHook } from '../hook.ts';
import type { UpdateRule } from '../update-rule.ts';
import { changeGrad, norm } from './gradient.ts';

/** Multiplies the gradient by `rate`; SSD learns its biases twice as fast by it (ChainerCV's `GradientScaling`). */
export class GradientScaling implements OptimizerHook {
  readonly name = 'GradientScaling';

  constructor(readonly rate: number) {}

  forEachParam(_rule: UpdateRule, param: Parameter): void {
    changeGrad(param, (grad) => tf.mul(grad, this.rate));
  }
}

export interface GradientLARSOptions {
  /** Values with a norm up to this are left as they are. Default 0.01. */
  readonly threshold?: number;
  /** Default 0. */
  readonly weightDecay?: number;
  /** Default 1e-9. */
  readonly eps?: number;
}

/**
 * Layer-wise adaptive rate scaling, https://arxiv.org/abs/1708.03888 (Chainer's `GradientLARS`):
 * g = rate (g + weightDecay p), rate = |p| / (eps + |g| + weightDecay |p|) where |p| > threshold, else 1.
 */
export class GradientLARS implements OptimizerHook {
  readonly name = 'GradientLARS';
  readonly threshold: number;
  readonly weightDecay: number;
  readonly eps: number;

  constructor(options: GradientLARSOptions = {}) {
    const {
      threshold = 0.01,
      weightDecay = 0,
      eps = 1e-9,
    } = checkOptions('GradientLARS', options, { threshold: 'number', weightDecay: 'number', eps: 'number' });
    this.threshold = threshold;
    this.weightDecay = weightDecay;
    this.eps = eps;
  }

  forEachParam(_rule: UpdateRule, param: Parameter): void {
    const { threshold, weightDecay, eps } = this;
    changeGrad(param, (grad, values) => {
      const size = norm(values);
      const rate = tf.div(size, tf.add(tf.add(norm(grad), tf.mul(size, weightDecay)), eps));
      const applied = tf.where(tf.greater(size, threshold), rate, tf.onesLike(rate));
      return tf.mul(tf.add(grad, tf.mul(values, weightDecay)), applied);
    });
  }
}
