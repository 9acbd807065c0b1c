/** Products with sparse matrices as WGSL: one invocation for each element of the output. */
import type * as tf from '@tensorflow/tfjs-core';
import type { CSRAttrs } from '../attrs.ts';
import { input, type Kernel, type KernelCall } from '../kernel.ts';
import { newData, release } from '../tfjs-internals.ts';
import { runElementwise } from './program.ts';

/** Runs `step` for each entry k of the row of an output (row, c); x is a list of the rows' elements. */
function overEntries(
  call: KernelCall<CSRAttrs>,
  key: string,
  dtype: 'float32' | 'int32',
  [first, step]: readonly [first: string, step: string],
): tf.TensorInfo {
  const { shape, starts, columns, values } = call.attrs.matrix;
  const x = input(call, 'x');
  const channels = x.shape[1]!;
  // WGSL has no empty buffers.
  const filled = <T extends Int32Array | Float32Array>(data: T) =>
    data.length > 0 ? data : new (data.constructor as new (n: number) => T)(1);
  const upload = (data: Int32Array | Float32Array, type: 'float32' | 'int32') =>
    newData(call.backend, filled(data), [Math.max(1, data.length)], type);
  const matrix = {
    starts: upload(starts, 'int32'),
    columns: upload(columns, 'int32'),
    // A program may not be given what it does not use.
    ...(step.includes('factors') ? { factors: upload(values, 'float32') } : {}),
  };
  const y = runElementwise(call.backend, {
    ...{ key, dtype },
    shape: [shape[0], channels],
    inputs: { x, ...matrix },
    pairs: { size2: [shape[0], channels] },
    body: `
      let row = index / uniforms.size2.y;
      let c = index % uniforms.size2.y;
      var value = ${first};
      for (var k = starts[row]; k < starts[row + 1]; k++) {
        let at = columns[k] * uniforms.size2.y + c;
        ${step}
      }`,
  });
  for (const info of Object.values(matrix)) release(call.backend, info);
  return y;
}

export const sparseMatMul: Kernel<CSRAttrs> = (call) =>
  overEntries(call, 'sparseMatMul', 'float32', ['0.0', 'value += factors[k] * x[at];']);

export const sparseArgMax: Kernel<CSRAttrs> = (call) =>
  overEntries(call, 'sparseArgMax', 'int32', [
    '-1',
    'if (value < 0 || x[at] > x[max(value, 0)]) { value = at; }',
  ]);
