import { checkOptions, InvalidArgumentError, type SerialEntry } from '@chaingrad/core';
import { ExampleError } from '../errors.ts';
import { flagEntry, integerEntry, numberEntry } from '../state-entries.ts';
import type { BatchIterator } from './batch-iterator.ts';
import { checkBatchSize } from './place.ts';

/**
 * Where examples come from: something that can be walked again from the beginning for each epoch, or a function that gives
 * the examples of an epoch, e.g. in an order of its own.
 */
export type ExampleSource<E> =
  | AsyncIterable<E>
  | Iterable<E>
  | ((epoch: number) => AsyncIterable<E> | Iterable<E>);

export interface StreamIteratorOptions {
  /** Begin the source again at its end, forever. Default true. */
  readonly repeat?: boolean;
  /** Examples an epoch, for `epochDetail`. Without it the last epoch's number is taken, and in the first one 0 until its end. */
  readonly length?: number;
}

/** The most that an epoch counts before its end, where it is longer than was said. */
const almostOne = 1 - 1e-6;

/** A stream, and the example that was read ahead, or why it could not be. */
interface Walk<E> {
  readonly walk: AsyncIterator<E>;
  ahead: IteratorResult<E> | { readonly error: unknown };
}

/**
 * Batches of a stream: rows of a file, records of a network, anything that can only be walked. Examples come in the stream's
 * order. A resumed training walks again over the examples of the epoch that it has had: the source must give the same ones
 * for the same epoch.
 *
 * ```ts
 * const iterator = new StreamIterator((epoch) => readRecords('train.csv', { seed: epoch }), 32);
 * ```
 */
export class StreamIterator<E> implements BatchIterator<E> {
  readonly batchSize: number;
  readonly repeat: boolean;
  readonly #source: ExampleSource<E>;
  readonly #givenLength: number | null;
  #open: Walk<E> | null = null;
  #position = 0;
  #epoch = 0;
  #isNewEpoch = false;
  #detail = 0;
  #previous: number | null = null;
  /** Examples of the last epoch; 0 before the end of the first. */
  #lastLength = 0;

  /** @throws InvalidArgumentError */
  constructor(source: ExampleSource<E>, batchSize: number, options: StreamIteratorOptions = {}) {
    const { repeat = true, length = null } = checkOptions('StreamIterator', options, {
      repeat: 'boolean',
      length: 'number',
    });
    checkBatchSize('StreamIterator', batchSize);
    if (length !== null && !(Number.isSafeInteger(length) && length > 0)) {
      throw new InvalidArgumentError('StreamIterator length', 'a positive integer', length);
    }
    this.#source = source;
    this.batchSize = batchSize;
    this.repeat = repeat;
    this.#givenLength = length;
  }

  get epoch(): number {
    return this.#epoch;
  }

  get isNewEpoch(): boolean {
    return this.#isNewEpoch;
  }

  get epochDetail(): number {
    return this.#detail;
  }

  get previousEpochDetail(): number | null {
    return this.#previous;
  }

