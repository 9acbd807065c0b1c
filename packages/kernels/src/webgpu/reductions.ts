/** tfjs' reductions on webgpu transpose inside, which fails for integers and booleans: see transpose.ts. */
import * as tf from '@tensorflow/tfjs-core';
import { input, inputTensor, type Kernel } from '../kernel.ts';
import { runOriginal, runRegistered, tensorOf } from '../tfjs-internals.ts';

interface Reduction {
  axis?: number | number[] | null;
  reductionIndices?: number | number[] | null;
  keepDims?: boolean;
}

/** tfjs' own kernel, for integers and booleans with the reduced axes moved to the end, where it needs no transpose. */
export const reduction =
  (kernelName: string): Kernel<Reduction> =>
  (call) => {
    const info = input(call, 'x');
    const { attrs } = call;
    const axis = attrs.axis ?? attrs.reductionIndices;
    if (info.dtype === 'float32' || axis == null) {
      const result = runOriginal(kernelName, call);
      // tfjs gives the one place in a list the shape (1).
      return kernelName.startsWith('Arg') && info.shape.length === 1 ? { ...result, shape: [] } : result;
    }
    return tf.tidy(() => {
      const x = inputTensor<tf.Tensor, Reduction>(call, 'x');
      const axes = [axis].flat().map((a) => (a < 0 ? a + x.rank : a));
      const others = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
      const moved = tf.transpose(x, [...others, ...axes]);
      const last = axes.map((_, i) => others.length + i);
      const inner = Array.isArray(axis) ? last : last[0]!;
      const innermost = { ...attrs, axis: inner, reductionIndices: inner, keepDims: false };
      const result = tensorOf(runOriginal(kernelName, { ...call, inputs: { x: moved }, attrs: innermost }));
      if (!attrs.keepDims) return result;
      return tf.reshape(
        result,
        x.shape.map((size, i) => (axes.includes(i) ? 1 : size)),
      );
    });
  };

interface Running {
  axis: number;
  exclusive: boolean;
  reverse: boolean;
}

/**
 * tfjs' running sums and products. Its backward ones take the length of the first call for that of all later calls (the
 * program has it as a constant, but not in its key), so they are made of forward ones.
 */
export const running =
  (kernelName: string): Kernel<Running> =>
  (call) => {
    const { exclusive, reverse } = call.attrs;
    const info = input(call, 'x');
    const rank = info.shape.length;
    const axis = call.attrs.axis < 0 ? call.attrs.axis + rank : call.attrs.axis;
    const needsTranspose = info.dtype !== 'float32' && axis !== rank - 1;
    if (!reverse && !needsTranspose) return runOriginal(kernelName, call);
    return tf.tidy(() => {
      const x = inputTensor<tf.Tensor, Running>(call, 'x');
      const toEnd = x.shape
        .map((_, i) => i)
        .filter((i) => i !== axis)
        .concat(axis);
      const forward = reverse ? tf.reverse(x, axis) : x;
      const moved = tf.transpose(forward, toEnd);
      const attrs = { axis: rank - 1, exclusive, reverse: false };
      const sums = runRegistered(kernelName, { x: moved }, attrs);
      const back = tf.transpose(
        sums,
        toEnd.map((_, i) => toEnd.indexOf(i)),
      );
      return reverse ? tf.reverse(back, axis) : back;
    });
  };
