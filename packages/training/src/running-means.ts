import type { Observation, SerialEntry } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { jsonEntry } from './state-entries.ts';

/** How many values may wait on the device before they are read. */
const maxPending = 256;

/** Whether a reported value counts: numbers and tensors of one element do, as in Chainer. */
const isScalar = (value: number | tf.Tensor): boolean => typeof value === 'number' || value.size === 1;

/** A reported value as a number; the tensor stays whose it is. */
export async function readScalar(value: number | tf.Tensor): Promise<number> {
  return typeof value === 'number' ? value : (await value.data())[0]!;
}

/**
 * Means of reported values, by name (Chainer's `DictSummary`). Tensors are held as they are and read later, many at a
 * time, so that no update waits for a value. Sums are of float64, in the order of the reports.
 */
export class RunningMeans {
  #sums = new Map<string, { sum: number; count: number }>();
  #pending: (readonly [string, number | tf.Tensor])[] = [];

  /** Adds the values of an observation, whose tensors stay its own. With `keys`, only those. */
  async add(observation: Observation, keys: readonly string[] | null = null): Promise<void> {
    for (const key of keys ?? observation.keys()) {
      const value = observation.get(key);
      if (value === undefined || !isScalar(value)) continue;
      this.#pending.push([key, typeof value === 'number' ? value : tf.keep(tf.clone(value))]);
    }
    if (this.#pending.length > maxPending) await this.settle();
  }

  /** Reads what is still on the device. */
  async settle(): Promise<void> {
    const pending = this.#pending.splice(0);
    try {
      const values = await Promise.all(pending.map(([, value]) => readScalar(value)));
      for (const [i, [key]] of pending.entries()) {
        const entry = this.#sums.get(key) ?? { sum: 0, count: 0 };
        entry.sum += values[i]!;
        entry.count += 1;
        this.#sums.set(key, entry);
      }
    } finally {
      disposeValues(pending);
    }
  }

  /** The mean of each name since the last `clear`. */
  async means(): Promise<Map<string, number>> {
    await this.settle();
    return new Map([...this.#sums].map(([key, { sum, count }]) => [key, sum / count]));
  }

  /** Begins anew, and frees what was not read. */
  clear(): void {
    this.#sums.clear();
    disposeValues(this.#pending.splice(0));
  }

  /** Everything that is settled: call `settle()` before saving. */
  entry(key: string): SerialEntry {
    return jsonEntry<Record<string, { sum: number; count: number }>>(
      key,
      () => Object.fromEntries(this.#sums),
      (sums) => {
        this.clear();
        this.#sums = new Map(Object.entries(sums));
      },
    );
  }
}

function disposeValues(values: readonly (readonly [string, number | tf.Tensor])[]): void {
  for (const [, value] of values) if (value instanceof tf.Tensor) value.dispose();
}
