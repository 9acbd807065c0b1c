/** Tiny VGG of CNN Explainer, and its pictures. */
import { Chain, Convolution2D, Linear, maxPooling2D, relu, softmax } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import sharp from 'sharp';
import { fixturePath } from '../support/goldens.ts';

/** A picture of the fixtures as a batch of one, 0..1. */
export async function picture(name: string): Promise<tf.Tensor4D> {
  const { data, info } = await sharp(fixturePath(`tinyvgg/${name.replace('.jpeg', '.png')}`))
    .raw()
    .toBuffer({ resolveWithObject: true });
  return tf.tensor4d(
    Float32Array.from(data, (v) => v / 255),
    [1, info.height, info.width, 3],
  );
}

/** Tiny VGG of CNN Explainer: two blocks of two convolutions without padding, then one layer. */
export class TinyVGG extends Chain {
  readonly conv_1_1 = new Convolution2D(null, 10, 3);
  readonly conv_1_2 = new Convolution2D(null, 10, 3);
  readonly conv_2_1 = new Convolution2D(null, 10, 3);
  readonly conv_2_2 = new Convolution2D(null, 10, 3);
  readonly output = new Linear(null, 10);

  override forward(x: tf.Tensor4D): tf.Tensor2D {
    const pool = (h: tf.Tensor4D) => maxPooling2D(h, { ksize: 2 });
    const first = pool(relu(this.conv_1_2.call(relu(this.conv_1_1.call(x)))));
    const second = pool(relu(this.conv_2_2.call(relu(this.conv_2_1.call(first)))));
    return softmax(this.output.call(second));
  }
}
