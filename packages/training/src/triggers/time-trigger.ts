import { InvalidArgumentError, type SerialEntry } from '@chaingrad/core';
import { numberEntry } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';
import type { Trigger } from './trigger.ts';

/**
 * Fires each time that so many seconds of training have passed (Chainer's `TimeTrigger`). It fires once for times that
 * passed within one iteration, where Chainer would fire at the following ones, too.
 */
export class TimeTrigger implements Trigger {
  #next: number;

  /** @param period seconds. @throws InvalidArgumentError unless it is positive. */
  constructor(readonly period: number) {
    if (!(period > 0 && Number.isFinite(period))) {
      throw new InvalidArgumentError('TimeTrigger period', 'a positive number of seconds', period);
    }
    this.#next = period;
  }

  fires(trainer: Trainer): boolean {
    const { elapsedTime } = trainer;
    if (this.#next >= elapsedTime) return false;
    this.#next += this.period * Math.ceil((elapsedTime - this.#next) / this.period);
    return true;
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield numberEntry(
      `${prefix}next_time`,
      () => this.#next,
      (value) => {
        this.#next = value;
      },
    );
  }
}
