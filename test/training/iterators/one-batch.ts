/** A program that takes one batch while others are prepared, and ends without finalizing anything. */
import { PrefetchIterator } from '@chaingrad/training';

const items = Array.from({ length: 8 }, () => ({ values: new Float32Array(2), wait: 50 }));
const iterator = new PrefetchIterator(items, 4, {
  worker: new URL('./augment.worker.mjs', import.meta.url),
  nWorkers: 2,
  workerData: { scale: 1 },
});
const { value } = await iterator.next();
console.log(value?.length);
