import { type BatchStatistics, isRecorded } from '@chaingrad/kernels';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Chain } from '../chain.ts';
import { relu, relu6 } from '../functions/activation.ts';
import type { IntOrPair } from '../functions/arguments.ts';
import { type Convolution2DStep, separableConvolution2D } from '../functions/convolution.ts';
import { isWatched, type Link } from '../link.ts';
import { checkOptions, type OptionKinds } from '../options.ts';
import { whileRunning } from '../running.ts';
import { BatchNormalization, type BatchNormalizationLinkOptions } from './batch-normalization.ts';
import {
  Convolution2D,
  type Convolution2DLinkOptions,
  convolution2DKinds,
  parseConvolution2D,
} from './convolution-2d.ts';

/** A function from activations to activations; null is the identity. */
export type Activation = ((x: Tensor4D) => Tensor4D) | null;

export interface Conv2DActivOptions extends Convolution2DLinkOptions {
  /** What follows. Default relu. */
  activ?: Activation;
}

const activKinds: OptionKinds<Conv2DActivOptions> = { ...convolution2DKinds, activ: 'any' };

type Arguments<O> =
  | [inChannels: number | null, outChannels: number, ksize: IntOrPair, options?: O]
  | [outChannels: number, ksize: IntOrPair, options?: O];

/** What the convolution kernel can apply by itself. */
function fused(activ: Activation): 'relu' | 'relu6' | undefined {
  return activ === relu ? 'relu' : activ === relu6 ? 'relu6' : undefined;
}

/** A link that convolves, and takes what follows into the same pass. */
interface Convolving extends Link {
  readonly outChannels: number;
  forward(x: Tensor4D, activation?: 'relu' | 'relu6', normalization?: BatchStatistics | null): Tensor4D;
}

/** activ(bn(conv(x))): in one pass where bn normalizes by its running statistics. */
export function callNormalized(
  conv: Convolving,
  bn: BatchNormalization,
  activ: Activation,
  x: Tensor4D,
): Tensor4D {
  const statistics = isWatched(conv) || isWatched(bn) ? null : bn.statisticsFor(conv.outChannels);
  const activation = statistics === null ? undefined : fused(activ);
  const h = statistics === null ? bn.call(conv.call(x)) : conv.call(x, activation, statistics);
  return activ === null || activation !== undefined ? h : activ(h);
}

/** activ(bn(conv(x))); without bn where it is null. */
export interface ConvolutionStep {
  readonly conv: Convolution2D;
  readonly bn: BatchNormalization | null;
  readonly activ: Activation;
}

/**
 * How a depthwise convolution and the pointwise one that follows it are computed in one pass (`separableConvolution2D`), in place of calls of
 * their links; null where each must be called by itself: while gradients are recorded, for hooks to see, for a subclass with a
 * `forward` of its own, for batches to be normalized by themselves, and the first time, when parameters find their shapes.
 *
 * @param owner the link whose `forward` runs, which holds the others.
 */
export function separablePass(
  owner: Link,
  depthwise: ConvolutionStep,
  pointwise: ConvolutionStep,
): ((x: Tensor4D) => Tensor4D) | null {
  if (isRecorded() || isWatched(owner)) return null;
  const first = argumentsOf(depthwise);
  const second = first && argumentsOf(pointwise);
  if (first === null || second === null || second[0].shape[1] !== depthwise.conv.outChannels) return null;
  return (x) => {
    depthwise.conv.checkInput(x);
    return separableConvolution2D(x, first, second);
  };
}

/** What the function of the convolution is called with; null where the convolution does not do what comes after it in the same pass. */
function argumentsOf({ conv, bn, activ }: ConvolutionStep): Convolution2DStep | null {
  if (conv.forward !== Convolution2D.prototype.forward || !conv.W.isInitialized) return null;
  const normalization = bn === null ? null : bn.statisticsFor(conv.outChannels);
  const activation = fused(activ);
  if ((bn !== null && normalization === null) || (activ !== null && activation === undefined)) return null;
  return whileRunning(conv, () => conv.argumentsOf(activation, normalization));
}

/** A convolution and an activation (ChainerCV's `Conv2DActiv`). Child: conv. Arguments as for `Convolution2D`. */
export class Conv2DActiv extends Chain {
  readonly conv: Convolution2D;
  readonly activ: Activation;

  constructor(...args: Arguments<Conv2DActivOptions>) {
    super();
    const { inChannels, outChannels, ksize, options } = parseConvolution2D<Conv2DActivOptions>(args);
    const { activ = relu, ...rest } = checkOptions('Conv2DActiv', options, activKinds);
    this.activ = activ;
    this.conv = new Convolution2D(inChannels, outChannels, ksize, rest);
  }

  /** @param x (N, H, W, in). @returns (N, OH, OW, out). */
  override forward(x: Tensor4D): Tensor4D {
    const activation = fused(this.activ);
    if (activation !== undefined) return this.conv.call(x, activation);
    const h = this.conv.call(x);
    return this.activ === null ? h : this.activ(h);
  }

