/** Operations along one axis of a tensor of any rank: done on (before, axis, after), which every backend can. */
import * as tf from '@tensorflow/tfjs-core';
import { product } from './rule.ts';

/** x as a tensor of rank 3 whose middle axis is `axis`. */
export function around(x: tf.Tensor, axis: number): tf.Tensor3D {
  const { shape } = x;
  return tf.reshape(x, [product(shape.slice(0, axis)), shape[axis]!, product(shape.slice(axis + 1))]);
}

const withAxis = (shape: readonly number[], axis: number, size: number) =>
  shape.map((s, i) => (i === axis ? size : s));

/** Zeros before and after. */
export function padAxis(x: tf.Tensor, axis: number, before: number, after: number): tf.Tensor {
  if (before === 0 && after === 0) return x;
  const padded = tf.pad(around(x, axis), [
    [0, 0],
    [before, after],
    [0, 0],
  ]);
  return tf.reshape(padded, withAxis(x.shape, axis, x.shape[axis]! + before + after));
}

/** stride - 1 zeros between neighbours. */
export function dilateAxis(x: tf.Tensor, axis: number, stride: number): tf.Tensor {
  if (stride === 1) return x;
  const size = x.shape[axis]!;
  const [before, , after] = around(x, axis).shape;
  const cells = tf.pad(tf.reshape(x, [before * size, 1, after]), [
    [0, 0],
    [0, stride - 1],
    [0, 0],
  ]);
  return sliceAxis(
    tf.reshape(cells, withAxis(x.shape, axis, size * stride)),
    axis,
    0,
    (size - 1) * stride + 1,
  );
}

export function sliceAxis(x: tf.Tensor, axis: number, begin: number, size: number): tf.Tensor {
  const [before, , after] = around(x, axis).shape;
  return tf.reshape(
    tf.slice(around(x, axis), [0, begin, 0], [before, size, after]),
    withAxis(x.shape, axis, size),
  );
}

export const reverseAxis = (x: tf.Tensor, axis: number) =>
  tf.reshape(tf.reverse(around(x, axis), 1), x.shape);
