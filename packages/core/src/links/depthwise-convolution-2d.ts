import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { ShapeMismatchError } from '../errors.ts';
import {
  channelsAdvice,
  checkFloats,
  checkInteger,
  type IntOrPair,
  nhwc,
  toPair,
  warnOfChannelsFirst,
} from '../functions/arguments.ts';
import { depthwiseConvolution2D } from '../functions/convolution.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, type InitializerOption, weight } from './arguments.ts';

export interface DepthwiseConvolution2DLinkOptions {
  /** Pixels from window to window, y and x. Default 1. */
  stride?: IntOrPair;
  /** Pixels of zeros on each side, y and x. Default 0. */
  pad?: IntOrPair;
  /** Distance of the taps, in pixels. Default 1. */
  dilate?: IntOrPair;
  nobias?: boolean;
  /** Initial W. Default LeCunNormal. */
  initialW?: InitializerOption;
  /** Initial b. Default 0. */
  initialBias?: InitializerOption;
}

/**
 * Convolves each channel with `channelMultiplier` filters of its own (Chainer's `DepthwiseConvolution2D`).
 * Parameters: W (multiplier, in, kh, kw), b (in * multiplier); the outputs of one channel are neighbours.
 */
export class DepthwiseConvolution2D extends Link {
  readonly W: Parameter;
  readonly b: Parameter | null;
  readonly channelMultiplier: number;
  readonly ksize: readonly [y: number, x: number];
  readonly stride: readonly [y: number, x: number];
  readonly pad: readonly [y: number, x: number];
  readonly dilate: readonly [y: number, x: number];

  /** @param inChannels null: found at the first call. */
  constructor(
    inChannels: number | null,
    channelMultiplier: number,
    ksize: IntOrPair,
    options: DepthwiseConvolution2DLinkOptions = {},
  ) {
    super();
    const name = 'DepthwiseConvolution2D';
    checkOptions(name, options, {
      stride: 'any',
      pad: 'any',
      dilate: 'any',
      nobias: 'boolean',
      initialW: 'any',
      initialBias: 'any',
    });
    if (inChannels !== null) checkInteger(`${name} inChannels`, inChannels, 1);
    checkInteger(`${name} channelMultiplier`, channelMultiplier, 1);
    this.channelMultiplier = channelMultiplier;
    this.ksize = toPair(`${name} ksize`, ksize, 1);
    this.stride = toPair(`${name} stride`, options.stride ?? 1, 1);
    this.pad = toPair(`${name} pad`, options.pad ?? 0, 0);
    this.dilate = toPair(`${name} dilate`, options.dilate ?? 1, 1);
    this.W = weight('W', options.initialW, [channelMultiplier, inChannels, ...this.ksize]);
    this.b = options.nobias ? null : bias('b', options.initialBias);
    if (inChannels !== null) this.initializeFor(inChannels);
  }

  private initializeFor(inChannels: number): void {
    if (!this.W.isInitialized) this.W.initialize([this.channelMultiplier, inChannels, ...this.ksize]);
    if (this.b !== null && !this.b.isInitialized) this.b.initialize([this.channelMultiplier * inChannels]);
  }

  /**
   * @param x (N, H, W, in).
   * @returns (N, OH, OW, in * multiplier).
   * @throws ShapeMismatchError with the path of W when x has other channels.
   */
  override forward(x: Tensor4D): Tensor4D {
    checkFloats('depthwiseConvolution2D x', x, nhwc);
    const channels = x.shape[3];
    if (!this.W.isInitialized) warnOfChannelsFirst(this.W.path, x);
    this.initializeFor(channels);
    const W = this.W.tensor as Tensor4D;
    if (W.shape[1] !== channels) {
      throw new ShapeMismatchError(
        this.W.path,
        [W.shape[0], channels, ...this.ksize],
        W.shape,
        channelsAdvice(x, W.shape[1]),
      );
    }
    const { stride, pad, dilate } = this;
    return depthwiseConvolution2D(x, W, (this.b?.tensor ?? null) as Tensor1D | null, { stride, pad, dilate });
  }

  override get printableSpecs() {
    const { channelMultiplier, ksize, stride, pad, dilate } = this;
    const inChannels = this.W.partialShape?.[1] ?? null;
    return { inChannels, channelMultiplier, ksize, stride, pad, dilate, nobias: this.b === null };
  }
}
