/** Normalizations of each sample by itself: the same in training and in use. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { ShapeMismatchError } from '../errors.ts';
import { checkFloats, checkInteger } from '../functions/arguments.ts';
import { groupNormalization, layerNormalization } from '../functions/normalization.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, type InitializerOption } from './arguments.ts';

export interface SampleNormalizationOptions {
  /** Added to the variance. */
  eps?: number;
  /** Initial gamma. Default 1. */
  initialGamma?: InitializerOption;
  /** Initial beta. Default 0. */
  initialBeta?: InitializerOption;
}

const kinds = { eps: 'number', initialGamma: 'any', initialBeta: 'any' } as const;

abstract class SampleNormalization extends Link {
  readonly gamma: Parameter;
  readonly beta: Parameter;
  readonly eps: number;

  constructor(size: number | null, options: SampleNormalizationOptions, eps: number) {
    super();
    const name = this.constructor.name;
    const { initialGamma, initialBeta } = checkOptions(name, options, kinds);
    if (size !== null) checkInteger(`${name} size`, size, 1);
    const shape = size === null ? null : [size];
    this.gamma = bias('gamma', initialGamma, shape, 1);
    this.beta = bias('beta', initialBeta, shape);
    this.eps = options.eps ?? eps;
  }

  /** Sizes what is open by the last axis of x. @throws ShapeMismatchError with the path of gamma when x has another one. */
  protected fit(x: Tensor): void {
    checkFloats(`${this.constructor.name} x`, x);
    const size = x.shape.slice(-1);
    for (const parameter of [this.gamma, this.beta]) if (!parameter.isInitialized) parameter.initialize(size);
    if (this.gamma.shape[0] !== size[0])
      throw new ShapeMismatchError(
        this.gamma.path,
        size,
        this.gamma.shape,
        `The input has shape (${x.shape.join(', ')}).`,
      );
  }
}

/** Normalizes each sample over its last axis (Ba et al., 2016; Chainer's `LayerNormalization`). Parameters: gamma, beta (size). */
export class LayerNormalization extends SampleNormalization {
  /** @param size of the last axis; null: found at the first call. @param options eps default 1e-6. */
  constructor(size: number | null = null, options: SampleNormalizationOptions = {}) {
    super(size, options, 1e-6);
  }

  /** @param x (..., size). */
  override forward<T extends Tensor>(x: T): T {
    this.fit(x);
    return layerNormalization(x, this.gamma.tensor, this.beta.tensor, this.eps);
  }

  override get printableSpecs() {
    return { size: this.gamma.partialShape?.[0] ?? null, eps: this.eps };
  }
}

/**
 * Normalizes each sample over groups of channels (Wu and He, 2018; Chainer's `GroupNormalization`); as many groups as channels are an
 * instance normalization. Parameters: gamma, beta (C).
 */
export class GroupNormalization extends SampleNormalization {
  readonly groups: number;

  /** @param size channels; null: found at the first call. @param options eps default 1e-5. */
  constructor(groups: number, size: number | null = null, options: SampleNormalizationOptions = {}) {
    super(size, options, 1e-5);
    checkInteger('GroupNormalization groups', groups, 1);
    this.groups = groups;
  }

  /** @param x (N, ..., C). */
  override forward<T extends Tensor>(x: T): T {
    this.fit(x);
    return groupNormalization(x, this.groups, this.gamma.tensor, this.beta.tensor, this.eps);
  }

  override get printableSpecs() {
    return { groups: this.groups, size: this.gamma.partialShape?.[0] ?? null, eps: this.eps };
  }
}
