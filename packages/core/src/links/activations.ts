/** Activations with something to learn. */
import * as tf from '@tensorflow/tfjs-core';
import { Chain } from '../chain.ts';
import { maxout, prelu, relu, swish } from '../functions/activation.ts';
import { checkFloats, checkInteger } from '../functions/arguments.ts';
import type { Shape } from '../initializers.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import { Parameter } from '../parameter.ts';
import { bias, type InitializerOption } from './arguments.ts';
import { Linear } from './linear.ts';

/** Leaky relu with a learned slope (Chainer's `PReLU`). Parameter: W. */
export class PReLU extends Link {
  readonly W: Parameter;

  /**
   * @param shape of W, which broadcasts over x from its last axis on: [C] for a slope a channel. Default one slope.
   * @param options init: the slope at the start. Default 0.25.
   */
  constructor(shape: Shape = [], options: { init?: number } = {}) {
    super();
    const { init = 0.25 } = checkOptions('PReLU', options, { init: 'number' });
    this.W = new Parameter(init, shape, 'W');
  }

  override forward<T extends tf.Tensor>(x: T): T {
    return prelu(x, this.W.tensor);
  }

  override get printableSpecs() {
    return { shape: this.W.partialShape };
  }
}

/** x sigmoid(beta x) with a learned beta (Chainer's `Swish`). Parameter: beta. */
export class Swish extends Link {
  readonly beta: Parameter;

  /**
   * @param betaShape of beta, which broadcasts over x from its last axis on; null: one for each element of a sample, found at the first call.
   * @param options betaInit: where beta starts. Default 1.
   */
  constructor(betaShape: Shape | null = null, options: { betaInit?: number } = {}) {
    super();
    const { betaInit = 1 } = checkOptions('Swish', options, { betaInit: 'number' });
    this.beta = bias('beta', betaInit, betaShape);
  }

  override forward<T extends tf.Tensor>(x: T): T {
    checkFloats('swish x', x);
    if (!this.beta.isInitialized) this.beta.initialize(x.shape.slice(1));
    return swish(x, this.beta.tensor);
  }

  override get printableSpecs() {
    return { shape: this.beta.partialShape };
  }
}

/** A fully connected layer that gives the largest of `poolSize` sums for each output (Chainer's `Maxout`). Child: linear. */
export class Maxout extends Chain {
  readonly linear: Linear;
  readonly poolSize: number;

  /** @param inSize null: found at the first call. @param options initialW, initialBias: of `linear`. */
  constructor(
    inSize: number | null,
    outSize: number,
    poolSize: number,
    options: { initialW?: InitializerOption; initialBias?: InitializerOption } = {},
  ) {
    super();
    checkInteger('Maxout poolSize', poolSize, 1);
    checkOptions('Maxout', options, { initialW: 'any', initialBias: 'any' });
    this.linear = new Linear(inSize, outSize * poolSize, options);
    this.poolSize = poolSize;
  }

  /** @param x (N, in), or more axes. @returns (N, out). */
  override forward(x: tf.Tensor): tf.Tensor {
    return maxout(this.linear.call(x), this.poolSize, 1);
  }

  override get printableSpecs() {
    return { poolSize: this.poolSize };
  }
}

export interface HighwayOptions {
  nobias?: boolean;
  /** Default relu. */
  activate?: (x: tf.Tensor) => tf.Tensor;
  /** Initial W of `plain` and of `transform`. Default LeCunNormal. */
  initWx?: InitializerOption;
  initWt?: InitializerOption;
  /** Initial b of `plain`. Default 0. */
  initBx?: InitializerOption;
  /** Initial b of `transform`. Default -1: at first most of x passes. */
  initBt?: InitializerOption;
}

/** A layer that learns how much of x it changes (Srivastava et al., 2015; Chainer's `Highway`). Children: plain, transform. */
export class Highway extends Chain {
  readonly plain: Linear;
  readonly transform: Linear;
  readonly activate: (x: tf.Tensor) => tf.Tensor;

  constructor(inOutSize: number, options: HighwayOptions = {}) {
    super();
    const {
      nobias = false,
      activate = relu,
      initWx = null,
      initWt = null,
      initBx = 0,
      initBt = -1,
    } = checkOptions('Highway', options, {
      nobias: 'boolean',
      activate: 'any',
      initWx: 'any',
      initWt: 'any',
      initBx: 'any',
      initBt: 'any',
    });
    this.plain = new Linear(inOutSize, inOutSize, { nobias, initialW: initWx, initialBias: initBx });
    this.transform = new Linear(inOutSize, inOutSize, { nobias, initialW: initWt, initialBias: initBt });
    this.activate = activate;
  }

  /** @param x (N, size). @returns (N, size). */
  override forward(x: tf.Tensor2D): tf.Tensor2D {
    return tf.tidy(() => {
      const changed = this.activate(this.plain.call(x));
      const share = tf.sigmoid(this.transform.call(x));
      return tf.add(x, tf.mul(share, tf.sub(changed, x))) as tf.Tensor2D;
    });
  }
}
