/** Parts of a dataset by examples and by keys (ChainerCV's `dataset.slice[:100, ['img', 'bbox']]`). */
import { checkOptions, InvalidArgumentError, listNames } from '@chaingrad/core';
import { checkDataset, checkIndex, type Dataset, getExample, type IndexedDataset } from './dataset.ts';
import { TransformDataset } from './transform-dataset.ts';

/** A dataset that reads some keys of an example without the others: labels without decoding images. */
export interface SliceableDataset<E extends object> extends IndexedDataset<E> {
  /** An example with these keys at least. @param index in 0..length-1. */
  getKeys<K extends keyof E>(index: number, keys: readonly K[]): Pick<E, K> | Promise<Pick<E, K>>;
}

/** What reads each key of an example. */
export type Getters<E extends object> = {
  readonly [K in keyof E]: (index: number) => E[K] | Promise<E[K]>;
};

/** Examples from `start` to `stop` - 1, as `Array.slice` takes them: negative ones count from the end. */
export interface DatasetRange {
  readonly start?: number;
  readonly stop?: number;
  /** Every so many. Default 1. */
  readonly step?: number;
}

const isSliceable = <E extends object>(dataset: Dataset<E>): dataset is SliceableDataset<E> =>
  'getKeys' in dataset && typeof dataset.getKeys === 'function';

/** An example with these keys and no others. @throws InvalidArgumentError for a key that it does not have. */
async function readKeys<E extends object, K extends keyof E>(
  dataset: Dataset<E>,
  index: number,
  keys: readonly K[],
): Promise<Pick<E, K>> {
  checkIndex(index, dataset.length);
  const example: Pick<E, K> = isSliceable(dataset)
    ? await dataset.getKeys(index, keys)
    : await getExample(dataset, index);
  const missing = keys.find((key) => !Object.hasOwn(example, key));
  if (missing !== undefined)
    throw new InvalidArgumentError(
      `dataset key of example ${index}`,
      `one of ${listNames(Object.keys(example))}`,
      String(missing),
    );
  return Object.fromEntries(keys.map((key) => [key, example[key]])) as Pick<E, K>;
}

/**
 * A dataset whose examples are put together by a function for each key, which is called when its key is asked for
 * (ChainerCV's `GetterDataset`).
 *
 * ```ts
 * const dataset = new GetterDataset(files.length, { img: (i) => readImage(files[i]!), label: (i) => labels[i]! });
 * const onlyLabels = sliceDataset(dataset, null, 'label'); // reads no image
 * ```
 */
export class GetterDataset<E extends object> implements SliceableDataset<E> {
  readonly #getters: Getters<E>;

  /** @throws InvalidArgumentError unless the length is a whole number. */
  constructor(
    readonly length: number,
    getters: Getters<E>,
  ) {
    if (!(Number.isSafeInteger(length) && length >= 0))
      throw new InvalidArgumentError('GetterDataset length', 'an integer of 0 or more', length);
    this.#getters = getters;
  }

