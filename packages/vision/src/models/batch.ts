/** What every predictor does with its prepared images. */
import * as tf from '@tensorflow/tfjs-core';
import type { Image } from '../image/index.ts';

/** `data` (channels last) minus a mean, in place. */
export function subtractMean(data: Float32Array, mean: number | readonly number[]): Float32Array {
  const means = typeof mean === 'number' ? [mean] : mean;
  for (let i = 0; i < data.length; i++) data[i]! -= means[i % means.length]!;
  return data;
}

/** 0..255 to -1..1, in place. */
export function toSymmetricRange(data: Float32Array): Float32Array {
  for (let i = 0; i < data.length; i++) data[i] = data[i]! / 127.5 - 1;
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
