/** What tfjs' wasm backend does wrongly with booleans. */
import * as tf from '@tensorflow/tfjs-core';
import { input, inputTensor, type Kernel } from '../kernel.ts';
import { runOriginal } from '../tfjs-internals.ts';

/** tfjs' own drops the fraction: 0.5 becomes false, and 2 becomes 2. */
export const cast: Kernel<{ dtype: tf.DataType }> = (call) => {
  if (call.attrs.dtype !== 'bool' || input(call, 'x').dtype === 'bool') return runOriginal('Cast', call);
  return tf.tidy(() => {
    const x = inputTensor<tf.Tensor, { dtype: tf.DataType }>(call, 'x');
    return tf.notEqual(x, tf.zerosLike(x));
  });
};

/** tfjs' own takes booleans for four bytes each, and writes beyond its output. */
export const reverse: Kernel<{ dims: number | number[] }> = (call) => {
  if (input(call, 'x').dtype !== 'bool') return runOriginal('Reverse', call);
  return tf.tidy(() => {
    const words = tf.cast(inputTensor<tf.Tensor, { dims: number | number[] }>(call, 'x'), 'int32');
    return tf.cast(tf.reverse(words, call.attrs.dims), 'bool');
  });
};
