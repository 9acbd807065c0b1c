import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { checkInteger } from '../functions/arguments.ts';
import { embedId } from '../functions/selection.ts';
import { Normal } from '../initializers.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { type InitializerOption, weight } from './arguments.ts';

export interface EmbedIDOptions {
  /** Initial W. Default N(0, 1). */
  initialW?: InitializerOption;
  /** The id whose vector is zero and is not trained. */
  ignoreLabel?: number;
}

/** A learned vector for each integer (Chainer's `EmbedID`). Parameter: W (inSize, outSize). */
export class EmbedID extends Link {
  readonly W: Parameter;
  readonly ignoreLabel: number | null;

  /**
   * @param inSize the number of ids.
   * @param outSize the length of a vector.
   */
  constructor(inSize: number, outSize: number, options: EmbedIDOptions = {}) {
    super();
    const { initialW, ignoreLabel } = checkOptions('EmbedID', options, {
      initialW: 'any',
      ignoreLabel: 'number',
    });
    checkInteger('EmbedID inSize', inSize, 1);
    checkInteger('EmbedID outSize', outSize, 1);
    this.W = weight('W', initialW ?? new Normal(1), [inSize, outSize]);
    this.ignoreLabel = ignoreLabel ?? null;
  }

  /**
   * @param x int32 ids of any shape, in 0..inSize-1.
   * @returns x's shape, then outSize.
   */
  override forward(x: Tensor): Tensor {
    return embedId(x, this.W.tensor as Tensor2D, this.ignoreLabel);
  }

  override get printableSpecs() {
    const [inSize, outSize] = this.W.partialShape ?? [];
    return { inSize, outSize, ignoreLabel: this.ignoreLabel };
  }
}
