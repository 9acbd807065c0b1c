import type { BatchStatistics, InputRange } from '@chaingrad/kernels';
import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import {
  checkFloats,
  checkInteger,
  type IntOrPair,
  nhwc,
  toPair,
  warnOfChannelsFirst,
} from '../functions/arguments.ts';
import { type Convolution2DStep, checkInChannels, convolution2D } from '../functions/convolution.ts';
import { Link } from '../link.ts';
import { checkOptions, type OptionKinds } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, type InitializerOption, weight } from './arguments.ts';

export interface Convolution2DLinkOptions {
  /** Pixels from window to window, y and x. Default 1. */
  stride?: IntOrPair;
  /** Pixels of zeros on each side, y and x; or TensorFlow's 'same', which may be asymmetric. Default 0. */
  pad?: IntOrPair | 'same';
  /** Distance of the taps, in pixels. Default 1. */
  dilate?: IntOrPair;
  /** Channel groups. In- and out-channels must be divisible by it. Default 1. */
  groups?: number;
  nobias?: boolean;
  /** Initial W. Default LeCunNormal. */
  initialW?: InitializerOption;
  /** Initial b. Default 0. */
  initialBias?: InitializerOption;
}

export const convolution2DKinds: OptionKinds<Convolution2DLinkOptions> = {
  stride: 'any',
  pad: 'any',
  dilate: 'any',
  groups: 'number',
  nobias: 'boolean',
  initialW: 'any',
  initialBias: 'any',
};

/** (in, out, ksize, options), or (out, ksize, options) with in-channels found at the first call. */
export type Convolution2DArguments =
  | [inChannels: number | null, outChannels: number, ksize: IntOrPair, options?: Convolution2DLinkOptions]
  | [outChannels: number, ksize: IntOrPair, options?: Convolution2DLinkOptions];

/** The arguments of a convolution link in their long form. */
export function parseConvolution2D<O extends object>(
  args:
    | [inChannels: number | null, outChannels: number, ksize: IntOrPair, options?: O]
    | [outChannels: number, ksize: IntOrPair, options?: O],
): { inChannels: number | null; outChannels: number; ksize: IntOrPair; options: O } {
  const isSize = (value: unknown): value is IntOrPair => typeof value === 'number' || Array.isArray(value);
  const [first, second, third, fourth] = args;
  if (isSize(third)) {
    return {
      inChannels: first,
      outChannels: second as number,
      ksize: third,
      options: (fourth ?? {}) as O,
    };
  }
  return { inChannels: null, outChannels: first as number, ksize: second, options: (third ?? {}) as O };
}

/**
 * 2-D convolution over (N, H, W, C) (Chainer's `Convolution2D`). Parameters: W (out, in / groups, kh, kw), b (out).
 *
 * ```ts
 * new Convolution2D(3, 64, 3, { pad: 1 });
 * new Convolution2D(null, 64, 3, { pad: 1 });   // in-channels found at the first call
 * new Convolution2D(64, 3, { pad: 1 });         // the same
 * ```
 */
export class Convolution2D extends Link {
  readonly W: Parameter;
  readonly b: Parameter | null;
  readonly outChannels: number;
  readonly ksize: readonly [y: number, x: number];
  readonly stride: readonly [y: number, x: number];
  readonly pad: readonly [y: number, x: number] | 'same';
  readonly dilate: readonly [y: number, x: number];
  readonly groups: number;
  /**
   * The smallest and the largest input (`calibrate` finds them), at most and at least 0: with it the wasm backend computes in whole numbers of
   * 8 bits where it is faster so, unless gradients are recorded. Inputs beyond count as the end, NaN as the lower one. null: in float.
   */
  inputRange: InputRange | null = null;

  constructor(...args: Convolution2DArguments) {
    super();
    const { inChannels, outChannels, ksize, options } = parseConvolution2D<Convolution2DLinkOptions>(args);
    const name = this.constructor.name;
    const { groups = 1, nobias = false } = checkOptions(name, options, convolution2DKinds);
    if (inChannels !== null) checkInteger(`${name} inChannels`, inChannels, 1);
    checkInteger(`${name} outChannels`, outChannels, 1);
    checkInteger(`${name} groups`, groups, 1);
    this.outChannels = outChannels;
    this.ksize = toPair(`${name} ksize`, ksize, 1);
    this.stride = toPair(`${name} stride`, options.stride ?? 1, 1);
    this.pad = options.pad === 'same' ? 'same' : toPair(`${name} pad`, options.pad ?? 0, 0);
    this.dilate = toPair(`${name} dilate`, options.dilate ?? 1, 1);
    this.groups = groups;
    if (outChannels % groups !== 0) {
      throw new InvalidArgumentError(`${name} outChannels`, `a multiple of groups ${groups}`, outChannels);
    }
    this.W = weight('W', options.initialW, this.shapeOfW(inChannels));
    this.b = nobias ? null : bias('b', options.initialBias, [outChannels]);
  }

  private shapeOfW<C extends number | null>(inChannels: C): (number | C)[] {
    if (inChannels === null) return [this.outChannels, inChannels, ...this.ksize];
    if (inChannels % this.groups !== 0) {
      throw new InvalidArgumentError(
        `${this.constructor.name} inChannels`,
        `a multiple of groups ${this.groups}`,
        inChannels,
      );
    }
    return [this.outChannels, inChannels / this.groups, ...this.ksize];
  }

  /**
   * @param x (N, H, W, in).
   * @param activation fused into the convolution.
   * @param normalization statistics by which the output is normalized before the activation; null for none.
   * @returns (N, OH, OW, out).
   * @throws ShapeMismatchError with the path of W when x has other channels.
   */
  override forward(
    x: Tensor4D,
    activation?: 'relu' | 'relu6',
    normalization: BatchStatistics | null = null,
  ): Tensor4D {
    if (!this.W.isInitialized) {
      checkFloats('convolution2D x', x, nhwc);
      warnOfChannelsFirst(this.W.path, x);
      this.W.initialize(this.shapeOfW(x.shape[3]));
    }
    this.checkInput(x);
    return convolution2D(x, ...this.argumentsOf(activation, normalization));
  }

  /** Throws as `forward` does, of which it is a part, unless x has the channels of W. */
  checkInput(x: Tensor4D): void {
    checkFloats('convolution2D x', x, nhwc);
    checkInChannels(this.W.path, x, this.W.shape, this.groups);
  }

  /** What `forward` calls `convolution2D` with, beside x. */
  argumentsOf(
    activation: 'relu' | 'relu6' | undefined,
    normalization: BatchStatistics | null,
  ): Convolution2DStep {
    const { stride, pad, dilate, groups, inputRange } = this;
    const b = (this.b?.tensor ?? null) as Tensor1D | null;
    const options = { stride, pad, dilate, groups, activation, normalization, inputRange };
    return [this.W.tensor as Tensor4D, b, options];
  }

  override get printableSpecs() {
    const { outChannels, ksize, stride, pad, dilate, groups } = this;
    const perGroup = this.W.partialShape?.[1] ?? null;
    const inChannels = perGroup === null ? null : perGroup * groups;
    return { inChannels, outChannels, ksize, stride, pad, dilate, groups, nobias: this.b === null };
  }
}

/** A `Convolution2D` whose taps are `dilate` pixels apart (Chainer's `DilatedConvolution2D`). */
export class DilatedConvolution2D extends Convolution2D {}
