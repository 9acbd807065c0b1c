/** What every predictor does with its prepared images. */
import * as tf from '@tensorflow/tfjs-core';
import type { Image } from '../image/index.ts';

/** `data` (channels last) over a divisor, minus a mean: in place. */
export function normalizePixels(
  data: Float32Array,
  mean: number | readonly number[],
  divisor = 1,
): Float32Array {
  const means = typeof mean === 'number' ? [mean] : mean;
  // Channel by channel: to ask for each value which channel it is of takes several times as long.
  means.forEach((channelMean, c) => {
    for (let i = c; i < data.length; i += means.length) data[i] = data[i]! / divisor - channelMean;
  });
  return data;
}

/** One batch of images of equal size. */
export function stack(images: readonly Image<Float32Array>[]): tf.Tensor4D {
  const [height, width, channels] = images[0]!.shape;
  const batch = new Float32Array(images.length * height * width * channels);
  images.forEach(({ data }, i) => {
    batch.set(data, i * data.length);
  });
  return tf.tensor4d(batch, [images.length, height, width, channels]);
}