  override get printableSpecs() {
    return { activ: this.activ };
  }
}

export interface Conv2DBNActivOptions extends Conv2DActivOptions {
  /** Options of the batch normalization. */
  bn?: BatchNormalizationLinkOptions;
}

/**
 * A convolution without bias (unless `nobias: false`), batch normalization and an activation (ChainerCV's `Conv2DBNActiv`).
 * Children: conv, bn. Arguments as for `Convolution2D`.
 */
export class Conv2DBNActiv extends Chain {
  readonly conv: Convolution2D;
  readonly bn: BatchNormalization;
  readonly activ: Activation;

  constructor(...args: Arguments<Conv2DBNActivOptions>) {
    super();
    const { inChannels, outChannels, ksize, options } = parseConvolution2D<Conv2DBNActivOptions>(args);
    const {
      activ = relu,
      bn = {},
      nobias = true,
      ...rest
    } = checkOptions('Conv2DBNActiv', options, {
      ...activKinds,
      bn: 'object',
    });
    this.activ = activ;
    this.conv = new Convolution2D(inChannels, outChannels, ksize, { ...rest, nobias });
    this.bn = new BatchNormalization(outChannels, bn);
  }

  /** @param x (N, H, W, in). @returns (N, OH, OW, out). */
  override forward(x: Tensor4D): Tensor4D {
    return callNormalized(this.conv, this.bn, this.activ, x);
  }

  override get printableSpecs() {
    return { activ: this.activ };
  }
}

export interface SeparableConv2DBNActivOptions
  extends Omit<Conv2DBNActivOptions, 'activ' | 'initialW' | 'initialBias' | 'groups'> {
  /** What follows the depthwise convolution. Default the identity. */
  dwActiv?: Activation;
  /** What follows the pointwise convolution. Default relu. */
  pwActiv?: Activation;
  dwInitialW?: Convolution2DLinkOptions['initialW'];
  pwInitialW?: Convolution2DLinkOptions['initialW'];
  dwInitialBias?: Convolution2DLinkOptions['initialBias'];
  pwInitialBias?: Convolution2DLinkOptions['initialBias'];
}

/**
 * A depthwise and a pointwise convolution, each with batch normalization and an activation (ChainerCV's
 * `SeparableConv2DBNActiv`). Children: depthwise, dw_bn, pointwise, pw_bn.
 */
export class SeparableConv2DBNActiv extends Chain {
  readonly depthwise: Convolution2D;
  readonly pointwise: Convolution2D;
  readonly dw_bn: BatchNormalization;
  readonly pw_bn: BatchNormalization;
  readonly dwActiv: Activation;
  readonly pwActiv: Activation;

  constructor(
    inChannels: number,
    outChannels: number,
    ksize: IntOrPair,
    options: SeparableConv2DBNActivOptions = {},
  ) {
    super();
    checkOptions('SeparableConv2DBNActiv', options, {
      stride: 'any',
      pad: 'any',
      dilate: 'any',
      nobias: 'boolean',
      bn: 'object',
      dwActiv: 'any',
      pwActiv: 'any',
      dwInitialW: 'any',
      pwInitialW: 'any',
      dwInitialBias: 'any',
      pwInitialBias: 'any',
    });
    const { stride, pad, dilate, nobias = false, bn = {}, dwActiv = null, pwActiv = relu } = options;
    this.dwActiv = dwActiv;
    this.pwActiv = pwActiv;
    this.depthwise = new Convolution2D(inChannels, inChannels, ksize, {
      ...(stride === undefined ? {} : { stride }),
      ...(pad === undefined ? {} : { pad }),
      ...(dilate === undefined ? {} : { dilate }),
      groups: inChannels,
      nobias,
      initialW: options.dwInitialW ?? null,
      initialBias: options.dwInitialBias ?? null,
    });
    this.pointwise = new Convolution2D(inChannels, outChannels, 1, {
      nobias,
      initialW: options.pwInitialW ?? null,
      initialBias: options.pwInitialBias ?? null,
    });
    this.dw_bn = new BatchNormalization(inChannels, bn);
    this.pw_bn = new BatchNormalization(outChannels, bn);
  }

  /** @param x (N, H, W, in). @returns (N, OH, OW, out). */
  override forward(x: Tensor4D): Tensor4D {
    const pass = separablePass(
      this,
      { conv: this.depthwise, bn: this.dw_bn, activ: this.dwActiv },
      { conv: this.pointwise, bn: this.pw_bn, activ: this.pwActiv },
    );
    if (pass !== null) return pass(x);
    const h = callNormalized(this.depthwise, this.dw_bn, this.dwActiv, x);
    return callNormalized(this.pointwise, this.pw_bn, this.pwActiv, h);
  }

  override get printableSpecs() {
    return { dwActiv: this.dwActiv, pwActiv: this.pwActiv };
  }
}
