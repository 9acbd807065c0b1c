import { checkDataset, type Dataset, getExample, type IndexedDataset } from './dataset.ts';

/** A dataset whose examples go through a function when they are read (Chainer's `TransformDataset`). */
export class TransformDataset<I, O> implements IndexedDataset<O> {
  readonly #dataset: Dataset<I>;
  readonly #transform: (example: I, index: number) => O | Promise<O>;

  /** @param transform may be asynchronous. Random augmentation that must repeat exactly belongs into `PrefetchIterator`. */
  constructor(dataset: Dataset<I>, transform: (example: I, index: number) => O | Promise<O>) {
    checkDataset('TransformDataset', dataset);
    this.#dataset = dataset;
    this.#transform = transform;
  }

  get length(): number {
    return this.#dataset.length;
  }

  get(index: number): O | Promise<O> {
    const example = getExample(this.#dataset, index);
    if (example instanceof Promise) return example.then((value) => this.#transform(value, index));
    return this.#transform(example, index);
  }
}
