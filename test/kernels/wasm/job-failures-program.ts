/** A program of its own for job-failures.test.ts: jobs that read beyond the heap, and jobs after them. Prints JSON. */
import * as tf from '@tensorflow/tfjs-core';
import { setWasmKernelOptions, WasmJobError } from '../../../packages/kernels/src/wasm/index.ts';
import { runtimeOf } from '../../../packages/kernels/src/wasm/runtime.ts';
import { startShared } from './shared-heap.ts';

const ITEMS = 64;
const COLUMNS = 16;

await startShared(1);
const rt = runtimeOf(tf.backend());
const values = Float32Array.from({ length: ITEMS * COLUMNS }, (_, i) => i % 101);
const x = tf.tensor1d(values);

/** Runs the job on rows at `from`: one row an item. */
function copyRows(from: number): tf.TensorInfo {
  return rt.computeKernel('Test', () => {
    const y = rt.output([ITEMS * COLUMNS]);
    const out = rt.heap.pointer(y);
    rt.run('sumRows', ITEMS, { x: from, out, rows: ITEMS, columns: COLUMNS, rowsPerItem: 1 });
    return y;
  });
}

function fail(): WasmJobError {
  // All rows but the first few lie beyond the end of the heap.
  const end = rt.heap.memory.buffer.byteLength;
  try {
    copyRows(end - 4 * COLUMNS * 2);
  } catch (error) {
    if (error instanceof WasmJobError) return error;
    throw error;
  }
  throw new Error('the job did not fail');
}

function isRightNow(): boolean {
  const y = copyRows(rt.heap.pointer(x));
  const got = rt.backend.readSync(y.dataId) as Float32Array;
  const right = values.every((v, i) => got[i] === v);
  rt.backend.disposeData(y.dataId);
  return right;
}

const reports: object[] = [];
for (const threads of [1, 2, 3]) {
  const info = await setWasmKernelOptions({ threads });
  const buffers = rt.backend.numDataIds();
  const failedOn = new Set<number>();
  let wrongAfter = 0;
  let last: WasmJobError | null = null;
  // Which thread fails first is chance: until each has, or so often that one is known not to.
  for (let i = 0; i < 20 || (failedOn.size < threads && i < 20000); i++) {
    last = fail();
    failedOn.add(last.thread);
    if (!isRightNow()) wrongAfter++;
  }
  const { name, kernel, job, items, args, message } = last!;
  const cause = last!.cause as Error;
  const isRuntimeError = cause instanceof WebAssembly.RuntimeError;
  reports.push({
    threads: info!.threads,
    error: {
      name,
      kernel,
      job,
      items,
      args,
      message,
      cause: { name: cause.name, message: cause.message, isRuntimeError },
    },
    failedOn: [...failedOn].sort(),
    wrongAfter,
    leaked: rt.backend.numDataIds() - buffers,
  });
}
x.dispose();
console.log(JSON.stringify(reports));
