/** Small functions, each of which has an operator of TFLite of its own. */
import { Convolution2D, Deconvolution2D, type Link, layerNormalization, Sequential } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { Lambda } from '../export/support.ts';

const of =
  (fn: (x: tf.Tensor4D) => tf.Tensor): (() => Link) =>
  () =>
    new Lambda(fn as never);
const positive = (x: tf.Tensor) => tf.add(tf.abs(x), 0.1);

/** Of an input (1, 6, 4, 8), whose values are between -1 and 1. */
export const operators: Readonly<Record<string, () => Link>> = {
  'a convolution in groups': () => new Convolution2D(8, 12, 3, { pad: 1, groups: 2 }),
  'a transposed convolution': () => new Deconvolution2D(8, 3, 3, { stride: 2, pad: 1 }),
  'two layers': () => new Sequential(new Convolution2D(8, 4, 1), new Deconvolution2D(4, 2, 2, { stride: 2 })),
  gather: of((x) => tf.gather(x, tf.tensor1d([2, 0, 5], 'int32'), 1)),
  cast: of((x) => tf.cast(tf.cast(tf.mul(x, 10), 'int32'), 'float32')),
  split: of((x) => tf.concat([...tf.split(x, [1, 2, 5], 3)].reverse(), 3)),
  'pack and unpack': of((x) => tf.stack(tf.unstack(x, 1).reverse(), 2)),
  'a strided slice': of((x) => tf.stridedSlice(x, [0, 1, 3, 0], [1, 6, 0, 8], [1, 2, -1, 3])),
  tile: of((x) => tf.tile(x, [1, 2, 1, 3])),
  'depth to space': of((x) => tf.depthToSpace(x, 2, 'NHWC')),
  'padding by reflection': of((x) =>
    tf.mirrorPad(
      x,
      [
        [0, 0],
        [1, 2],
        [1, 1],
        [0, 0],
      ],
      'reflect',
    ),
  ),
  'padding by symmetry': of((x) =>
    tf.mirrorPad(
      x,
      [
        [0, 0],
        [1, 2],
        [1, 1],
        [0, 0],
      ],
      'symmetric',
    ),
  ),
  'comparison and choice': of((x) =>
    tf.where(tf.logicalAnd(tf.greater(x, -0.5), tf.lessEqual(x, 0.5)), tf.mul(x, 3), tf.neg(x)),
  ),
  'the place of the largest': of((x) => tf.cast(tf.argMax(x, 3), 'float32')),
  'the largest and their places': of((x) => {
    const { values, indices } = tf.topk(x, 3);
    return tf.add(values, tf.cast(indices, 'float32'));
  }),
  'layer normalization': of((x) => layerNormalization(tf.reshape(x, [24, 8]), tf.ones([8]), tf.zeros([8]))),
  'a length': of((x) => tf.norm(x, 'euclidean', 3)),
  'the logarithm of a sum of exponentials': of((x) => tf.logSumExp(x, 3)),
  power: of((x) => tf.pow(positive(x), 1.5)),
  'squared differences': of((x) => tf.squaredDifference(x, tf.mean(x))),
  elu: of((x) => tf.elu(x)),
  'floor and ceil': of((x) => tf.add(tf.floor(tf.mul(x, 4)), tf.ceil(tf.mul(x, 3)))),
  'sine and cosine': of((x) => tf.mul(tf.sin(x), tf.cos(x))),
  'exponentials less one': of((x) => tf.add(tf.expm1(x), tf.log1p(positive(x)))),
  reciprocal: of((x) => tf.reciprocal(positive(x))),
  products: of((x) => tf.prod(x, 3)),
};
