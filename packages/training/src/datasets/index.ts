export * from './concatenated-dataset.ts';
export { collectExamples, type Dataset, getExample, type IndexedDataset } from './dataset.ts';
export * from './sliceable-dataset.ts';
export * from './sub-dataset.ts';
export * from './transform-dataset.ts';
export * from './tuple-dataset.ts';
