import {
  checkOptions,
  type Displayable,
  htmlTable,
  jupyterDisplay,
  type MediaBundle,
  type SerialEntry,
} from '@chaingrad/core';
import type { Extension } from '../extension.ts';
import { FileName } from '../file-name.ts';
import { jsonEntry, toJson } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';
import type { TriggerLike } from '../triggers/trigger.ts';
import { IntervalMeans } from './interval-means.ts';

/** Means of the reported values over an interval, with `epoch`, `iteration` and `elapsed_time` (seconds). */
export type LogEntry = Record<string, number>;

export interface LogReportOptions {
  /** The values to log. Default all. */
  readonly keys?: readonly string[];
  /** How often an entry is made. Default every epoch. */
  readonly trigger?: TriggerLike;
  /** Changes an entry before it is kept. */
  readonly postprocess?: (entry: LogEntry) => void;
  /** The file, which holds all entries; `{iteration}` and `{epoch}` are filled in. Null writes none. Default 'log'. */
  readonly filename?: string | null;
}

/**
 * Collects the reported values of every iteration and makes an entry of their means at each interval (Chainer's
 * `LogReport`). The file is JSON: a list of entries; it is replaced as a whole. NaN and infinities, which JSON does not have,
 * are written as strings. Notebooks show the entries as a table.
 */
export class LogReport implements Extension, Displayable {
  readonly defaultName = 'LogReport';
  readonly readsObservation = true;
  readonly #means: IntervalMeans;
  readonly #postprocess: ((entry: LogEntry) => void) | undefined;
  readonly #filename: FileName | null;
  #log: LogEntry[] = [];

  /** @throws UnknownOptionError */
  constructor(options: LogReportOptions = {}) {
    const {
      keys = null,
      trigger = [1, 'epoch'],
      postprocess,
      filename = 'log',
    } = checkOptions(
      'LogReport',
      options,
      { keys: 'object', trigger: 'any', postprocess: 'function', filename: 'string | null' },
      { logName: 'filename', log_name: 'filename' },
    );
    this.#means = new IntervalMeans('LogReport', keys, trigger);
    this.#postprocess = postprocess;
    this.#filename = filename === null ? null : new FileName('LogReport', filename);
  }

  /** The entries so far. */
  get log(): readonly LogEntry[] {
    return this.#log;
  }

  /** After a resume: the file may hold entries from behind the snapshot, which will be made again. */
  async initialize(trainer: Trainer): Promise<void> {
    if (this.#log.length > 0) await this.#write(trainer);
  }

  async call(trainer: Trainer): Promise<void> {
    const added = {
      epoch: trainer.updater.epoch,
      iteration: trainer.updater.iteration,
      elapsed_time: trainer.elapsedTime,
    };
    const means = await this.#means.next(trainer, Object.keys(added));
    if (means === null) return;
    const entry: LogEntry = { ...Object.fromEntries(means), ...added };
    this.#postprocess?.(entry);
    this.#log.push(entry);
    await this.#write(trainer);
  }

  async #write(trainer: Trainer): Promise<void> {
    if (this.#filename === null) return;
    await trainer.store.write(this.#filename.at(trainer), `${toJson(this.#log, 4)}\n`);
  }

  /** The entries so far as a table: a row each. */
  toHTML(): string {
    const keys = [...new Set(this.#log.flatMap(Object.keys))];
    return htmlTable([keys, ...this.#log.map((entry) => keys.map((key) => entry[key] ?? ''))]);
  }

  [jupyterDisplay](): MediaBundle {
    return { 'text/plain': toJson(this.#log, 2), 'text/html': this.toHTML() };
  }

  settle(): Promise<void> {
    return this.#means.settle();
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield* this.#means.serialEntries(prefix);
    yield jsonEntry<LogEntry[]>(
      `${prefix}_log`,
      () => this.#log,
      (log) => {
        this.#log = log;
      },
    );
  }

  finalize(): void {
    this.#means.finalize();
  }
}
