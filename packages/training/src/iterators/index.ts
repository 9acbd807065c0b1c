export * from './batch-iterator.ts';
export * from './serial-iterator.ts';
