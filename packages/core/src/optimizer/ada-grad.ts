/** Rules that scale each element by the history of its squared gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { gradientMethod } from './gradient-method.ts';
import { approach } from './steps.ts';
import { type Step, UpdateRule } from './update-rule.ts';

export type AdaGradHyperparameters = {
  /** Learning rate. Default 0.001. */
  lr: number;
  /** Added to the root. Default 1e-8. */
  eps: number;
};

/** h += g^2; p -= lr g / (sqrt(h) + eps) */
export class AdaGradRule extends UpdateRule<AdaGradHyperparameters, 'h'> {
  readonly stateKeys = ['h'] as const;

  protected step(p: tf.Tensor, g: tf.Tensor, state: Record<'h', tf.Tensor>): Step<'h'> {
    const { lr, eps } = this.hyperparam;
    const h = tf.add(state.h, tf.square(g));
    const move = tf.div(tf.mul(g, lr), tf.add(tf.sqrt(h), eps));
    return { param: tf.sub(p, move), state: { h } };
  }
}

/** AdaGrad, http://jmlr.org/papers/v12/duchi11a.html (Chainer's `AdaGrad`). */
export class AdaGrad extends gradientMethod(
  { lr: 0.001, eps: 1e-8 } as AdaGradHyperparameters,
  AdaGradRule,
) {}

export type AdaDeltaHyperparameters = {
  /** Decay of the means. Default 0.95. */
  rho: number;
  /** Added inside the roots. Default 1e-6. */
  eps: number;
};

/** dx = g sqrt((msdx + eps) / (msg + eps)), where msg and msdx are means of g^2 and dx^2; p -= dx */
export class AdaDeltaRule extends UpdateRule<AdaDeltaHyperparameters, 'msg' | 'msdx'> {
  readonly stateKeys = ['msg', 'msdx'] as const;

  protected step(p: tf.Tensor, g: tf.Tensor, state: Record<'msg' | 'msdx', tf.Tensor>): Step<'msg' | 'msdx'> {
    const { rho, eps } = this.hyperparam;
    const msg = approach(state.msg, tf.square(g), 1 - rho);
    const dx = tf.mul(g, tf.sqrt(tf.div(tf.add(state.msdx, eps), tf.add(msg, eps))));
    const msdx = approach(state.msdx, tf.square(dx), 1 - rho);
    return { param: tf.sub(p, dx), state: { msg, msdx } };
  }
}

/** AdaDelta, https://arxiv.org/abs/1212.5701 (Chainer's `AdaDelta`). */
export class AdaDelta extends gradientMethod(
  { rho: 0.95, eps: 1e-6 } as AdaDeltaHyperparameters,
  AdaDeltaRule,
) {}
