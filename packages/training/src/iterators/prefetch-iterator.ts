import { checkOptions, defaultRandom, InvalidArgumentError, Random, type SerialEntry } from '@chaingrad/core';
import { checkDataset, type Dataset, getExample } from '../datasets/dataset.ts';
import { ExampleError } from '../errors.ts';
import { type ExampleTransform, exampleSeed } from '../example-transform.ts';
import { integerEntry } from '../state-entries.ts';
import type { BatchIterator } from './batch-iterator.ts';
import {
  advance,
  type Course,
  checkBatchSize,
  checkNotEmpty,
  epochDetailOf,
  type Pick,
  type Place,
  placeEntries,
} from './place.ts';
import { defaultWorkers, WorkerPool, type WorkerSource } from './worker-pool.ts';

export interface PrefetchIteratorOptions<I, O, D = unknown> {
  /** Start over at the end, forever. Default true. */
  readonly repeat?: boolean;
  /** A new random order each epoch. Default true. */
  readonly shuffle?: boolean;
  /** Orders and the examples' random numbers follow from it. Default one of the default generator. */
  readonly seed?: number;
  /** How many batches are prepared ahead. Default 2. */
  readonly nPrefetch?: number;
  /** A module that calls `serveExamples`; it decodes and augments in threads. */
  readonly worker?: WorkerSource;
  /** Number of threads. Default one less than cores, from 1 to 4. */
  readonly nWorkers?: number;
  /** Given to the transform as `context.data`, once. */
  readonly workerData?: D;
  /** Decodes and augments in this thread, in place of a worker. */
  readonly transform?: ExampleTransform<I, O, D>;
}

/** A batch on its way. */
interface Pending<O> {
  readonly place: Place;
  readonly batch: Promise<O[]>;
}

/**
 * Prepares batches ahead, with examples decoded and augmented in worker threads (Chainer's `MultiprocessIterator`).
 *
 * Batches are the same, in the same order and with the same random numbers, whatever the number of workers and however far
 * ahead they are: everything follows from the seed, the epoch and the index. The dataset gives what is cheap to send, e.g. a
 * path and boxes; the worker's module makes examples of it:
 *
 * ```ts
 * const iterator = new PrefetchIterator(entries, 32, { worker: new URL('./augment.ts', import.meta.url) });
 * ```
 *
 * Threads start at the first batch. They do not keep the process alive; `finalize` ends them, which the trainer calls.
 */
export class PrefetchIterator<I, O = I, D = unknown> implements BatchIterator<O>, AsyncDisposable {
  readonly batchSize: number;
  readonly repeat: boolean;
  readonly #dataset: Dataset<I>;
  readonly #options: PrefetchIteratorOptions<I, O, D>;
  readonly #shuffle: boolean;
  readonly #nPrefetch: number;
  readonly #course: Course;
  readonly #own: { place: Place };
  #seed: number;
  #pool: WorkerPool | null = null;
  /** Batches on their way, the next one first; the last one's place is where preparing goes on. */
  #queue: Pending<O>[] = [];

  /** @throws InvalidArgumentError */
  constructor(dataset: Dataset<I>, batchSize: number, options: PrefetchIteratorOptions<I, O, D> = {}) {
    checkOptions<PrefetchIteratorOptions<never, never>>(
      'PrefetchIterator',
      options as object,
      {
        repeat: 'boolean',
        shuffle: 'boolean',
        seed: 'number',
        nPrefetch: 'number',
        worker: 'any',
        nWorkers: 'number',
        workerData: 'any',
        transform: 'function',
      },
      { nProcesses: 'nWorkers', n_processes: 'nWorkers', nThreads: 'nWorkers', threads: 'nWorkers' },
    );
    const { repeat = true, shuffle = true, seed, nPrefetch = 2, nWorkers, worker, transform } = options;
    checkDataset('PrefetchIterator', dataset);
    checkBatchSize('PrefetchIterator', batchSize);
    checkNotEmpty('PrefetchIterator', dataset.length, repeat);
    if (!Number.isInteger(nPrefetch) || nPrefetch < 1) {
      throw new InvalidArgumentError('PrefetchIterator nPrefetch', 'an integer of 1 or more', nPrefetch);
    }
    if (seed !== undefined && !Number.isSafeInteger(seed)) {
      throw new InvalidArgumentError('PrefetchIterator seed', 'an integer', seed);
    }
    if (worker !== undefined && transform !== undefined) {
      throw new InvalidArgumentError('PrefetchIterator', 'worker or transform', 'both', 'Leave one out.');
    }
    if (worker === undefined && nWorkers !== undefined) {
      throw new InvalidArgumentError('PrefetchIterator nWorkers', 'a worker module beside it', nWorkers);
    }
    this.batchSize = batchSize;
    this.repeat = repeat;
    this.#dataset = dataset;
    this.#options = options;
    this.#shuffle = shuffle;
    this.#nPrefetch = nPrefetch;
    this.#seed = seed ?? defaultRandom().bits();
    const size = dataset.length;
    this.#course = { size, batchSize, repeat, nextOrder: (_order, _position, epoch) => this.#orderOf(epoch) };
    this.#own = { place: this.#start() };
  }

