/** tfjs' reductions on webgpu transpose inside, which fails for integers and booleans: see transpose.ts. */
import * as tf from '@tensorflow/tfjs-core';
import { input, inputTensor, type Kernel, type KernelCall } from '../kernel.ts';
import { originalKernel } from '../registry.ts';

interface Reduction {
  axis?: number | number[] | null;
  reductionIndices?: number | number[] | null;
  keepDims?: boolean;
}

function original(
  kernelName: string,
  call: KernelCall<Reduction>,
  x: tf.TensorInfo,
  attrs: Reduction,
): tf.TensorInfo {
  const run = originalKernel(kernelName, 'webgpu')!;
  return run({ ...call, inputs: { x }, attrs } as unknown as Parameters<tf.KernelFunc>[0]) as tf.TensorInfo;
}

/** tfjs' own kernel, for integers and booleans with the reduced axes moved to the end, where it needs no transpose. */
export const reduction =
  (kernelName: string): Kernel<Reduction> =>
  (call) => {
    const info = input(call, 'x');
    const { attrs } = call;
    const axis = attrs.axis ?? attrs.reductionIndices;
    if (info.dtype === 'float32' || axis == null) return original(kernelName, call, info, attrs);
    return tf.tidy(() => {
      const x = inputTensor<tf.Tensor, Reduction>(call, 'x');
      const axes = [axis].flat().map((a) => (a < 0 ? a + x.rank : a));
      const others = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
      const moved = tf.transpose(x, [...others, ...axes]);
      const last = axes.map((_, i) => others.length + i);
      const inner = Array.isArray(axis) ? last : last[0]!;
      const result = tf.engine().makeTensorFromTensorInfo(
        original(kernelName, call, moved, {
          ...attrs,
          axis: inner,
          reductionIndices: inner,
          keepDims: false,
        }),
      );
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
    const run = originalKernel(kernelName, 'webgpu')!;
    if (!reverse && !needsTranspose)
      return run(call as unknown as Parameters<tf.KernelFunc>[0]) as tf.TensorInfo;
    return tf.tidy(() => {
      const x = inputTensor<tf.Tensor, Running>(call, 'x');
      const toEnd = x.shape
        .map((_, i) => i)
        .filter((i) => i !== axis)
        .concat(axis);
      const forward = reverse ? tf.reverse(x, axis) : x;
      const moved = tf.transpose(forward, toEnd);
      const attrs = { axis: rank - 1, exclusive, reverse: false };
      const sums = tf.engine().runKernel(kernelName, { x: moved }, attrs) as tf.Tensor;
      const back = tf.transpose(
        sums,
        toEnd.map((_, i) => toEnd.indexOf(i)),
      );
      return reverse ? tf.reverse(back, axis) : back;
    });
  };
