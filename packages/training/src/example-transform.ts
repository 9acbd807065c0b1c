import type { Random } from '@chaingrad/core';

/** What a transform of one example may look at. */
export interface ExampleContext<D = unknown> {
  /** In the dataset. */
  readonly index: number;
  readonly epoch: number;
  /** Seeded by the iterator's seed, the epoch and the index: the same numbers wherever and whenever it runs. */
  readonly rng: Random;
  /** The iterator's `workerData`. */
  readonly data: D;
}

/** Decodes or augments one example. What it gives must be cloneable: typed arrays, numbers, strings, plain objects. */
export type ExampleTransform<I, O, D = unknown> = (example: I, context: ExampleContext<D>) => O | Promise<O>;

/** A seed for one example of one epoch: all three are mixed, so that neighbours have nothing in common. */
export function exampleSeed(seed: number, epoch: number, index: number): number {
  let h = seed | 0;
  for (const value of [epoch, index]) {
    h = Math.imul(h ^ value ^ 0x9e3779b9, 0x7feb352d);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    h ^= h >>> 16;
  }
  return h | 0;
}
