/** The backbone of the small Faster R-CNN of the goldens (`cv_frcnn_tiny`): a quarter of the sides, 12 channels. */
import { Chain, Convolution2D } from '@chaingrad/core';
import type * as tf from '@tensorflow/tfjs-core';

export class TinyExtractor extends Chain {
  readonly conv1 = new Convolution2D(3, 8, 3, { stride: 2, pad: 1 });
  readonly conv2 = new Convolution2D(8, 12, 3, { stride: 2, pad: 1 });
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    return this.conv2.call(this.conv1.call(x, 'relu'), 'relu');
  }
}
