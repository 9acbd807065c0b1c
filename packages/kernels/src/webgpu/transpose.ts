/** tfjs' transpose on webgpu does not compile for integers and booleans of three or more axes, and then gives zeros. */
import * as tf from '@tensorflow/tfjs-core';
import { input, type Kernel } from '../kernel.ts';
import { originalKernel } from '../registry.ts';
import { runElementwise } from './program.ts';

export const transpose: Kernel<{ perm: number[] }> = (call) => {
  const x = input(call, 'x');
  const { perm } = call.attrs;
  if (x.dtype !== 'int32' && x.dtype !== 'bool') {
    const original = originalKernel('Transpose', 'webgpu')!;
    return original(call as unknown as Parameters<tf.KernelFunc>[0]) as tf.TensorInfo;
  }
  const strides = tf.util.computeStrides(x.shape).concat(1);
  const shape = perm.map((axis) => x.shape[axis]!);
  // From the last axis to the first: its coordinate is what is left of the index, modulo its size.
  const steps = perm
    .map((axis) => `source += (rest % ${x.shape[axis]}) * ${strides[axis]}; rest = rest / ${x.shape[axis]};`)
    .reverse();
  return runElementwise(call.backend, {
    key: `transpose_${x.shape.join('x')}_${perm.join('')}`,
    shape,
    dtype: x.dtype,
    inputs: { x },
    body: `
      var rest = index;
      var source = 0;
      ${steps.join('\n      ')}
      let value = x[source];`,
  });
};
