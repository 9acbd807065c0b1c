import { checkOptions } from '@chaingrad/core';
import type { TerminalStream } from '@chaingrad/training';

export interface ProgressHookOptions {
  /** How many images there are. Without it only those that are done are told. */
  readonly nTotal?: number;
  /** Default standard error. Nothing is written where it is no terminal. */
  readonly out?: TerminalStream | null;
}

/**
 * Tells on a terminal how many images `applyToIterator` has done, and how fast. Chainer counterpart: `chainercv.utils.ProgressHook`.
 *
 * ```ts
 * applyToIterator((imgs) => model.predict(imgs), iterator, { hook: new ProgressHook({ nTotal: dataset.length }) });
 * ```
 */
export class ProgressHook {
  readonly #nTotal: number | null;
  readonly #out: TerminalStream | null;
  readonly #start = performance.now();
  #nProcessed = 0;

  /** @throws UnknownOptionError */
  constructor(options: ProgressHookOptions = {}) {
    const { nTotal = null, out } = checkOptions('ProgressHook', options, {
      nTotal: 'number',
      out: 'object | null',
    });
    const stream = out === undefined ? (typeof process === 'undefined' ? null : process.stderr) : out;
    this.#nTotal = nTotal;
    this.#out = stream?.isTTY ? stream : null;
  }

  /** Images that are done. */
  get nProcessed(): number {
    return this.#nProcessed;
  }

  /** @param batch that is done. */
  onBatch(batch: { readonly inValues: readonly unknown[] }): void {
    this.#nProcessed += batch.inValues.length;
    const seconds = (performance.now() - this.#start) / 1000;
    const speed = seconds === 0 ? 0 : this.#nProcessed / seconds;
    const total = this.#nTotal === null ? '' : ` of ${this.#nTotal}`;
    const isLast = this.#nTotal !== null && this.#nProcessed >= this.#nTotal;
    // The rest of the line is cleared: it may have been longer.
    this.#out?.write(
      `\r${this.#nProcessed}${total} images, ${speed.toFixed(2)} FPS\x1b[K${isLast ? '\n' : ''}`,
    );
  }
}
