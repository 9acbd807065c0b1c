import { InvalidArgumentError, type SerialEntry } from '@chaingrad/core';
import { integerEntry, numberEntry } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';
import type { TrainingLength, Trigger } from './trigger.ts';

export type TimeUnit = 'epoch' | 'iteration';

/** @throws InvalidArgumentError for another unit. */
export function checkUnit(where: string, unit: TimeUnit): void {
  if (unit !== 'epoch' && unit !== 'iteration') {
    throw new InvalidArgumentError(`${where} unit`, "'epoch' | 'iteration'", unit);
  }
}

/** The time of the last call, so that what passed between two calls is not lost. Chainer's keys. */
export class LastTime {
  #iteration = 0;
  #epochDetail = 0;

  constructor(readonly unit: TimeUnit) {}

  /** The last time and now, in the unit; now is then the last time. */
  step({ updater }: Trainer): { before: number; now: number } {
    const { iteration, epochDetail } = updater;
    const epochs = this.unit === 'epoch';
    const before = epochs ? this.#epochDetail : this.#iteration;
    this.#iteration = iteration;
    this.#epochDetail = epochDetail;
    return { before, now: epochs ? epochDetail : iteration };
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield integerEntry(
      `${prefix}previous_iteration`,
      () => this.#iteration,
      (value) => {
        this.#iteration = value;
      },
    );
    yield numberEntry(
      `${prefix}previous_epoch_detail`,
      () => this.#epochDetail,
      (value) => {
        this.#epochDetail = value;
      },
    );
  }
}

/** Fires every `period` epochs or iterations (Chainer's `IntervalTrigger`). A period of epochs may be a fraction. */
export class IntervalTrigger implements Trigger {
  readonly #last: LastTime;

  /** @throws InvalidArgumentError unless the period is positive, and whole for iterations. */
  constructor(
    readonly period: number,
    readonly unit: TimeUnit,
  ) {
    checkUnit('IntervalTrigger', unit);
    if (!(period > 0 && Number.isFinite(period)) || (unit === 'iteration' && !Number.isInteger(period))) {
      const expected = unit === 'epoch' ? 'a positive number' : 'a positive integer';
      throw new InvalidArgumentError('IntervalTrigger period', expected, period);
    }
    this.#last = new LastTime(unit);
  }

  get trainingLength(): TrainingLength {
    return { length: this.period, unit: this.unit };
  }

  fires(trainer: Trainer): boolean {
    const { before, now } = this.#last.step(trainer);
    return Math.floor(before / this.period) !== Math.floor(now / this.period);
  }

  serialEntries(prefix: string): Generator<SerialEntry> {
    return this.#last.serialEntries(prefix);
  }

  toString(): string {
    return `every ${this.period} ${this.unit}${this.period === 1 ? '' : 's'}`;
  }
}
