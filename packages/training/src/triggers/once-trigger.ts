import type { SerialEntry } from '@chaingrad/core';
import { flagEntry } from '../state-entries.ts';
import type { Trigger } from './trigger.ts';

/** Fires at the first call only (Chainer's `OnceTrigger`). */
export class OnceTrigger implements Trigger {
  #first = true;
  #afterResume: boolean;

  /** @param callOnResume fire once more after each resume. Default false. */
  constructor(callOnResume = false) {
    this.#afterResume = callOnResume;
  }

  get finished(): boolean {
    return !(this.#first || this.#afterResume);
  }

  fires(): boolean {
    const fire = !this.finished;
    this.#first = false;
    this.#afterResume = false;
    return fire;
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield flagEntry(
      `${prefix}_flag_first`,
      () => this.#first,
      (value) => {
        this.#first = value;
      },
    );
  }
}
