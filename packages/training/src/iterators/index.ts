export * from './batch-iterator.ts';
export { PrefetchIterator, type PrefetchIteratorOptions } from './prefetch-iterator.ts';
export * from './serial-iterator.ts';
export * from './stream-iterator.ts';
export type { WebWorker, WorkerSource } from './worker-pool.ts';
