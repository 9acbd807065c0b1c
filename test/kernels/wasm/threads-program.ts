/**
 * A program of its own for threads.test.ts: tfjs' backend can be started only once in a process, and this one must end by
 * itself although its threads sleep. Prints JSON.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as wasm from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as names from '../../../packages/kernels/src/attrs.ts';
import {
  registerWasmKernels,
  setWasmKernelOptions,
  shareTfjsWasmMemory,
} from '../../../packages/kernels/src/wasm/index.ts';
import {
  type Case,
  convolution,
  drawCase,
  filterGradient,
  floats,
  generator,
  inputGradient,
  outputShape,
  run,
  size,
  worst,
} from './support.ts';

const require = createRequire(import.meta.url);
const file = require.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm');
shareTfjsWasmMemory(wasm.setWasmPaths as never, readFileSync(file));
await tf.setBackend('wasm');
await tf.ready();
await setWasmKernelOptions({ threads: 2 });
const info = await registerWasmKernels();

/** All results of one convolution and its gradients, and of what else runs on threads. */
function results(c: Case, x: Float32Array, w: Float32Array, dy: Float32Array): Float32Array[] {
  // Tensors, not arrays: tidy would search each array for tensors.
  const tensors = tf.tidy(() => {
    const xs = tf.tensor(x, c.xShape);
    const filter = tf.tensor(w, c.filterShape);
    const dys = tf.tensor(dy, outputShape(c));
    const flat = tf.reshape(xs, [c.xShape[0] * c.xShape[1], -1]);
    const pool: names.Pool2DAttrs = { ksize: [1, 1], stride: [1, 1], pad: [0, 0, 0, 0] };
    return [
      run(names.CONV_2D, { x: xs, filter }, c.attrs),
      run(names.CONV_2D_BACKPROP_INPUT, { dy: dys, filter }, { ...c.attrs, inputShape: c.xShape }),
      run(names.CONV_2D_BACKPROP_FILTER, { x: xs, dy: dys }, { ...c.attrs, filterShape: c.filterShape }),
      tf.matMul(flat, flat, false, true),
      tf.matMul(flat, flat, true, false),
      tf.sum(dys, [0, 1, 2]),
      run(names.MAX_POOL_2D, { x: xs }, pool),
    ];
  });
  const values = tensors.map((t) => t.dataSync() as Float32Array);
  tf.dispose(tensors);
  return values;
}

const same = (a: Float32Array[], b: Float32Array[]) =>
  a.every((v, i) => Buffer.compare(Buffer.from(v.buffer), Buffer.from(b[i]!.buffer)) === 0);

const random = generator(41);
const layers: Case[] = [
  [19, 64, 72, 1],
  [40, 16, 24, 1],
  [12, 48, 32, 2],
].map(([h, c, o, stride]) => ({
  xShape: [1, h!, h!, c!],
  filterShape: [o!, c!, 3, 3],
  attrs: { stride: [stride!, stride!], pad: [1, 1, 1, 1], dilation: [1, 1], groups: 1, activation: 'linear' },
}));
const cases = [...layers, ...Array.from({ length: 40 }, () => drawCase(random))];
const inputs = cases.map((c) => {
  const linear: Case = { ...c, attrs: { ...c.attrs, activation: 'linear' } };
  return [
    linear,
    floats(random, size(c.xShape)),
    floats(random, size(c.filterShape)),
    floats(random, size(outputShape(c))),
  ] as const;
});

let error = 0;
for (const [c, x, w, dy] of inputs) {
  const [y, dx, dw] = results(c, x, w, dy);
  error = Math.max(
    error,
    worst(y!, convolution(c, x, w, null)),
    worst(dx!, inputGradient(c, w, dy)),
    worst(dw!, filterGradient(c, x, dy)),
  );
}

let different = 0;
const firsts = inputs.slice(0, 3).map((args) => results(...args));
for (let i = 0; i < 200; i++)
  for (const [j, args] of inputs.slice(0, 3).entries()) if (!same(results(...args), firsts[j]!)) different++;

const other: number[] = [];
for (const threads of [1, 3]) {
  other.push((await setWasmKernelOptions({ threads }))!.threads);
  for (const [j, args] of inputs.slice(0, 3).entries()) if (!same(results(...args), firsts[j]!)) different++;
}
await setWasmKernelOptions({ threads: 2 });

const shared =
  (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.buffer instanceof
  SharedArrayBuffer;
// The heap grows, and with it what the threads see.
const ones = tf.ones([40, 1024, 256]);
const grown = tf.tidy(() => tf.max(tf.sum(ones, [0, 1])).dataSync()[0]);
ones.dispose();
console.log(JSON.stringify({ info, shared, error, different, other, grown, leaked: tf.memory().numTensors }));
