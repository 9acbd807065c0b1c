import { InvalidArgumentError } from '@chaingrad/core';
import { checkDataset, type Dataset, getExample, type IndexedDataset } from './dataset.ts';

/** Datasets of equal length side by side: each example is an array with one of each (Chainer's `TupleDataset`). */
export class TupleDataset<T extends unknown[]> implements IndexedDataset<T> {
  readonly #datasets: readonly Dataset<unknown>[];

  /** @throws InvalidArgumentError without datasets, or when their lengths differ. */
  constructor(...datasets: { readonly [K in keyof T]: Dataset<T[K]> }) {
    const all = datasets as readonly Dataset<unknown>[];
    for (const dataset of all) checkDataset('TupleDataset', dataset);
    const lengths = all.map(({ length }) => length);
    if (new Set(lengths).size !== 1) {
      throw new InvalidArgumentError(
        'TupleDataset',
        'one dataset or more, all of one length',
        lengths.length === 0 ? 'none' : `lengths ${lengths.join(', ')}`,
      );
    }
    this.#datasets = all;
  }

  get length(): number {
    return this.#datasets[0]!.length;
  }

  get(index: number): T | Promise<T> {
    const parts = this.#datasets.map((dataset) => getExample(dataset, index));
    return parts.some((part) => part instanceof Promise) ? (Promise.all(parts) as Promise<T>) : (parts as T);
  }
}
