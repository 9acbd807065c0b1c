import { checkOptions, InvalidArgumentError, type SerialEntry } from '@chaingrad/core';
import { RunningMeans } from '../running-means.ts';
import { integerEntry, numberEntry } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';
import { IntervalTrigger, type TimeUnit } from './interval-trigger.ts';
import { getTrigger, type TrainingLength, type Trigger, type TriggerLike } from './trigger.ts';

export interface EarlyStoppingOptions {
  /** How often the value is looked at. Default every epoch. */
  readonly checkTrigger?: TriggerLike;
  /** The name of the reported value. Default 'main/loss'. */
  readonly monitor?: string;
  /** Stop after so many looks without a better value. Default 3. */
  readonly patience?: number;
  /** What is better; 'auto' takes 'max' where the name contains 'accuracy', else 'min'. */
  readonly mode?: 'auto' | 'max' | 'min';
  /** Stop here in any case. Default 100 epochs. */
  readonly maxTrigger?: readonly [period: number, unit: TimeUnit];
  /** Told once when the training stops early. */
  readonly log?: ((message: string) => void) | null;
}

/**
 * Stops training when a value no longer gets better (Chainer's `EarlyStoppingTrigger`). A trainer's stop trigger.
 *
 * ```ts
 * new Trainer(updater, new EarlyStoppingTrigger({ monitor: 'validation/main/loss', patience: 5 }));
 * ```
 */
export class EarlyStoppingTrigger implements Trigger {
  readonly monitor: string;
  readonly patience: number;
  readonly mode: 'max' | 'min';
  readonly #check: Trigger;
  readonly #max: IntervalTrigger;
  readonly #log: ((message: string) => void) | null;
  readonly #means = new RunningMeans();
  #best: number;
  #count = 0;
  #warned = false;

  /** @throws InvalidArgumentError */
  constructor(options: EarlyStoppingOptions = {}) {
    checkOptions(
      'EarlyStoppingTrigger',
      options,
      {
        checkTrigger: 'any',
        monitor: 'string',
        patience: 'number',
        mode: ['auto', 'max', 'min'],
        maxTrigger: 'object',
        log: 'function | null',
      },
      { patients: 'patience', verbose: 'log', key: 'monitor' },
    );
    const { checkTrigger = [1, 'epoch'], monitor = 'main/loss', patience = 3, mode = 'auto' } = options;
    const { maxTrigger = [100, 'epoch'], log = null } = options;
    if (!Number.isInteger(patience) || patience < 1) {
      throw new InvalidArgumentError('EarlyStoppingTrigger patience', 'an integer of 1 or more', patience);
    }
    this.monitor = monitor;
    this.patience = patience;
    this.mode = mode !== 'auto' ? mode : monitor.includes('accuracy') ? 'max' : 'min';
    this.#check = getTrigger(checkTrigger);
    this.#max = new IntervalTrigger(...maxTrigger);
    this.#log = log;
    this.#best = this.mode === 'max' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  /** The best value so far. */
  get best(): number {
    return this.#best;
  }

  /** Looks since the last better value. */
  get count(): number {
    return this.#count;
  }

  get trainingLength(): TrainingLength {
    return this.#max.trainingLength;
  }

  async fires(trainer: Trainer): Promise<boolean> {
    await this.#means.add(trainer.observation, [this.monitor]);
    if (this.#max.fires(trainer)) return true;
    if (!(await this.#check.fires(trainer))) return false;
    const value = (await this.#means.means()).get(this.monitor);
    this.#means.clear();
    if (value === undefined) {
      if (!this.#warned) {
        const known = [...trainer.observation.keys()].join(', ') || 'none';
        console.warn(`EarlyStoppingTrigger: '${this.monitor}' was not reported. Reported values: ${known}.`);
      }
      this.#warned = true;
      return false;
    }
    if (this.mode === 'max' ? value > this.#best : value < this.#best) {
      this.#best = value;
      this.#count = 0;
    } else this.#count += 1;
    if (this.#count < this.patience) return false;
    this.#log?.(
      `Stopped early: ${this.monitor} has not been better than ${this.#best} for ${this.#count} checks.`,
    );
    return true;
  }

  settle(): Promise<void> {
    return this.#means.settle();
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield* this.#check.serialEntries?.(`${prefix}interval_trigger/`) ?? [];
    yield* this.#max.serialEntries(`${prefix}max_trigger/`);
    yield this.#means.entry(`${prefix}summary`);
    yield integerEntry(
      `${prefix}count`,
      () => this.#count,
      (value) => {
        this.#count = value;
      },
    );
    yield numberEntry(
      `${prefix}best`,
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
