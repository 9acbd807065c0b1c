/**
 * A program of its own for wide.test.ts: it needs a shared heap, which a process can have only from its start. Computes every kind of kernel as
 * usual, wide on two threads and on one, and as usual again. Prints JSON.
 */
import * as tf from '@tensorflow/tfjs-core';
import { setWasmKernelOptions, type WasmKernelInfo } from '../../../packages/kernels/src/wasm/index.ts';
import { startShared } from './shared-heap.ts';
import { kinds } from './threads-kinds.ts';

await startShared(2);

const bits = (): Uint32Array[][] =>
  kinds.map(({ run }) => {
    const tensors = tf.tidy(run);
    const values = tensors.map(
      (tensor) => new Uint32Array((tensor.dataSync() as Float32Array).slice().buffer),
    );
    tf.dispose(tensors);
    return values;
  });

const usual = bits();
const infos: WasmKernelInfo[] = [];
const different: string[][] = [];
for (const changes of [{ wide: true }, { threads: 1 }, { wide: false, threads: 2 }]) {
  infos.push((await setWasmKernelOptions(changes))!);
  const now = bits();
  different.push(
    kinds.flatMap(({ name }, k) =>
      now[k]!.every((values, i) => values.every((value, j) => value === usual[k]![i]![j])) ? [] : [name],
    ),
  );
}
console.log(JSON.stringify({ infos, different, kinds: kinds.length, leaked: tf.memory().numTensors }));
