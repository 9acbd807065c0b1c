/**
 * A program of its own for threads.test.ts: tfjs' backend can be started only once in a process, and this one must end by
 * itself although its threads sleep. Prints JSON.
 */
import * as tf from '@tensorflow/tfjs-core';
import * as names from '../../../packages/kernels/src/attrs.ts';
import { type JobName, jobNames } from '../../../packages/kernels/src/wasm/arguments.ts';
import { setWasmKernelOptions } from '../../../packages/kernels/src/wasm/index.ts';
import { Runtime } from '../../../packages/kernels/src/wasm/runtime.ts';
import { BOUNDS_FILE } from '../../support/bounds-file.ts';
import { startShared } from './shared-heap.ts';
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
import { type Kind, kinds } from './threads-kinds.ts';

/** With every access checked, a run takes some times as long, and more of them would check nothing more. */
const RUNS = process.env[BOUNDS_FILE] === undefined ? 200 : 5;

const info = await startShared(2);

/** Values of what `fn` computes. */
function valuesOf(fn: () => tf.Tensor[]): Float32Array[] {
  const tensors = tf.tidy(fn);
  const values = tensors.map((t) => t.dataSync() as Float32Array);
  tf.dispose(tensors);
  return values;
}

// A new block is full of NaNs, not of what the last run left there: an item that nobody computed would look right.
const module = (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array; _malloc(bytes: number): number } })
  .wasm;
const { _malloc } = module;
module._malloc = (bytes) => {
  const pointer = _malloc(bytes);
  module.HEAPU8.fill(255, pointer >>> 0, (pointer >>> 0) + bytes);
  return pointer;
};

// Right: drawn convolutions and their gradients, against sums in float64.
const random = generator(41);
let error = 0;
for (let i = 0; i < 40; i++) {
  const drawn = drawCase(random);
  const c: Case = { ...drawn, attrs: { ...drawn.attrs, activation: 'linear' } };
  const [x, w, dy] = [c.xShape, c.filterShape, outputShape(c)].map((shape) => floats(random, size(shape)));
  const [y, dx, dw] = valuesOf(() => {
    const [xs, filter, dys] = [
      tf.tensor(x!, c.xShape),
      tf.tensor(w!, c.filterShape),
      tf.tensor(dy!, outputShape(c)),
    ];
    return [
      run(names.CONV_2D, { x: xs, filter }, c.attrs),
      run(names.CONV_2D_BACKPROP_INPUT, { dy: dys, filter }, { ...c.attrs, inputShape: c.xShape }),
      run(names.CONV_2D_BACKPROP_FILTER, { x: xs, dy: dys }, { ...c.attrs, filterShape: c.filterShape }),
    ];
  });
  error = Math.max(
    error,
    worst(y!, convolution(c, x!, w!, null)),
    worst(dx!, inputGradient(c, w!, dy!)),
    worst(dw!, filterGradient(c, x!, dy!)),
  );
}

// The same bits: each kind over many runs, and for any number of threads.
const onThreads = new Set<JobName>();
const runJob = Runtime.prototype.run;
Runtime.prototype.run = function (job, items, ...rest) {
  if (items > 1 && this.threads > 1) onThreads.add(job);
  runJob.call(this, job, items, ...rest);
};
const same = (a: Float32Array[], b: Float32Array[]) =>
  a.every((v, i) => Buffer.compare(Buffer.from(v.buffer), Buffer.from(b[i]!.buffer)) === 0);
const results = ({ run: compute }: Kind) => valuesOf(compute);

const used: number[] = [];
const useThreads = async (threads: number) => used.push((await setWasmKernelOptions({ threads }))!.threads);
await useThreads(1);
const single = kinds.map(results);
/** Kinds that gave other bits than one thread, by threads. */
const different: Record<number, string[]> = {};
for (const threads of [2, 3]) {
  await useThreads(threads);
  const names = kinds.filter((kind, k) => {
    let equal = true;
    for (let i = 0; i < RUNS; i++) equal &&= same(results(kind), single[k]!);
    return !equal;
  });
  different[threads] = names.map(({ name }) => name);
}
/** Jobs that threads never shared here; `transpose` has one item always. */
const missing = jobNames.filter((job) => !onThreads.has(job) && job !== 'transpose');
await setWasmKernelOptions({ threads: 2 });

const shared = module.HEAPU8.buffer instanceof SharedArrayBuffer;
// The heap grows, and with it what the threads see.
const ones = tf.ones([40, 1024, 256]);
const grown = tf.tidy(() => tf.max(tf.sum(ones, [0, 1])).dataSync()[0]);
ones.dispose();
const leaked = tf.memory().numTensors;
console.log(JSON.stringify({ info, shared, error, different, missing, used, grown, leaked }));
