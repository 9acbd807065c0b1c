import {
  type Activation,
  BatchNormalization,
  Chain,
  type Conv2DBNActivOptions,
  Convolution2D,
  type Convolution2DLinkOptions,
  type ConvolutionStep,
  callNormalized,
  checkOptions,
  convolution2DKinds,
  relu,
} from '@chaingrad/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';

type Size = number | readonly [y: number, x: number];

/**
 * A convolution with TensorFlow's SAME padding unless `pad` is given. Child: conv.
 *
 * ChainerCV's VALID is `pad: 0`, which also takes sizes that leave pixels over.
 * Chainer counterpart: `chainercv.links.model.mobilenet.TFConvolution2D`.
 */
export class TFConvolution2D extends Chain {
  readonly conv: Convolution2D;

  /** @param inChannels null: found at the first call. */
  constructor(
    inChannels: number | null,
    outChannels: number,
    ksize: Size,
    options: Convolution2DLinkOptions = {},
  ) {
    super();
    checkOptions('TFConvolution2D', options, convolution2DKinds);
    this.conv = new Convolution2D(inChannels, outChannels, ksize, { ...options, pad: options.pad ?? 'same' });
  }

  /** As that of `Convolution2D`. */
  override forward(...args: Parameters<Convolution2D['forward']>): Tensor4D {
    return this.conv.call(...args);
  }

  get outChannels(): number {
    return this.conv.outChannels;
  }
}

/**
 * A `TFConvolution2D` without bias (unless `nobias: false`), batch normalization and an activation. Children: conv, bn.
 *
 * Chainer counterpart: `chainercv.links.model.mobilenet.TFConv2DBNActiv`.
 */
export class TFConv2DBNActiv extends Chain {
  readonly conv: TFConvolution2D;
  readonly bn: BatchNormalization;
  readonly activ: Activation;

  /** @param inChannels null: found at the first call. */
  constructor(
    inChannels: number | null,
    outChannels: number,
    ksize: Size,
    options: Conv2DBNActivOptions = {},
  ) {
    super();
    const {
      activ = relu,
      bn = {},
      nobias = true,
      ...rest
    } = checkOptions('TFConv2DBNActiv', options, { ...convolution2DKinds, activ: 'any', bn: 'object' });
    this.activ = activ;
    this.conv = new TFConvolution2D(inChannels, outChannels, ksize, { ...rest, nobias });
    this.bn = new BatchNormalization(outChannels, bn);
  }

  /** @param x (N, H, W, in). @returns (N, OH, OW, out). */
  override forward(x: Tensor4D): Tensor4D {
    return callNormalized(this.conv, this.bn, this.activ, x);
  }

  /** This link as a step of a pass over several. */
  asStep(): ConvolutionStep {
    return { conv: this.conv.conv, bn: this.bn, activ: this.activ };
  }

  override get printableSpecs() {
    return { activ: this.activ };
  }
}
