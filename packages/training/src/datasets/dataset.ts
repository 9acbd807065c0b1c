import { InvalidArgumentError } from '@chaingrad/core';

/** Examples by index, read when they are asked for (Chainer's `DatasetMixin`). */
export interface IndexedDataset<E> {
  readonly length: number;
  /** @param index in 0..length-1. */
  get(index: number): E | Promise<E>;
}

/** What iterators and other datasets take: an object with `length` and `get`, an array or a typed array. */
export type Dataset<E> = IndexedDataset<E> | ArrayLike<E>;

const isIndexed = <E>(dataset: Dataset<E>): dataset is IndexedDataset<E> =>
  'get' in dataset && typeof dataset.get === 'function';

/** Throws unless `dataset` has a length and, where it is not empty, examples. */
export function checkDataset(where: string, dataset: Dataset<unknown>): void {
  const length = (dataset as Partial<Dataset<unknown>> | null | undefined)?.length;
  if (typeof dataset !== 'object' || !Number.isSafeInteger(length)) {
    throw new InvalidArgumentError(
      where,
      'a dataset: an array, or an object with length and get(index)',
      dataset === null ? 'null' : typeof dataset,
    );
  }
}

/** @throws InvalidArgumentError unless the index is in 0..length-1. */
export function checkIndex(index: number, length: number): void {
  if (Number.isInteger(index) && index >= 0 && index < length) return;
  const expected = length === 0 ? 'no index: the dataset is empty' : `an integer in 0..${length - 1}`;
  throw new InvalidArgumentError('dataset index', expected, index);
}

/**
 * One example.
 * @throws InvalidArgumentError when the index is not in 0..length-1, where an array would give undefined.
 */
export function getExample<E>(dataset: Dataset<E>, index: number): E | Promise<E> {
  checkIndex(index, dataset.length);
  return isIndexed(dataset) ? dataset.get(index) : dataset[index]!;
}

/** Reads all of an iterable into memory, e.g. the rows of a file: a stream can only be walked, an array shuffled. */
export async function collectExamples<E>(source: AsyncIterable<E> | Iterable<E>): Promise<E[]> {
  const examples: E[] = [];
  for await (const example of source) examples.push(example);
  return examples;
}
