import {
  Chain,
  Convolution2D,
  DilatedConvolution2D,
  LeCunUniform,
  maxPooling2D,
  Normalize,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import type { SSDExtractor } from './extractor.ts';

const conv3x3 = (out: number) => new Convolution2D(null, out, 3, { pad: 1 });
const dilated3x3 = (out: number, dilate = 1) =>
  new DilatedConvolution2D(null, out, 3, { pad: dilate, dilate });

/** The extra layers start from other weights than the ones that come from a classifier. */
const extra = (out: number, ksize: number, { stride = 1, pad = 0 } = {}) =>
  new Convolution2D(null, out, ksize, { stride, pad, initialW: new LeCunUniform(), initialBias: 0 });

const relu = 'relu';

/**
 * VGG-16 without its classifier, as an SSD uses it: fc6 and fc7 became conv6 (dilated) and conv7.
 *
 * Convolutions are bare: keys are `conv1_1/W`, where the classifier `VGG16` has `conv1_1/conv/W`.
 * Source: Liu et al., SSD (2016). Chainer counterpart: `chainercv.links.model.ssd.VGG16`.
 */
export class VGG16Extractor extends Chain {
  readonly conv1_1 = conv3x3(64);
  readonly conv1_2 = conv3x3(64);
  readonly conv2_1 = conv3x3(128);
  readonly conv2_2 = conv3x3(128);
  readonly conv3_1 = conv3x3(256);
  readonly conv3_2 = conv3x3(256);
  readonly conv3_3 = conv3x3(256);
  readonly conv4_1 = conv3x3(512);
  readonly conv4_2 = conv3x3(512);
  readonly conv4_3 = conv3x3(512);
  /** Scales the first feature map, whose values are larger than the others'. */
  readonly norm4 = new Normalize(512, { initial: 20 });
  readonly conv5_1 = dilated3x3(512);
  readonly conv5_2 = dilated3x3(512);
  readonly conv5_3 = dilated3x3(512);
  readonly conv6 = dilated3x3(1024, 6);
  readonly conv7 = new Convolution2D(null, 1024, 1);

  /** @returns the two finest feature maps: conv4_3 normalized, and conv7. */
  override forward(x: tf.Tensor4D): tf.Tensor4D[] {
    // Stage by stage, so that without a tape the large maps of one stage are freed before the next.
    const pool1 = tf.tidy(() => {
      const h = this.conv1_2.call(this.conv1_1.call(x, relu), relu);
      return maxPooling2D(h, { ksize: 2 });
    });
    const pool2 = tf.tidy(() => {
      const h = this.conv2_2.call(this.conv2_1.call(pool1, relu), relu);
      return maxPooling2D(h, { ksize: 2 });
    });
    const pool3 = tf.tidy(() => {
      const h = this.conv3_2.call(this.conv3_1.call(pool2, relu), relu);
      return maxPooling2D(this.conv3_3.call(h, relu), { ksize: 2 });
    });
    let h = this.conv4_1.call(pool3, relu);
    h = this.conv4_2.call(h, relu);
    h = this.conv4_3.call(h, relu);
    // The trunk goes on from the map that is not normalized.
    const fine = this.norm4.call(h);
    h = maxPooling2D(h, { ksize: 2 });
    h = this.conv5_1.call(h, relu);
    h = this.conv5_2.call(h, relu);
    h = this.conv5_3.call(h, relu);
    h = maxPooling2D(h, { ksize: 3, stride: 1, pad: 1 });
    h = this.conv6.call(h, relu);
    h = this.conv7.call(h, relu);
    return [fine, h];
  }
}

/** Adds one feature map after the other: each pair of layers takes the last map. */
function addMaps(
  features: tf.Tensor4D[],
  pairs: readonly (readonly [Convolution2D, Convolution2D])[],
): tf.Tensor4D[] {
  const all = [...features];
  for (const [reduce, widen] of pairs) all.push(widen.call(reduce.call(all.at(-1)!, relu), relu));
  return all;
}

/** The feature extractor of SSD300. Chainer counterpart: `VGG16Extractor300`. */
export class VGG16Extractor300 extends VGG16Extractor implements SSDExtractor {
  readonly insize = 300;
  readonly grids = [38, 19, 10, 5, 3, 1] as const;

  readonly conv8_1 = extra(256, 1);
  readonly conv8_2 = extra(512, 3, { stride: 2, pad: 1 });
  readonly conv9_1 = extra(128, 1);
  readonly conv9_2 = extra(256, 3, { stride: 2, pad: 1 });
  readonly conv10_1 = extra(128, 1);
  readonly conv10_2 = extra(256, 3);
  readonly conv11_1 = extra(128, 1);
  readonly conv11_2 = extra(256, 3);

  /** @returns the 6 feature maps of grids 38, 19, 10, 5, 3, 1. */
  override forward(x: tf.Tensor4D): tf.Tensor4D[] {
    return addMaps(super.forward(x), [
      [this.conv8_1, this.conv8_2],
      [this.conv9_1, this.conv9_2],
      [this.conv10_1, this.conv10_2],
      [this.conv11_1, this.conv11_2],
    ]);
  }
}

/** The feature extractor of SSD512. Chainer counterpart: `VGG16Extractor512`. */
export class VGG16Extractor512 extends VGG16Extractor implements SSDExtractor {
  readonly insize = 512;
  readonly grids = [64, 32, 16, 8, 4, 2, 1] as const;

  readonly conv8_1 = extra(256, 1);
  readonly conv8_2 = extra(512, 3, { stride: 2, pad: 1 });
  readonly conv9_1 = extra(128, 1);
  readonly conv9_2 = extra(256, 3, { stride: 2, pad: 1 });
  readonly conv10_1 = extra(128, 1);
  readonly conv10_2 = extra(256, 3, { stride: 2, pad: 1 });
  readonly conv11_1 = extra(128, 1);
  readonly conv11_2 = extra(256, 3, { stride: 2, pad: 1 });
  readonly conv12_1 = extra(128, 1);
  readonly conv12_2 = extra(256, 4, { pad: 1 });

  /** @returns the 7 feature maps of grids 64, 32, 16, 8, 4, 2, 1. */
  override forward(x: tf.Tensor4D): tf.Tensor4D[] {
    return addMaps(super.forward(x), [
      [this.conv8_1, this.conv8_2],
      [this.conv9_1, this.conv9_2],
      [this.conv10_1, this.conv10_2],
      [this.conv11_1, this.conv11_2],
      [this.conv12_1, this.conv12_2],
    ]);
  }
}
