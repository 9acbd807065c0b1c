/** tfjs' transpose on webgpu does not compile for integers and booleans of three or more axes, and then gives zeros. */
import * as tf from '@tensorflow/tfjs-core';
import { input, type Kernel } from '../kernel.ts';
import { runOriginal } from '../tfjs-internals.ts';
import { runElementwise } from './program.ts';

export const transpose: Kernel<{ perm: number[] }> = (call) => {
  const x = input(call, 'x');
  const { perm } = call.attrs;
  if (x.dtype !== 'int32' && x.dtype !== 'bool') return runOriginal('Transpose', call);
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
