import type { SerialEntry } from '@chaingrad/core';
import { RunningMeans } from '../running-means.ts';
import type { Trainer } from '../trainer.ts';
import { getTrigger, type Trigger, type TriggerLike } from '../triggers/trigger.ts';
import { AskedKeys } from './asked-keys.ts';

/** Means of reported values from one firing of a trigger to the next: what the reports are made of. */
export class IntervalMeans {
  readonly #keys: readonly string[] | null;
  readonly #trigger: Trigger;
  readonly #means = new RunningMeans();
  readonly #asked: AskedKeys;

  /**
   * @param where who reports, for warnings.
   * @param keys the values; null for all.
   * @param others values that are taken where they are reported, and need not be.
   */
  constructor(
    where: string,
    keys: readonly string[] | null,
    trigger: TriggerLike,
    others: readonly string[] = [],
  ) {
    this.#keys = keys === null ? null : [...keys, ...others];
    this.#asked = new AskedKeys(where, keys ?? []);
    this.#trigger = getTrigger(trigger);
  }

  /**
   * Takes the values of this iteration.
   * @param more names that the report adds, which may be asked for as well.
   * @returns the means where an interval ends here; else null.
   */
  async next(trainer: Trainer, more: readonly string[] = []): Promise<Map<string, number> | null> {
    await this.#means.add(trainer.observation, this.#keys);
    if (!(trainer.isBeforeTraining || (await this.#trigger.fires(trainer)))) return null;
    const means = await this.#means.means();
    this.#means.clear();
    if (!trainer.isBeforeTraining) this.#asked.see([...trainer.observation.keys(), ...means.keys(), ...more]);
    return means;
  }

  settle(): Promise<void> {
    return this.#means.settle();
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield* this.#trigger.serialEntries?.(`${prefix}_trigger/`) ?? [];
    yield this.#means.entry(`${prefix}_summary`);
  }

  finalize(): void {
    this.#asked.finish();
    this.#means.clear();
    this.#trigger.finalize?.();
  }
}
