/** Parts of a dataset: a range of it, and splits into disjoint parts. */
import { defaultRandom, InvalidArgumentError, Random } from '@chaingrad/core';
import { checkDataset, checkIndex, type Dataset, getExample, type IndexedDataset } from './dataset.ts';

/** The examples `start` to `finish` - 1 of a dataset, in its order or another (Chainer's `SubDataset`). */
export class SubDataset<E> implements IndexedDataset<E> {
  readonly #dataset: Dataset<E>;
  readonly #start: number;
  readonly #order: ArrayLike<number> | null;
  readonly length: number;

  /**
   * @param order where the example at each position lies in the dataset; without it, at its own.
   * @throws InvalidArgumentError unless 0 <= start <= finish <= length, or when the order has another length.
   */
  constructor(dataset: Dataset<E>, start: number, finish: number, order: ArrayLike<number> | null = null) {
    checkDataset('SubDataset', dataset);
    const { length } = dataset;
    const whole = Number.isInteger(start) && Number.isInteger(finish);
    if (!whole || start < 0 || finish < start || finish > length) {
      throw new InvalidArgumentError(
        'SubDataset',
        `integers 0 <= start <= finish <= ${length}`,
        `${start}, ${finish}`,
      );
    }
    if (order !== null && order.length !== length) {
      throw new InvalidArgumentError('SubDataset order', `${length} indices`, order.length);
    }
    this.#dataset = dataset;
    this.#start = start;
    this.#order = order;
    this.length = finish - start;
  }

  get(index: number): E | Promise<E> {
    checkIndex(index, this.length);
    const position = this.#start + index;
    return getExample(this.#dataset, this.#order === null ? position : this.#order[position]!);
  }
}

/**
 * The first `splitAt` examples, and the others (Chainer's `split_dataset`).
 * @param order the order to split in; without it the dataset's own.
 */
export function splitDataset<E>(
  dataset: Dataset<E>,
  splitAt: number,
  order: ArrayLike<number> | null = null,
): [SubDataset<E>, SubDataset<E>] {
  return [
    new SubDataset(dataset, 0, splitAt, order),
    new SubDataset(dataset, splitAt, dataset.length, order),
  ];
}

const randomOrder = (n: number, seed: number | undefined): Int32Array =>
  (seed === undefined ? defaultRandom() : new Random(seed)).permutation(n);

/**
 * Two disjoint parts, drawn at random (Chainer's `split_dataset_random`).
 * @param firstSize the number of examples in the first part.
 * @param seed the same seed gives the same parts; without it the default generator draws.
 */
export function splitDatasetRandom<E>(
  dataset: Dataset<E>,
  firstSize: number,
  seed?: number,
): [SubDataset<E>, SubDataset<E>] {
  return splitDataset(dataset, firstSize, randomOrder(dataset.length, seed));
}

/**
 * `n` disjoint parts of equal size; as in Chainer the last few examples are left out where `n` does not divide the length.
 * @param order the order to split in; without it the dataset's own.
 */
export function splitDatasetN<E>(
  dataset: Dataset<E>,
  n: number,
  order: ArrayLike<number> | null = null,
): SubDataset<E>[] {
  if (!Number.isInteger(n) || n < 1 || n > dataset.length) {
    throw new InvalidArgumentError('splitDatasetN', `an integer in 1..${dataset.length}`, n);
  }
  const size = Math.floor(dataset.length / n);
  return Array.from({ length: n }, (_, i) => new SubDataset(dataset, i * size, (i + 1) * size, order));
}

/** `n` disjoint parts of equal size, drawn at random. */
export function splitDatasetNRandom<E>(dataset: Dataset<E>, n: number, seed?: number): SubDataset<E>[] {
  return splitDatasetN(dataset, n, randomOrder(dataset.length, seed));
}
