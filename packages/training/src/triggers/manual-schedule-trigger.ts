import { InvalidArgumentError, type SerialEntry } from '@chaingrad/core';
import { flagEntry } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';
import { checkUnit, LastTime, type TimeUnit } from './interval-trigger.ts';
import type { Trigger } from './trigger.ts';

/** Fires when one of the given times is reached (Chainer's `ManualScheduleTrigger`). Epochs may be fractions. */
export class ManualScheduleTrigger implements Trigger {
  readonly points: readonly number[];
  readonly #last: LastTime;
  #finished = false;

  /** @throws InvalidArgumentError without points, or for iterations that are not whole. */
  constructor(points: number | readonly number[], unit: TimeUnit) {
    this.points = typeof points === 'number' ? [points] : [...points];
    checkUnit('ManualScheduleTrigger', unit);
    const right = unit === 'epoch' ? Number.isFinite : Number.isInteger;
    if (this.points.length === 0 || !this.points.every((point) => right(point))) {
      const expected = unit === 'epoch' ? 'numbers of epochs' : 'integers, numbers of iterations';
      throw new InvalidArgumentError('ManualScheduleTrigger points', expected, `[${this.points.join(', ')}]`);
    }
    this.#last = new LastTime(unit);
  }

  get unit(): TimeUnit {
    return this.#last.unit;
  }

  /** True after the last point. */
  get finished(): boolean {
    return this.#finished;
  }

  fires(trainer: Trainer): boolean {
    const { before, now } = this.#last.step(trainer);
    const fire = this.points.some((point) => before < point && point <= now);
    if (fire && now >= Math.max(...this.points)) this.#finished = true;
    return fire;
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield flagEntry(
      `${prefix}finished`,
      () => this.#finished,
      (value) => {
        this.#finished = value;
      },
    );
    yield* this.#last.serialEntries(prefix);
  }
}
