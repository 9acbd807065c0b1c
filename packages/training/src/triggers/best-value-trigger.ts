/** Triggers that fire when a reported value is the best so far. */
import { type SerialEntry, UnknownNameError } from '@chaingrad/core';
import { RunningMeans } from '../running-means.ts';
import { jsonEntry } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';
import { getTrigger, type Trigger, type TriggerLike } from './trigger.ts';

/** Fires when the mean of a value over an interval is better than every one before (Chainer's `BestValueTrigger`). */
export class BestValueTrigger implements Trigger {
  readonly #interval: Trigger;
  readonly #means = new RunningMeans();
  #best: number | null = null;

  /**
   * @param key the name of the reported value, e.g. `validation/main/accuracy`.
   * @param isBetter whether the second argument is better than the first, the best so far.
   * @param interval over which means are taken. Default one epoch.
   */
  constructor(
    readonly key: string,
    readonly isBetter: (best: number, value: number) => boolean,
    interval: TriggerLike = [1, 'epoch'],
  ) {
    this.#interval = getTrigger(interval);
  }

  /** The best mean so far; null before the first. */
  get bestValue(): number | null {
    return this.#best;
  }

  /** @throws UnknownNameError when the value was not reported within an interval. */
  async fires(trainer: Trainer): Promise<boolean> {
    await this.#means.add(trainer.observation, [this.key]);
    if (!(await this.#interval.fires(trainer))) return false;
    const value = (await this.#means.means()).get(this.key);
    this.#means.clear();
    if (value === undefined) {
      throw new UnknownNameError(this.constructor.name, this.key, [...trainer.observation.keys()]);
    }
    if (this.#best !== null && !this.isBetter(this.#best, value)) return false;
    this.#best = value;
    return true;
  }

  settle(): Promise<void> {
    return this.#means.settle();
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield* this.#interval.serialEntries?.(`${prefix}interval_trigger/`) ?? [];
    yield this.#means.entry(`${prefix}summary`);
    yield jsonEntry<number | null>(
      `${prefix}best_value`,
      () => this.#best,
      (value) => {
        this.#best = value;
      },
    );
  }

  finalize(): void {
    this.#means.clear();
  }
}

/** Fires when the mean of a value over an interval is larger than ever before (Chainer's `MaxValueTrigger`). */
export class MaxValueTrigger extends BestValueTrigger {
  constructor(key: string, interval: TriggerLike = [1, 'epoch']) {
    super(key, (best, value) => value > best, interval);
  }
}

/** Fires when the mean of a value over an interval is smaller than ever before (Chainer's `MinValueTrigger`). */
export class MinValueTrigger extends BestValueTrigger {
  constructor(key: string, interval: TriggerLike = [1, 'epoch']) {
    super(key, (best, value) => value < best, interval);
  }
}
