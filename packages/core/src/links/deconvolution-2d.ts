import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import {
  channelsAdvice,
  checkFloats,
  checkInteger,
  type IntOrPair,
  nhwc,
  toPair,
  warnOfChannelsFirst,
} from '../functions/arguments.ts';
import { deconvolution2D } from '../functions/convolution.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, weight } from './arguments.ts';
import { type Convolution2DLinkOptions, convolution2DKinds, parseConvolution2D } from './convolution-2d.ts';

export interface Deconvolution2DLinkOptions extends Omit<Convolution2DLinkOptions, 'pad'> {
  /** Padding of the convolution that this one transposes, y and x: so much is cut from the output. Default 0. */
  pad?: IntOrPair;
  /** (height, width) of the output. Default the smallest that fits. */
  outsize?: readonly [height: number, width: number];
}

/**
 * Transposed 2-D convolution over (N, H, W, C) (Chainer's `Deconvolution2D`). Parameters: W (in, out / groups, kh, kw), b (out).
 * Arguments as for `Convolution2D`.
 */
export class Deconvolution2D extends Link {
  readonly W: Parameter;
  readonly b: Parameter | null;
  readonly outChannels: number;
  readonly ksize: readonly [y: number, x: number];
  readonly stride: readonly [y: number, x: number];
  readonly pad: readonly [y: number, x: number];
  readonly dilate: readonly [y: number, x: number];
  readonly groups: number;
  readonly outsize: readonly [height: number, width: number] | null;

  constructor(
    ...args:
      | [
          inChannels: number | null,
          outChannels: number,
          ksize: IntOrPair,
          options?: Deconvolution2DLinkOptions,
        ]
      | [outChannels: number, ksize: IntOrPair, options?: Deconvolution2DLinkOptions]
  ) {
    super();
    const { inChannels, outChannels, ksize, options } = parseConvolution2D<Deconvolution2DLinkOptions>(args);
    const { groups = 1, nobias = false } = checkOptions('Deconvolution2D', options, {
      ...convolution2DKinds,
      outsize: 'object',
    });
    if (inChannels !== null) checkInteger('Deconvolution2D inChannels', inChannels, 1);
    checkInteger('Deconvolution2D outChannels', outChannels, 1);
    checkInteger('Deconvolution2D groups', groups, 1);
    if (outChannels % groups !== 0) {
      throw new InvalidArgumentError(
        'Deconvolution2D outChannels',
        `a multiple of groups ${groups}`,
        outChannels,
      );
    }
    this.outChannels = outChannels;
    this.ksize = toPair('Deconvolution2D ksize', ksize, 1);
    this.stride = toPair('Deconvolution2D stride', options.stride ?? 1, 1);
    this.pad = toPair('Deconvolution2D pad', options.pad ?? 0, 0);
    this.dilate = toPair('Deconvolution2D dilate', options.dilate ?? 1, 1);
    this.groups = groups;
    this.outsize = options.outsize ?? null;
    this.W = weight('W', options.initialW, this.shapeOfW(inChannels));
    this.b = nobias ? null : bias('b', options.initialBias, [outChannels]);
  }

  private shapeOfW<C extends number | null>(inChannels: C): (number | C)[] {
    if (inChannels !== null && inChannels % this.groups !== 0) {
      throw new InvalidArgumentError(
        'Deconvolution2D inChannels',
        `a multiple of groups ${this.groups}`,
        inChannels,
      );
    }
    return [inChannels, this.outChannels / this.groups, ...this.ksize];
  }

  /**
   * @param x (N, H, W, in).
   * @returns (N, OH, OW, out).
   * @throws ShapeMismatchError with the path of W when x has other channels.
   */
  override forward(x: Tensor4D): Tensor4D {
    checkFloats('deconvolution2D x', x, nhwc);
    const channels = x.shape[3];
    if (!this.W.isInitialized) {
      warnOfChannelsFirst(this.W.path, x);
      this.W.initialize(this.shapeOfW(channels));
    }
    const W = this.W.tensor as Tensor4D;
    if (W.shape[0] !== channels) {
      throw new ShapeMismatchError(
        this.W.path,
        [channels, ...W.shape.slice(1)],
        W.shape,
        channelsAdvice(x, W.shape[0]),
      );
    }
    const { stride, pad, dilate, groups, outsize } = this;
    return deconvolution2D(x, W, (this.b?.tensor ?? null) as Tensor1D | null, {
      stride,
      pad,
      dilate,
      groups,
      ...(outsize === null ? {} : { outsize }),
    });
  }

  override get printableSpecs() {
    const { outChannels, ksize, stride, pad, dilate, groups, outsize } = this;
    const inChannels = this.W.partialShape?.[0] ?? null;
    return { inChannels, outChannels, ksize, stride, pad, dilate, groups, outsize, nobias: this.b === null };
  }
}
