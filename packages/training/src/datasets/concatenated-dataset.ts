import { checkDataset, checkIndex, type Dataset, getExample, type IndexedDataset } from './dataset.ts';

/** Datasets one after the other, as one (Chainer's `ConcatenatedDataset`). */
export class ConcatenatedDataset<E> implements IndexedDataset<E> {
  readonly #datasets: readonly Dataset<E>[];

  constructor(...datasets: readonly Dataset<E>[]) {
    for (const dataset of datasets) checkDataset('ConcatenatedDataset', dataset);
    this.#datasets = datasets;
  }

  get length(): number {
    return this.#datasets.reduce((sum, { length }) => sum + length, 0);
  }

  get(index: number): E | Promise<E> {
    checkIndex(index, this.length);
    let rest = index;
    const dataset = this.#datasets.find(({ length }) => {
      if (rest < length) return true;
      rest -= length;
      return false;
    })!;
    return getExample(dataset, rest);
  }
}
