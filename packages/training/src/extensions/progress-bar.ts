import { checkOptions } from '@chaingrad/core';
import type { Extension } from '../extension.ts';
import { formatDuration, formatG } from '../format.ts';
import type { Trainer } from '../trainer.ts';
import type { TrainingLength } from '../triggers/trigger.ts';

/** Where a bar is drawn: the part of Node's terminal streams that is used. */
export interface TerminalStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface ProgressBarOptions {
  /** How long training is. Default what the stop trigger says. */
  readonly trainingLength?: readonly [length: number, unit: TrainingLength['unit']];
  /** Iterations between two drawings. Default 100. */
  readonly updateInterval?: number;
  /** Characters in a full bar. Default 50. */
  readonly barLength?: number;
  /** Default standard error. */
  readonly out?: TerminalStream | null;
}

/** How many drawings the speed is measured over. */
const window = 100;

const bar = (label: string, rate: number, length: number): string => {
  const marks = Math.floor(Math.min(rate, 1) * length);
  return `${label} [${'#'.repeat(marks)}${'.'.repeat(length - marks)}] ${(100 * rate).toFixed(2).padStart(5)}%`;
};

/**
 * Bars of the whole training and of the present epoch, with speed and remaining time (Chainer's `ProgressBar`). Drawn on
 * a terminal only; elsewhere nothing is written.
 */
export class ProgressBar implements Extension {
  readonly defaultName = 'ProgressBar';
  readonly #given: TrainingLength | null;
  readonly #updateInterval: number;
  readonly #barLength: number;
  readonly #out: TerminalStream | null;
  /** Recent drawings: when, and how far training was. */
  #recent: { time: number; iteration: number; done: number }[] = [];
  #drawnLines = 0;

  /** @throws UnknownOptionError */
  constructor(options: ProgressBarOptions = {}) {
    const {
      trainingLength,
      updateInterval = 100,
      barLength = 50,
      out,
    } = checkOptions('ProgressBar', options, {
      trainingLength: 'object',
      updateInterval: 'number',
      barLength: 'number',
      out: 'object | null',
    });
    this.#given =
      trainingLength === undefined ? null : { length: trainingLength[0], unit: trainingLength[1] };
    this.#updateInterval = updateInterval;
    this.#barLength = barLength;
    const stream = out === undefined ? (typeof process === 'undefined' ? null : process.stderr) : out;
    this.#out = stream?.isTTY ? stream : null;
  }

  call(trainer: Trainer): void {
    const { iteration } = trainer.updater;
    if (this.#out === null || iteration % this.#updateInterval !== 0) return;
    const lines = this.#lines(trainer);
    // The cursor goes back up, so that whatever else is printed takes the bar's place, and the bar comes back below it.
    this.#out.write(`\x1b[J${lines.join('\n')}\n\x1b[${lines.length}A\r`);
    this.#drawnLines = lines.length;
  }

  #lines({ updater, stopTrigger }: Trainer): string[] {
    const { iteration, epoch, epochDetail } = updater;
    const end = this.#given ?? stopTrigger.trainingLength ?? null;
    const now = end === null ? 0 : (end.unit === 'epoch' ? epochDetail : iteration) / end.length;
    this.#recent.push({ time: performance.now(), iteration, done: now });
    if (this.#recent.length > window) this.#recent.shift();
    const first = this.#recent[0]!;
    const seconds = (performance.now() - first.time) / 1000;
    const speed = seconds === 0 ? 0 : (iteration - first.iteration) / seconds;
    const left = now === first.done ? null : (seconds * (1 - now)) / (now - first.done);
    const total = end === null ? '' : ` / ${formatG(end.length)} ${end.unit}s`;
    const remaining =
      left === null || end === null ? '' : ` Estimated time to finish: ${formatDuration(left)}.`;
    return [
      ...(end === null ? [] : [bar('     total', now, this.#barLength)]),
      bar('this epoch', epochDetail - Math.floor(epochDetail), this.#barLength),
      `${String(iteration).padStart(10)} iter, ${epoch} epoch${total}`,
      `${formatG(speed, 5).padStart(10)} iters/sec.${remaining}`,
    ];
  }

  finalize(): void {
    if (this.#drawnLines > 0) this.#out?.write('\x1b[J');
    this.#drawnLines = 0;
  }
}
