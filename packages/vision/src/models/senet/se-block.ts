import { Chain, globalAveragePooling2D, Linear, relu, sigmoid } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Squeeze and excitation: scales each channel by what a small network makes of the means of all. Children: down, up.
 *
 * Source: Hu et al., Squeeze-and-excitation networks (2018). Chainer counterpart: `chainercv.links.SEBlock`.
 */
export class SEBlock extends Chain {
  readonly down: Linear;
  readonly up: Linear;

  /** @param ratio the hidden width is floor(nChannel / ratio). */
  constructor(nChannel: number, ratio = 16) {
    super();
    const width = Math.floor(nChannel / ratio);
    this.down = new Linear(nChannel, width);
    this.up = new Linear(width, nChannel);
  }

  /** @param x (N, H, W, C). @returns the same shape. */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    const excitation = sigmoid(this.up.call(relu(this.down.call(globalAveragePooling2D(x)))));
    return tf.mul(x, tf.reshape(excitation, [x.shape[0], 1, 1, x.shape[3]]));
  }
}