  get(index: number): Promise<E> {
    return this.getKeys(index, Object.keys(this.#getters) as (keyof E)[]);
  }

  /** @throws InvalidArgumentError for a key without a getter. */
  async getKeys<K extends keyof E>(index: number, keys: readonly K[]): Promise<Pick<E, K>> {
    checkIndex(index, this.length);
    const entries = keys.map(async (key) => {
      if (!Object.hasOwn(this.#getters, key))
        throw new InvalidArgumentError(
          'GetterDataset key',
          `one of ${listNames(Object.keys(this.#getters))}`,
          String(key),
        );
      return [key, await this.#getters[key](index)];
    });
    return Object.fromEntries(await Promise.all(entries)) as Pick<E, K>;
  }
}

/** Some examples of a dataset, with some of their keys. */
class SlicedDataset<E extends object, K extends keyof E> implements SliceableDataset<Pick<E, K>> {
  readonly length: number;
  readonly #dataset: Dataset<E>;
  readonly #indices: ArrayLike<number> | null;
  readonly #keys: readonly K[] | null;

  constructor(dataset: Dataset<E>, indices: ArrayLike<number> | null, keys: readonly K[] | null) {
    this.#dataset = dataset;
    this.#indices = indices;
    this.#keys = keys;
    this.length = (indices ?? dataset).length;
  }

  #at(index: number): number {
    checkIndex(index, this.length);
    return this.#indices === null ? index : this.#indices[index]!;
  }

  async get(index: number): Promise<Pick<E, K>> {
    const at = this.#at(index);
    return this.#keys === null ? getExample(this.#dataset, at) : readKeys(this.#dataset, at, this.#keys);
  }

  async getKeys<L extends K>(index: number, keys: readonly L[]): Promise<Pick<E, L>> {
    const outside = keys.find((key) => this.#keys !== null && !this.#keys.includes(key));
    if (outside !== undefined)
      throw new InvalidArgumentError(
        'dataset key',
        `one of ${listNames(this.#keys!.map(String))}`,
        String(outside),
      );
    return readKeys(this.#dataset, this.#at(index), keys);
  }
}

/** Which examples: from where to where, a list of indices, whether for each of them, or null for all. */
type Examples = DatasetRange | ArrayLike<number> | readonly boolean[] | null;

const isMask = (range: ArrayLike<number> | readonly boolean[]): range is readonly boolean[] =>
  Array.isArray(range) && range.some((each) => typeof each === 'boolean');

/** Where the examples of a range lie; null: all as they are. */
function indicesOf(range: Examples, length: number): ArrayLike<number> | null {
  const where = 'sliceDataset';
  if (range === null) return null;
  if (typeof range === 'object' && 'length' in range) {
    if (isMask(range)) {
      const wrong = range.find((each) => typeof each !== 'boolean');
      if (wrong !== undefined || range.length !== length)
        throw new InvalidArgumentError(
          `${where} range`,
          `a boolean for each of the ${length} examples`,
          wrong ?? `${range.length} of them`,
        );
      return range.flatMap((taken, i) => (taken ? [i] : []));
    }
    const wrong = Array.from(range).find((i) => !(Number.isInteger(i) && i >= 0 && i < length));
    if (wrong !== undefined)
      throw new InvalidArgumentError(`${where} range`, `indices of the ${length} examples`, wrong);
    return range;
  }
  const {
    start = 0,
    stop = length,
    step = 1,
  } = checkOptions(where, range, { start: 'number', stop: 'number', step: 'number' });
  const whole = Number.isInteger(start) && Number.isInteger(stop) && Number.isInteger(step);
  if (!whole || step < 1)
    throw new InvalidArgumentError(
      `${where} range`,
      'integers start and stop, and a step of 1 or more',
      JSON.stringify(range),
    );
  const from = (end: number) => Math.min(length, Math.max(0, end < 0 ? length + end : end));
  const [first, last] = [from(start), from(stop)];
  return Array.from({ length: Math.max(0, Math.ceil((last - first) / step)) }, (_, i) => first + i * step);
}

/**
 * Some examples of a dataset, with some of their keys (ChainerCV's `dataset.slice[range, keys]`).
 *
 * A dataset that can (`GetterDataset`, the image data sets of `@chaingrad/vision`) reads only what is asked for; of another the
 * example is read as a whole, and the rest left out.
 *
 * ```ts
 * const small = sliceDataset(dataset, { stop: 100 });
 * const labels = sliceDataset(dataset, null, 'label'); // each example is a label
 * const boxes = sliceDataset(dataset, [3, 1, 4], ['img', 'bbox']); // { img, bbox }
 * const cats = sliceDataset(dataset, names.map((name) => name === 'cat'), ['img', 'bbox']);
 * ```
 *
 * @param range from where to where, a list of indices, a boolean for each example, or null for all.
 * @param keys one, whose value is the example then, or a list; without it the examples are whole.
 * @throws InvalidArgumentError for an index outside the dataset, or not as many booleans as there are examples; when an example is read, for a key that it does not have.
 */
export function sliceDataset<E extends object, K extends keyof E>(
  dataset: Dataset<E>,
  range: Examples,
  keys: readonly K[],
): SliceableDataset<Pick<E, K>>;
export function sliceDataset<E extends object, K extends keyof E>(
  dataset: Dataset<E>,
  range: Examples,
  keys: K,
): IndexedDataset<E[K]>;
export function sliceDataset<E extends object>(dataset: Dataset<E>, range: Examples): SliceableDataset<E>;
export function sliceDataset<E extends object, K extends keyof E>(
  dataset: Dataset<E>,
  range: Examples,
  keys: K | readonly K[] | null = null,
): IndexedDataset<unknown> {
  checkDataset('sliceDataset', dataset);
  const indices = indicesOf(range, dataset.length);
  if (keys === null || Array.isArray(keys))
    return new SlicedDataset<E, K>(dataset, indices, keys as readonly K[] | null);
  const key = keys as K;
  return new TransformDataset(new SlicedDataset<E, K>(dataset, indices, [key]), (example) => example[key]);
}
