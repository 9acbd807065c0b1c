/** tfjs' normalisations, on every backend. */
import * as tf from '@tensorflow/tfjs-core';
import { inputTensor, type Kernel } from '../kernel.ts';
import { isKernelRecorded, runOriginal } from '../tfjs-internals.ts';

/**
 * tfjs' own batch normalisation. While gradients are recorded, a scale and an offset that the caller left out are filled in:
 * tfjs' tape fails on inputs that are undefined.
 */
export const fusedBatchNorm: tf.KernelFunc = (call) => {
  const { inputs } = call;
  const { mean } = inputs;
  if (mean !== undefined && isKernelRecorded()) {
    // The tape holds on to this very object.
    inputs['scale'] ??= tf.ones(mean.shape);
    inputs['offset'] ??= tf.zeros(mean.shape);
  }
  return runOriginal('FusedBatchNorm', call);
};

/** No backend has this kernel, though tfjs-core names it. */
export const logSoftmax: Kernel<{ axis: number }> = (call) =>
  tf.tidy(() => {
    const logits = inputTensor<tf.Tensor, unknown>(call, 'logits');
    const { axis } = call.attrs;
    const shifted = tf.sub(logits, tf.max(logits, axis, true));
    return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), axis, true)));
  });
