/** Convolutions over sequences (N, W, C) and volumes (N, D, H, W, C). */
import type { Tensor1D, Tensor3D, Tensor5D } from '@tensorflow/tfjs-core';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import { checkFloats, checkInteger } from '../functions/arguments.ts';
import {
  convolution1D,
  convolution3D,
  deconvolution1D,
  deconvolution3D,
  type IntOrTriple,
  toTriple,
} from '../functions/convolution-nd.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, type InitializerOption, weight } from './arguments.ts';

export interface ConvolutionNDLinkOptions<Size = number> {
  /** From window to window. Default 1. */
  stride?: Size;
  /** Zeros on each side. Default 0. */
  pad?: Size;
  /** Distance of the taps. Default 1. */
  dilate?: Size;
  /** Channel groups. Default 1. */
  groups?: number;
  nobias?: boolean;
  /** Initial W. Default LeCunNormal. */
  initialW?: InitializerOption;
  /** Initial b. Default 0. */
  initialBias?: InitializerOption;
}

const kinds = {
  stride: 'any',
  pad: 'any',
  dilate: 'any',
  groups: 'number',
  nobias: 'boolean',
  initialW: 'any',
  initialBias: 'any',
} as const;

/** What the four share; W is (out, in / groups, ...), of a transposed one (in, out / groups, ...). */
abstract class ConvolutionND<Size> extends Link {
  readonly W: Parameter;
  readonly b: Parameter | null;
  readonly outChannels: number;
  readonly stride: Size;
  readonly pad: Size;
  readonly dilate: Size;
  readonly groups: number;
  private readonly isTransposed: boolean;
  readonly ksize: readonly number[];

  constructor(
    inChannels: number | null,
    outChannels: number,
    ksize: readonly number[],
    options: ConvolutionNDLinkOptions<Size>,
    defaults: { one: Size; zero: Size; isTransposed: boolean },
  ) {
    super();
    const name = this.constructor.name;
    const { groups = 1, nobias = false } = checkOptions(name, options, kinds);
    if (inChannels !== null) checkInteger(`${name} inChannels`, inChannels, 1);
    checkInteger(`${name} outChannels`, outChannels, 1);
    checkInteger(`${name} groups`, groups, 1);
    if (outChannels % groups !== 0)
      throw new InvalidArgumentError(`${name} outChannels`, `a multiple of groups ${groups}`, outChannels);
    this.outChannels = outChannels;
    this.ksize = ksize;
    this.stride = options.stride ?? defaults.one;
    this.pad = options.pad ?? defaults.zero;
    this.dilate = options.dilate ?? defaults.one;
    this.groups = groups;
    this.isTransposed = defaults.isTransposed;
    this.W = weight('W', options.initialW, this.shapeOfW(inChannels));
    this.b = nobias ? null : bias('b', options.initialBias, [outChannels]);
  }

  private shapeOfW<C extends number | null>(inChannels: C): (number | C)[] {
    const { outChannels, groups, ksize } = this;
    if (inChannels !== null && inChannels % groups !== 0)
      throw new InvalidArgumentError(
        `${this.constructor.name} inChannels`,
        `a multiple of groups ${groups}`,
        inChannels,
      );
    if (this.isTransposed) return [inChannels, outChannels / groups, ...ksize];
    return [outChannels, (inChannels === null ? null : inChannels / groups) as number | C, ...ksize];
  }

  /** The filter for this input. @throws ShapeMismatchError with the path of W when x has other channels. */
  protected filterFor(x: Tensor3D | Tensor5D): Parameter {
    const name = `${this.isTransposed ? 'deconvolution' : 'convolution'}${this.ksize.length}D x`;
    checkFloats(name, x, ['N', ...(this.ksize.length === 1 ? ['W'] : ['D', 'H', 'W']), 'C']);
    const shape = this.shapeOfW(x.shape.at(-1)!);
    if (!this.W.isInitialized) this.W.initialize(shape);
    const at = this.isTransposed ? 0 : 1;
    if (this.W.shape[at] !== shape[at])
      throw new ShapeMismatchError(
        this.W.path,
        shape,
        this.W.shape,
        `The input has shape (${x.shape.join(', ')}), channels last.`,
      );
    return this.W;
  }

