import {
  checkOptions,
  defaultRandom,
  InvalidArgumentError,
  type Random,
  type SerialEntry,
} from '@chaingrad/core';
import { checkDataset, type Dataset, getExample } from '../datasets/dataset.ts';
import { ExampleError } from '../errors.ts';
import { integersEntry, randomEntry } from '../state-entries.ts';
import type { BatchIterator } from './batch-iterator.ts';
import {
  advance,
  type Course,
  checkBatchSize,
  checkNotEmpty,
  epochDetailOf,
  type Place,
  placeEntries,
} from './place.ts';

/** Gives the order of the next epoch: indices of examples, as many each time. */
export type OrderSampler = (order: Int32Array, position: number) => Int32Array;

export interface SerialIteratorOptions {
  /** Start over at the end, forever. Default true. */
  readonly repeat?: boolean;
  /** A new random order each epoch. Default true, unless `orderSampler` is given. */
  readonly shuffle?: boolean;
  /** Gives the orders. It is first called with 0, 1, 2, ... and position 0; the number of indices is the size of an epoch. */
  readonly orderSampler?: OrderSampler;
  /** Where orders are drawn from. Default the default generator. */
  readonly rng?: Random;
}

/**
 * Reads the examples of a batch one after the other (Chainer's `SerialIterator`).
 *
 * ```ts
 * const iterator = new SerialIterator(dataset, 32);
 * for await (const batch of new SerialIterator(dataset, 32, { repeat: false, shuffle: false })) console.log(batch.length);
 * ```
 */
export class SerialIterator<E> implements BatchIterator<E> {
  readonly batchSize: number;
  readonly repeat: boolean;
  readonly #dataset: Dataset<E>;
  readonly #sampler: OrderSampler | null;
  readonly #rng: Random | undefined;
  readonly #course: Course;
  readonly #own: { place: Place };
  /** The next batch, while it is being read. */
  #planned: ReturnType<typeof advance> = null;

  /**
   * @param dataset examples by index.
   * @param batchSize examples a batch. With `repeat` a batch that crosses the end is filled up from the next epoch; without,
   *   the last one is short.
   * @throws InvalidArgumentError when both shuffle and orderSampler are given, or for an empty dataset that repeats.
   */
  constructor(dataset: Dataset<E>, batchSize: number, options: SerialIteratorOptions = {}) {
    const {
      repeat = true,
      shuffle,
      orderSampler,
      rng,
    } = checkOptions('SerialIterator', options, {
      repeat: 'boolean',
      shuffle: 'boolean',
      orderSampler: 'function',
      rng: 'object',
    });
    checkDataset('SerialIterator', dataset);
    checkBatchSize('SerialIterator', batchSize);
    if (shuffle !== undefined && orderSampler !== undefined) {
      throw new InvalidArgumentError('SerialIterator', 'shuffle or orderSampler', 'both', 'Leave one out.');
    }
    checkNotEmpty('SerialIterator', dataset.length, repeat);
    this.batchSize = batchSize;
    this.repeat = repeat;
    this.#dataset = dataset;
    this.#rng = rng;
    const shuffled: OrderSampler = (order) => (rng ?? defaultRandom()).permutation(order.length);
    this.#sampler = orderSampler ?? ((shuffle ?? true) ? shuffled : null);
    this.#own = { place: this.#start() };
    const size = this.#own.place.order?.length ?? dataset.length;
    checkNotEmpty('SerialIterator orderSampler', size, repeat);
    this.#course = {
      size,
      batchSize,
      repeat,
      nextOrder: (order, position) => (order === null ? null : this.#sampled(order, position, order.length)),
    };
  }

  get epoch(): number {
    return this.#own.place.epoch;
  }

  get isNewEpoch(): boolean {
    return this.#own.place.isNewEpoch;
  }

  get epochDetail(): number {
    return epochDetailOf(this.#own.place, this.#course.size);
  }

  get previousEpochDetail(): number | null {
    return this.#own.place.previousEpochDetail;
  }

  /** The position in the present epoch. */
  get currentPosition(): number {
    return this.#own.place.position;
  }

  /** @throws ExampleError when an example cannot be read; the next call tries the same batch again. */
  async next(): Promise<IteratorResult<E[], undefined>> {
    // Kept after a failure: the orders of a batch are drawn once, however often it is tried.
    this.#planned ??= advance(this.#own.place, this.#course);
    const planned = this.#planned;
    if (planned === null) return { done: true, value: undefined };
    const batch: E[] = [];
    for (const { index } of planned.picks) {
      try {
        batch.push(await getExample(this.#dataset, index));
      } catch (error) {
        throw new ExampleError(index, error);
      }
    }
    this.#planned = null;
    this.#own.place = planned.place;
    return { done: false, value: batch };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  reset(): void {
    this.#planned = null;
    this.#own.place = this.#start();
  }

  #start(): Place {
    const natural = Int32Array.from({ length: this.#dataset.length }, (_, i) => i);
    const order = this.#sampler === null ? null : this.#sampled(natural, 0, null);
    return { position: 0, epoch: 0, isNewEpoch: false, previousEpochDetail: null, order };
  }

  /** The order of the next epoch, checked. */
  #sampled(order: Int32Array, position: number, size: number | null): Int32Array {
    const next = this.#sampler!(order, position);
    const { length } = this.#dataset;
    if (!(next instanceof Int32Array) || next.length !== (size ?? next.length)) {
      const expected = size === null ? 'an Int32Array' : `an Int32Array of ${size}, as before`;
      throw new InvalidArgumentError('SerialIterator orderSampler', expected, next);
    }
    const wrong = next.find((index) => index < 0 || index >= length);
    if (wrong !== undefined) {
      throw new InvalidArgumentError('SerialIterator orderSampler', `indices in 0..${length - 1}`, wrong);
    }
    return next;
  }

  finalize(): void {}

  *serialEntries(prefix = ''): Generator<SerialEntry> {
    yield* placeEntries(prefix, this.#own);
    if (this.#sampler !== null) {
      yield integersEntry(
        `${prefix}order`,
        () => this.#own.place.order!,
        (order) => {
          this.#planned = null;
          this.#own.place = { ...this.#own.place, order };
        },
      );
    }
    const rng = this.#rng;
    if (rng !== undefined) yield randomEntry(`${prefix}rng`, () => rng);
  }
}
