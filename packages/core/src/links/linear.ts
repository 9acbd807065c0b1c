import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import { checkFloats, checkInteger } from '../functions/arguments.ts';
import { linear } from '../functions/linear.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, type InitializerOption, weight } from './arguments.ts';

export interface LinearOptions {
  nobias?: boolean;
  /** Initial W. Default LeCunNormal. */
  initialW?: InitializerOption;
  /** Initial b. Default 0. */
  initialBias?: InitializerOption;
}

/**
 * A fully connected layer, x W^T + b (Chainer's `Linear`). Parameters: W (out, in), b (out).
 *
 * More than two axes are flattened in (C, H, W) order, so weights of Chainer and PyTorch fit.
 */
export class Linear extends Link {
  readonly W: Parameter;
  readonly b: Parameter | null;
  readonly outSize: number;

  /** @param outSize the in-size is found at the first call. */
  constructor(outSize: number, options?: LinearOptions);
  /** @param inSize null: found at the first call. */
  constructor(inSize: number | null, outSize: number, options?: LinearOptions);
  constructor(first: number | null, second?: number | LinearOptions, third?: LinearOptions) {
    super();
    const [inSize, outSize] = typeof second === 'number' ? [first, second] : [null, first];
    const options = checkOptions(this.constructor.name, (typeof second === 'number' ? third : second) ?? {}, {
      nobias: 'boolean',
      initialW: 'any',
      initialBias: 'any',
    });
    if (outSize === null) throw new InvalidArgumentError('Linear outSize', 'a number', null);
    checkInteger('Linear outSize', outSize, 1);
    if (inSize !== null) checkInteger('Linear inSize', inSize, 1);
    this.outSize = outSize;
    this.W = weight('W', options.initialW, [outSize, inSize]);
    this.b = (options.nobias ?? false) ? null : bias('b', options.initialBias, [outSize]);
  }

  /**
   * @param x (N, in), or more axes.
   * @param nBatchAxes how many leading axes are kept. Default 1.
   * @returns (N, out).
   * @throws ShapeMismatchError with the path of W when x does not have its in-size.
   */
  override forward(x: Tensor, nBatchAxes = 1): Tensor2D {
    checkFloats('linear x', x);
    const inSize = x.shape.slice(nBatchAxes).reduce((a, b) => a * b, 1);
    if (!this.W.isInitialized) this.W.initialize([this.outSize, inSize]);
    if (this.W.shape[1] !== inSize) {
      throw new ShapeMismatchError(
        this.W.path,
        [this.outSize, inSize],
        this.W.shape,
        `The input of shape (${x.shape.join(', ')}) has ${inSize} values a sample, W takes ${this.W.shape[1]}.`,
      );
    }
    return linear(x, this.W.tensor as Tensor2D, (this.b?.tensor ?? null) as Tensor1D | null, { nBatchAxes });
  }

  override get printableSpecs() {
    return { inSize: this.W.partialShape?.[1] ?? null, outSize: this.outSize, nobias: this.b === null };
  }
}
