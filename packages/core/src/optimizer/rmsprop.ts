/** RMSprop, Graves' version of it, and SMORMS3, which grew out of it. */
import * as tf from '@tensorflow/tfjs-core';
import { gradientMethod } from './gradient-method.ts';
import { approach } from './steps.ts';
import { type Step, UpdateRule } from './update-rule.ts';

export type RMSpropHyperparameters = {
  /** Learning rate. Default 0.01. */
  lr: number;
  /** Decay of the mean of squared gradients. Default 0.99. */
  alpha: number;
  /** Default 1e-8. */
  eps: number;
  /** Add eps under the root, not to it. Default false. */
  epsInsideSqrt: boolean;
};

/** ms is the mean of g^2; p -= lr g / (sqrt(ms) + eps), or lr g / sqrt(ms + eps) */
export class RMSpropRule extends UpdateRule<RMSpropHyperparameters, 'ms'> {
  readonly stateKeys = ['ms'] as const;

  protected step(p: tf.Tensor, g: tf.Tensor, state: Record<'ms', tf.Tensor>): Step<'ms'> {
    const { lr, alpha, eps, epsInsideSqrt } = this.hyperparam;
    const ms = approach(state.ms, tf.square(g), 1 - alpha);
    const root = epsInsideSqrt ? tf.sqrt(tf.add(ms, eps)) : tf.add(tf.sqrt(ms), eps);
    return { param: tf.sub(p, tf.div(tf.mul(g, lr), root)), state: { ms } };
  }
}

/** RMSprop, Tieleman and Hinton 2012 (Chainer's `RMSprop`). */
export class RMSprop extends gradientMethod(
  { lr: 0.01, alpha: 0.99, eps: 1e-8, epsInsideSqrt: false } as RMSpropHyperparameters,
  RMSpropRule,
) {}

export type RMSpropGravesHyperparameters = {
  /** Learning rate. Default 0.0001. */
  lr: number;
  /** Decay of the means. Default 0.95. */
  alpha: number;
  /** How much of the last move goes on. Default 0.9. */
  momentum: number;
  /** Added under the root. Default 0.0001. */
  eps: number;
};

/** n and g are means of the squared gradient and of the gradient; delta = momentum delta - lr grad / sqrt(n - g^2 + eps); p += delta */
export class RMSpropGravesRule extends UpdateRule<RMSpropGravesHyperparameters, 'n' | 'g' | 'delta'> {
  readonly stateKeys = ['n', 'g', 'delta'] as const;

  protected step(
    p: tf.Tensor,
    grad: tf.Tensor,
    state: Record<'n' | 'g' | 'delta', tf.Tensor>,
  ): Step<'n' | 'g' | 'delta'> {
    const { lr, alpha, momentum, eps } = this.hyperparam;
    const n = approach(state.n, tf.square(grad), 1 - alpha);
    const g = approach(state.g, grad, 1 - alpha);
    const root = tf.sqrt(tf.add(tf.sub(n, tf.square(g)), eps));
    const delta = tf.sub(tf.mul(state.delta, momentum), tf.div(tf.mul(grad, lr), root));
    return { param: tf.add(p, delta), state: { n, g, delta } };
  }
}

/** RMSprop as in https://arxiv.org/abs/1308.0850, equations 38 to 45 (Chainer's `RMSpropGraves`). */
export class RMSpropGraves extends gradientMethod(
  { lr: 1e-4, alpha: 0.95, momentum: 0.9, eps: 1e-4 } as RMSpropGravesHyperparameters,
  RMSpropGravesRule,
) {}

export type SMORMS3Hyperparameters = {
  /** The largest step size. Default 0.001. */
  lr: number;
  /** Default 1e-16. */
  eps: number;
};

/**
 * r = 1 / (mem + 1); g and g2 approach the gradient and its square by r; x = g^2 / (g2 + eps);
 * p -= grad min(lr, x) / (sqrt(g2) + eps); mem = 1 + mem (1 - x)
 */
export class SMORMS3Rule extends UpdateRule<SMORMS3Hyperparameters, 'mem' | 'g' | 'g2'> {
  readonly stateKeys = ['mem', 'g', 'g2'] as const;

  protected override initialState(key: 'mem' | 'g' | 'g2', param: tf.Tensor): tf.Tensor {
    return key === 'mem' ? tf.onesLike(param) : tf.zerosLike(param);
  }

  protected step(
    p: tf.Tensor,
    grad: tf.Tensor,
    state: Record<'mem' | 'g' | 'g2', tf.Tensor>,
  ): Step<'mem' | 'g' | 'g2'> {
    const { lr, eps } = this.hyperparam;
    const memory = tf.add(state.mem, 1);
    const g = tf.add(state.g, tf.div(tf.sub(grad, state.g), memory));
    const g2 = tf.add(state.g2, tf.div(tf.sub(tf.square(grad), state.g2), memory));
    const x = tf.div(tf.square(g), tf.add(g2, eps));
    const move = tf.div(tf.mul(grad, tf.minimum(x, lr)), tf.add(tf.sqrt(g2), eps));
    const mem = tf.sub(memory, tf.mul(state.mem, x));
    return { param: tf.sub(p, move), state: { mem, g, g2 } };
  }
}

/** Simon Funk's SMORMS3, https://sifter.org/~simon/journal/20150420.html (Chainer's `SMORMS3`). */
export class SMORMS3 extends gradientMethod(
  { lr: 0.001, eps: 1e-16 } as SMORMS3Hyperparameters,
  SMORMS3Rule,
) {}