  protected offset(): Tensor1D | null {
    return (this.b?.tensor ?? null) as Tensor1D | null;
  }

  override get printableSpecs() {
    const { outChannels, ksize, stride, pad, dilate, groups } = this;
    return { outChannels, ksize, stride, pad, dilate, groups, nobias: this.b === null };
  }
}

const line = (isTransposed: boolean) => ({ one: 1, zero: 0, isTransposed });

/** 1-D convolution (Chainer's `Convolution1D`). Parameters: W (out, in / groups, k), b (out). */
export class Convolution1D extends ConvolutionND<number> {
  /** @param inChannels null: found at the first call. */
  constructor(
    inChannels: number | null,
    outChannels: number,
    ksize: number,
    options: ConvolutionNDLinkOptions = {},
  ) {
    super(inChannels, outChannels, [ksize], options, line(false));
  }

  /** @param x (N, W, in). @returns (N, OW, out). */
  override forward(x: Tensor3D): Tensor3D {
    const { stride, pad, dilate, groups } = this;
    return convolution1D(x, this.filterFor(x).tensor as Tensor3D, this.offset(), {
      stride,
      pad,
      dilate,
      groups,
    });
  }
}

/** Transposed 1-D convolution (Chainer's `Deconvolution1D`). Parameters: W (in, out / groups, k), b (out). */
export class Deconvolution1D extends ConvolutionND<number> {
  /** @param inChannels null: found at the first call. */
  constructor(
    inChannels: number | null,
    outChannels: number,
    ksize: number,
    options: ConvolutionNDLinkOptions = {},
  ) {
    super(inChannels, outChannels, [ksize], options, line(true));
  }

  /** @param x (N, W, in). @returns (N, OW, out). */
  override forward(x: Tensor3D): Tensor3D {
    const { stride, pad, dilate, groups } = this;
    return deconvolution1D(x, this.filterFor(x).tensor as Tensor3D, this.offset(), {
      stride,
      pad,
      dilate,
      groups,
    });
  }
}

const volume = (isTransposed: boolean) => ({ one: 1 as IntOrTriple, zero: 0 as IntOrTriple, isTransposed });

/** 3-D convolution (Chainer's `Convolution3D`). Parameters: W (out, in / groups, kd, kh, kw), b (out). */
export class Convolution3D extends ConvolutionND<IntOrTriple> {
  /** @param inChannels null: found at the first call. */
  constructor(
    inChannels: number | null,
    outChannels: number,
    ksize: IntOrTriple,
    options: ConvolutionNDLinkOptions<IntOrTriple> = {},
  ) {
    super(inChannels, outChannels, toTriple('Convolution3D ksize', ksize, 1), options, volume(false));
  }

  /** @param x (N, D, H, W, in). @returns (N, OD, OH, OW, out). */
  override forward(x: Tensor5D): Tensor5D {
    const { stride, pad, dilate, groups } = this;
    return convolution3D(x, this.filterFor(x).tensor as Tensor5D, this.offset(), {
      stride,
      pad,
      dilate,
      groups,
    });
  }
}

/** Transposed 3-D convolution (Chainer's `Deconvolution3D`). Parameters: W (in, out / groups, kd, kh, kw), b (out). */
export class Deconvolution3D extends ConvolutionND<IntOrTriple> {
  /** @param inChannels null: found at the first call. */
  constructor(
    inChannels: number | null,
    outChannels: number,
    ksize: IntOrTriple,
    options: ConvolutionNDLinkOptions<IntOrTriple> = {},
  ) {
    super(inChannels, outChannels, toTriple('Deconvolution3D ksize', ksize, 1), options, volume(true));
  }

  /** @param x (N, D, H, W, in). @returns (N, OD, OH, OW, out). */
  override forward(x: Tensor5D): Tensor5D {
    const { stride, pad, dilate, groups } = this;
    return deconvolution3D(x, this.filterFor(x).tensor as Tensor5D, this.offset(), {
      stride,
      pad,
      dilate,
      groups,
    });
  }
}