  /** What everything random follows from. */
  get seed(): number {
    return this.#seed;
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

  /**
   * The next batch, and meanwhile the ones after it are prepared.
   * @throws ExampleError when an example cannot be read or transformed; the next call tries the same batch again.
   */
  async next(): Promise<IteratorResult<O[], undefined>> {
    this.#prepare();
    const pending = this.#queue[0];
    if (pending === undefined) return { done: true, value: undefined };
    let batch: O[];
    try {
      batch = await (this.#pool === null ? pending.batch : this.#pool.holding(() => pending.batch));
    } catch (error) {
      this.#drop();
      if (this.#pool?.hasFailed) await this.#stopPool();
      throw error;
    }
    this.#queue.shift();
    this.#own.place = pending.place;
    this.#prepare();
    return { done: false, value: batch };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  reset(): void {
    this.#drop();
    this.#own.place = this.#start();
  }

  /** Ends the threads. Called again, `next` would start new ones. */
  async finalize(): Promise<void> {
    this.#drop();
    await this.#stopPool();
  }

  async #stopPool(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    await pool?.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.finalize();
  }

  *serialEntries(prefix = ''): Generator<SerialEntry> {
    for (const entry of placeEntries(prefix, this.#own)) {
      yield {
        ...entry,
        write: (value) => {
          this.#drop();
          entry.write(value);
          this.#restoreOrder();
        },
      };
    }
    yield integerEntry(
      `${prefix}seed`,
      () => this.#seed,
      (seed) => {
        this.#drop();
        this.#seed = seed;
        this.#restoreOrder();
      },
    );
  }

  #start(): Place {
    return { position: 0, epoch: 0, isNewEpoch: false, previousEpochDetail: null, order: this.#orderOf(0) };
  }

  #orderOf(epoch: number): Int32Array | null {
    if (!this.#shuffle) return null;
    return new Random(exampleSeed(this.#seed, epoch, -1)).permutation(this.#dataset.length);
  }

  #restoreOrder(): void {
    const { place } = this.#own;
    this.#own.place = { ...place, order: this.#orderOf(place.epoch) };
  }

  /** Starts batches until enough are on their way. */
  #prepare(): void {
    while (this.#queue.length < this.#nPrefetch) {
      const next = advance(this.#queue.at(-1)?.place ?? this.#own.place, this.#course);
      if (next === null) return;
      const batch = Promise.all(next.picks.map((pick) => this.#make(pick)));
      // A failure is thrown where the batch is asked for.
      batch.catch(() => {});
      this.#queue.push({ place: next.place, batch });
    }
  }

  /** Gives up what is on its way. */
  #drop(): void {
    this.#queue = [];
  }

  async #make({ index, epoch }: Pick): Promise<O> {
    const { worker, nWorkers = defaultWorkers(), transform, workerData } = this.#options;
    try {
      if (worker !== undefined) this.#pool ??= new WorkerPool(worker, nWorkers, workerData);
      const pool = this.#pool;
      const example = await getExample(this.#dataset, index);
      const seed = exampleSeed(this.#seed, epoch, index);
      if (pool !== null) return (await pool.run({ example, index, epoch, seed })) as O;
      if (transform === undefined) return example as unknown as O;
      return await transform(example, { index, epoch, rng: new Random(seed), data: workerData as D });
    } catch (error) {
      throw new ExampleError(index, error);
    }
  }
}