  /**
   * @throws ExampleError when the stream fails; its index is the position in the epoch. The next call begins the epoch again
   *   and goes on behind what was had. InvalidArgumentError for an epoch without examples.
   */
  async next(): Promise<IteratorResult<E[], undefined>> {
    if (!this.repeat && this.#epoch > 0) return { done: true, value: undefined };
    const before = { position: this.#position, epoch: this.#epoch, lastLength: this.#lastLength };
    const batch: E[] = [];
    let isNewEpoch = false;
    try {
      while (batch.length < this.batchSize) {
        const example = await this.#take();
        batch.push(example.value);
        if (!example.last) continue;
        isNewEpoch = true;
        if (!this.repeat) break;
      }
    } catch (error) {
      const index = this.#position;
      await this.#close();
      this.#position = before.position;
      this.#epoch = before.epoch;
      this.#lastLength = before.lastLength;
      throw error instanceof InvalidArgumentError ? error : new ExampleError(index, error);
    }
    this.#isNewEpoch = isNewEpoch;
    this.#previous = this.#detail;
    this.#detail = this.#epoch + this.#part();
    return { done: false, value: batch };
  }

  /** The next example. It is read one ahead, to know the last one of an epoch. */
  async #take(): Promise<{ value: E; last: boolean }> {
    this.#open ??= await this.#begin();
    const { walk, ahead } = this.#open;
    if ('error' in ahead) throw ahead.error;
    if (ahead.done) {
      throw new InvalidArgumentError(
        `StreamIterator, epoch ${this.#epoch}`,
        'an example or more',
        'none',
        'A generator can be walked once only: give a function that makes one for each epoch.',
      );
    }
    const following = await lookAhead(walk);
    this.#open.ahead = following;
    this.#position += 1;
    const last = 'done' in following && following.done === true;
    if (last) {
      this.#open = null;
      this.#lastLength = this.#position;
      this.#position = 0;
      this.#epoch += 1;
    }
    return { value: ahead.value, last };
  }

  /** The present epoch, behind the examples that were had. */
  async #begin(): Promise<Walk<E>> {
    const source = typeof this.#source === 'function' ? this.#source(this.#epoch) : this.#source;
    const walk = walkOf(source);
    for (let i = 0; i < this.#position; i++) {
      if ((await walk.next()).done) {
        throw new InvalidArgumentError(
          `StreamIterator, epoch ${this.#epoch}`,
          `more than ${this.#position} examples, as before`,
          i,
          'The source must give the same examples for the same epoch.',
        );
      }
    }
    return { walk, ahead: await lookAhead(walk) };
  }

  #part(): number {
    const length = this.#givenLength ?? this.#lastLength;
    return length === 0 ? 0 : Math.min(this.#position / length, almostOne);
  }

  async #close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.walk.return?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Back to the beginning. A stream that is open is closed. */
  reset(): void {
    void this.#close().catch(() => {});
    this.#position = 0;
    this.#epoch = 0;
    this.#isNewEpoch = false;
    this.#detail = 0;
    this.#previous = null;
    this.#lastLength = 0;
  }

  async finalize(): Promise<void> {
    await this.#close();
  }

  *serialEntries(prefix = ''): Generator<SerialEntry> {
    yield integerEntry(
      `${prefix}current_position`,
      () => this.#position,
      (value) => {
        void this.#close().catch(() => {});
        this.#position = value;
      },
    );
    yield integerEntry(
      `${prefix}epoch`,
      () => this.#epoch,
      (value) => {
        this.#epoch = value;
      },
    );
    yield flagEntry(
      `${prefix}is_new_epoch`,
      () => this.#isNewEpoch,
      (value) => {
        this.#isNewEpoch = value;
      },
    );
    yield numberEntry(
      `${prefix}epoch_detail`,
      () => this.#detail,
      (value) => {
        this.#detail = value;
      },
    );
    yield numberEntry(
      `${prefix}previous_epoch_detail`,
      () => this.#previous ?? -1,
      (value) => {
        this.#previous = value < 0 ? null : value;
      },
    );
    yield integerEntry(
      `${prefix}last_length`,
      () => this.#lastLength,
      (value) => {
        this.#lastLength = value;
      },
    );
  }
}

/** A failure belongs to the example that is read ahead, not to the one before it. */
const lookAhead = <E>(walk: AsyncIterator<E>): Promise<Walk<E>['ahead']> =>
  walk.next().catch((error: unknown) => ({ error }));

function walkOf<E>(source: AsyncIterable<E> | Iterable<E>): AsyncIterator<E> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  const walk = source[Symbol.iterator]();
  return {
    next: async () => walk.next(),
    return: async (value) => walk.return?.(value) ?? { done: true, value: undefined },
  };
}
