/** Stochastic gradient descent, with and without momentum. */
import * as tf from '@tensorflow/tfjs-core';
import { gradientMethod } from './gradient-method.ts';
import { momentumStep, sgdStep } from './steps.ts';
import { type Step, UpdateRule } from './update-rule.ts';

export type SGDHyperparameters = {
  /** Learning rate. Default 0.01. */
  lr: number;
};

export type MomentumHyperparameters = {
  /** Learning rate. Default 0.01. */
  lr: number;
  /** How much of the last move goes on. Default 0.9. */
  momentum: number;
};

/** p - lr g */
export class SGDRule extends UpdateRule<SGDHyperparameters, never> {
  readonly stateKeys = [];

  protected override get addsDecay() {
    return true;
  }

  protected step(p: tf.Tensor, g: tf.Tensor, _state: unknown, decay: number): Step<never> {
    return { param: sgdStep(p, g, this.hyperparam.lr, decay) };
  }
}

/** Plain stochastic gradient descent: p - lr g (Chainer's `SGD`). */
export class SGD extends gradientMethod({ lr: 0.01 } as SGDHyperparameters, SGDRule) {}

/** A rule whose state is the last move, or something like it. */
abstract class VelocityRule extends UpdateRule<MomentumHyperparameters, 'v'> {
  readonly stateKeys = ['v'] as const;
}

/** v = momentum v - lr g; p += v */
export class MomentumSGDRule extends VelocityRule {
  protected override get addsDecay() {
    return true;
  }

  protected step(p: tf.Tensor, g: tf.Tensor, state: Record<'v', tf.Tensor>, decay: number): Step<'v'> {
    const { lr, momentum } = this.hyperparam;
    const { param, v } = momentumStep(p, g, state.v, lr, momentum, decay);
    return { param, state: { v } };
  }
}

const momentumDefaults: MomentumHyperparameters = { lr: 0.01, momentum: 0.9 };

/** SGD with momentum: v = momentum v - lr g, p += v (Chainer's `MomentumSGD`). */
export class MomentumSGD extends gradientMethod(momentumDefaults, MomentumSGDRule) {}

/** v = momentum v - lr g; p += momentum^2 v - (1 + momentum) lr g, where Chainer takes the new v */
export class NesterovAGRule extends VelocityRule {
  protected step(p: tf.Tensor, g: tf.Tensor, state: Record<'v', tf.Tensor>): Step<'v'> {
    const { lr, momentum } = this.hyperparam;
    const move = tf.mul(g, lr);
    const v = tf.sub(tf.mul(state.v, momentum), move);
    const ahead = tf.sub(tf.mul(v, momentum * momentum), tf.mul(move, 1 + momentum));
    return { param: tf.add(p, ahead), state: { v } };
  }
}

/**
 * Nesterov's accelerated gradient, https://arxiv.org/abs/1212.0901 (Chainer's `NesterovAG`). Numbers are Chainer's, which
 * moves a little further than the paper: it looks ahead from the new v, the paper from the old one.
 */
export class NesterovAG extends gradientMethod(momentumDefaults, NesterovAGRule) {}

/** v = momentum v - g; p += lr v */
export class CorrectedMomentumSGDRule extends VelocityRule {
  protected step(p: tf.Tensor, g: tf.Tensor, state: Record<'v', tf.Tensor>): Step<'v'> {
    const { lr, momentum } = this.hyperparam;
    const v = tf.sub(tf.mul(state.v, momentum), g);
    return { param: tf.add(p, tf.mul(v, lr)), state: { v } };
  }
}

/** Momentum whose past moves follow a change of `lr` at once: v = momentum v - g, p += lr v (Chainer's `CorrectedMomentumSGD`). */
export class CorrectedMomentumSGD extends gradientMethod(momentumDefaults, CorrectedMomentumSGDRule) {}
