import * as tf from '@tensorflow/tfjs-core';
import { ShapeMismatchError } from '../errors.ts';
import { checkFloats, checkInteger, nhwc } from '../functions/arguments.ts';
import { normalize } from '../functions/normalization.ts';
import { Link } from '../link.ts';
import { checkOptions } from '../options.ts';
import type { Parameter } from '../parameter.ts';
import { bias, type InitializerOption } from './arguments.ts';

export interface NormalizeOptions {
  /** The initial scale. Default 0. */
  initial?: InitializerOption;
  /** Added to the length. Default 1e-5. */
  eps?: number;
}

/**
 * Scales each pixel to unit length over its channels, times a learned factor for each channel (Liu et al., 2015; ChainerCV's
 * `Normalize`, used by SSD). Parameter: scale (C).
 */
export class Normalize extends Link {
  readonly scale: Parameter;
  readonly eps: number;

  /** @param nChannel the number of channels. */
  constructor(nChannel: number, options: NormalizeOptions = {}) {
    super();
    const { initial = 0, eps = 1e-5 } = checkOptions('Normalize', options, { initial: 'any', eps: 'number' });
    checkInteger('Normalize nChannel', nChannel, 1);
    this.scale = bias('scale', initial, [nChannel]);
    this.eps = eps;
  }

  /**
   * @param x (N, H, W, C).
   * @throws ShapeMismatchError with the path of scale when x has other channels.
   */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    checkFloats('normalize x', x, nhwc);
    if (x.shape[3] !== this.scale.shape[0]) {
      throw new ShapeMismatchError(
        this.scale.path,
        x.shape.slice(3),
        this.scale.shape,
        `The input has shape (${x.shape.join(', ')}).`,
      );
    }
    return tf.mul(normalize(x, { eps: this.eps }), this.scale.tensor);
  }

  override get printableSpecs() {
    return { nChannel: this.scale.partialShape?.[0] ?? null, eps: this.eps };
  }
}
