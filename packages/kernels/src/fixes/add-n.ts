/** tfjs' sum of several tensors on webgpu. */
import * as tf from '@tensorflow/tfjs-core';
import { inputTensor } from '../kernel.ts';
import { runOriginal } from '../tfjs-internals.ts';

/** A GPU binds 8 buffers at once unless more are asked for; one of them is the output. */
const AT_ONCE = 7;

/** tfjs' own binds all inputs at once, and gives zeros where they are too many: this adds them by sevens. */
export const addN: tf.KernelFunc = (call) => {
  const infos = Object.values(call.inputs) as tf.TensorInfo[];
  if (infos.length <= AT_ONCE) return runOriginal('AddN', call);
  return tf.tidy(() => {
    const backend = call.backend as tf.KernelBackend;
    const all = infos.map((x) => inputTensor<tf.Tensor>({ inputs: { x }, attrs: {}, backend }, 'x'));
    let sum = tf.addN(all.slice(0, AT_ONCE));
    for (let i = AT_ONCE; i < all.length; i += AT_ONCE - 1)
      sum = tf.addN([sum, ...all.slice(i, i + AT_ONCE - 1)]);
    return sum;
  });
};
