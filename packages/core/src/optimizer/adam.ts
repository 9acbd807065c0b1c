/** Adam and its variants. */
import type * as tf from '@tensorflow/tfjs-core';
import { checkOptions, type OptionKinds, unknownOption } from '../options.ts';
import { gradientMethod, kindsOf, otherRateNames } from './gradient-method.ts';
import { adamStep } from './steps.ts';
import { type Step, UpdateRule } from './update-rule.ts';

export type AdamHyperparameters = {
  /** Step size. Default 0.001. */
  alpha: number;
  /** Decay of the mean of gradients. Default 0.9. */
  beta1: number;
  /** Decay of the mean of squared gradients. Default 0.999. */
  beta2: number;
  /** Added to the root, after the bias correction (other frameworks put it before). Default 1e-8. */
  eps: number;
  /** Multiplies the whole step, weight decay included. Default 1. */
  eta: number;
  /** Decay of the values that does not go through the gradient (AdamW). Default 0. */
  weightDecayRate: number;
  /** Divide by the largest mean so far (AMSGrad). Default false. */
  amsgrad: boolean;
  /** Keep each element's step size within limits that close in on `finalLr` (AdaBound). Default false. */
  adabound: boolean;
  /** Where AdaBound's limits end, at the first value of alpha. Default 0.1. */
  finalLr: number;
  /** How fast AdaBound's limits close. Default 0.001. */
  gamma: number;
};

/** alpha with the bias correction of step t. */
const correctedAlpha = ({ alpha, beta1, beta2 }: AdamHyperparameters, t: number) =>
  (alpha * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);

/** m and v are means of the gradient and its square; p -= eta (alpha' m / (sqrt(v) + eps) + weightDecayRate p). */
export class AdamRule extends UpdateRule<AdamHyperparameters, 'm' | 'v' | 'vhat'> {
  /** A schedule of alpha moves AdaBound's final rate along, so the first alpha is remembered. */
  readonly #firstAlpha = this.hyperparam.alpha;

  get stateKeys() {
    return this.hyperparam.amsgrad ? (['m', 'v', 'vhat'] as const) : (['m', 'v'] as const);
  }

  protected override get addsDecay() {
    return !this.hyperparam.adabound;
  }

  protected step(
    p: tf.Tensor,
    g: tf.Tensor,
    state: Record<'m' | 'v' | 'vhat', tf.Tensor>,
    decay: number,
  ): Step<'m' | 'v' | 'vhat'> {
    const { amsgrad, adabound, ...numbers } = { ...this.hyperparam };
    const rate = correctedAlpha(this.hyperparam, this.t);
    const bounds = adabound ? this.#bounds() : null;
    const { param, m, v, vhat } = adamStep(p, g, state.m, state.v, amsgrad ? state.vhat : null, {
      ...numbers,
      ...{ rate, decay, bounds },
    });
    return { param, state: vhat === null ? { m, v } : { m, v, vhat } };
  }

  #bounds(): [number, number] {
    const { alpha, finalLr, gamma } = this.hyperparam;
    const final = (finalLr * alpha) / this.#firstAlpha;
    return [final * (1 - 1 / (gamma * this.t + 1)), final * (1 + 1 / (gamma * this.t))];
  }
}

const defaults: AdamHyperparameters = {
  alpha: 0.001,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  eta: 1,
  weightDecayRate: 0,
  amsgrad: false,
  adabound: false,
  finalLr: 0.1,
  gamma: 0.001,
};

/** Adam, https://arxiv.org/abs/1412.6980 (Chainer's `Adam`). */
export class Adam extends gradientMethod(defaults, AdamRule) {
  /** The step size with the bias correction of the last step; what Chainer's `observe_lr` shows. NaN before the first. */
  get alphaT(): number {
    return correctedAlpha(this.hyperparam, this.t);
  }

  /** Chainer's old name of `alphaT`, so that whoever watches `lr` can watch any optimizer. Set `alpha`. */
  get lr(): number {
    return this.alphaT;
  }

  set lr(_: never) {
    throw unknownOption(this.constructor.name, 'lr', Object.keys(defaults), otherRateNames(defaults));
  }
}

type Options<Fixed extends keyof AdamHyperparameters> = Readonly<Omit<Partial<AdamHyperparameters>, Fixed>>;

/** The options of a variant of Adam that sets some of them itself. */
function variant<F extends Partial<AdamHyperparameters>>(where: string, options: object, fixed: F) {
  const free = Object.entries(kindsOf(defaults)).filter(([name]) => !(name in fixed));
  return {
    ...checkOptions(
      where,
      options,
      Object.fromEntries(free) as OptionKinds<object>,
      otherRateNames(defaults),
    ),
    ...fixed,
  };
}

/**
 * Adam with decoupled weight decay, https://arxiv.org/abs/1711.05101 (Chainer's `AdamW`).
 * As in Chainer `weightDecayRate` is 0 unless given, and is not multiplied by alpha, only by `eta`.
 */
export class AdamW extends Adam {}

/** Adam that divides by the largest mean so far, https://openreview.net/forum?id=ryQu7f-RZ (Chainer's `AMSGrad`). */
export class AMSGrad extends Adam {
  constructor(options: Options<'amsgrad'> = {}) {
    super(variant(new.target.name, options, { amsgrad: true }));
  }
}

/** Adam that turns into SGD, https://openreview.net/forum?id=Bkg3g2R9FX (Chainer's `AdaBound`). */
export class AdaBound extends Adam {
  constructor(options: Options<'adabound'> = {}) {
    super(variant(new.target.name, options, { adabound: true }));
  }
}

/** AdaBound with AMSGrad's maximum (Chainer's `AMSBound`). */
export class AMSBound extends Adam {
  constructor(options: Options<'adabound' | 'amsgrad'> = {}) {
    super(variant(new.target.name, options, { adabound: true, amsgrad: true }));
  }
}
