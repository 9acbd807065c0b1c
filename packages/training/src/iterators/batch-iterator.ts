import type { Serializable } from '@chaingrad/core';

/** Gives batches of examples and knows how far it is (Chainer's `Iterator`). */
export interface BatchIterator<E = unknown> extends AsyncIterableIterator<E[], undefined>, Serializable {
  readonly batchSize: number;
  /** Whether it starts over at the end of the examples, forever. */
  readonly repeat: boolean;
  /** The number of completed sweeps over the examples. */
  readonly epoch: number;
  /** True when the last batch reached the end of the examples. */
  readonly isNewEpoch: boolean;
  /** `epoch`, and the part of the next one that is done. */
  readonly epochDetail: number;
  /** `epochDetail` before the last batch; null before the first. */
  readonly previousEpochDetail: number | null;
  /** The next batch. One call at a time. */
  next(): Promise<IteratorResult<E[], undefined>>;
  /** Back to the beginning. */
  reset(): void;
  /** Ends what it has started (workers, open streams). May be called again. */
  finalize(): void | Promise<void>;
}
