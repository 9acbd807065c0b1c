/** Products with sparse matrices as loops of JavaScript: on cpu, and on wasm, where a composition would gather each term. */
import type { CSRAttrs } from '../attrs.ts';
import { input, type Kernel } from '../kernel.ts';
import { newData } from '../tfjs-internals.ts';
import { output, values } from './data.ts';

export const sparseMatMul: Kernel<CSRAttrs> = (call) => {
  const { shape, starts, columns, values: factors } = call.attrs.matrix;
  const channels = input(call, 'x').shape[1]!;
  const x = values(call, 'x');
  const y = new Float32Array(shape[0] * channels);
  const row = new Float64Array(channels);
  for (let i = 0; i < shape[0]; i++) {
    row.fill(0);
    for (let k = starts[i]!; k < starts[i + 1]!; k++) {
      const [factor, from] = [factors[k]!, columns[k]! * channels];
      for (let c = 0; c < channels; c++) row[c]! += factor * x[from + c]!;
    }
    y.set(row, i * channels);
  }
  return output(call, [shape[0], channels], y);
};

export const sparseArgMax: Kernel<CSRAttrs> = (call) => {
  const { shape, starts, columns } = call.attrs.matrix;
  const channels = input(call, 'x').shape[1]!;
  const x = values(call, 'x');
  const y = new Int32Array(shape[0] * channels).fill(-1);
  for (let i = 0; i < shape[0]; i++)
    for (let k = starts[i]!; k < starts[i + 1]!; k++)
      for (let c = 0; c < channels; c++) {
        const [to, at] = [i * channels + c, columns[k]! * channels + c];
        if (y[to] === -1 || x[at]! > x[y[to]!]!) y[to] = at;
      }
  return newData(call.backend, y, [shape[0], channels], 'int32');
};
