import { checkOptions, type SerialEntry } from '@chaingrad/core';
import type { Extension } from '../extension.ts';
import { FileName } from '../file-name.ts';
import { RunningMeans } from '../running-means.ts';
import { jsonEntry, toJson } from '../state-entries.ts';
import type { Trainer } from '../trainer.ts';
import { getTrigger, type Trigger, type TriggerLike } from '../triggers/trigger.ts';
import { AskedKeys } from './asked-keys.ts';

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
 * are written as strings.
 */
export class LogReport implements Extension {
  readonly defaultName = 'LogReport';
  readonly readsObservation = true;
  readonly #keys: readonly string[] | null;
  readonly #trigger: Trigger;
  readonly #postprocess: ((entry: LogEntry) => void) | undefined;
  readonly #filename: FileName | null;
  readonly #means = new RunningMeans();
  readonly #asked: AskedKeys;
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
    this.#keys = keys;
    this.#asked = new AskedKeys('LogReport', keys ?? []);
    this.#trigger = getTrigger(trigger);
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
    await this.#means.add(trainer.observation, this.#keys);
    if (!(trainer.isBeforeTraining || (await this.#trigger.fires(trainer)))) return;
    const entry: LogEntry = Object.fromEntries(await this.#means.means());
    this.#means.clear();
    entry['epoch'] = trainer.updater.epoch;
    entry['iteration'] = trainer.updater.iteration;
    entry['elapsed_time'] = trainer.elapsedTime;
    this.#asked.see([...trainer.observation.keys(), ...Object.keys(entry)]);
    this.#postprocess?.(entry);
    this.#log.push(entry);
    await this.#write(trainer);
  }

  async #write(trainer: Trainer): Promise<void> {
    if (this.#filename === null) return;
    await trainer.store.write(this.#filename.at(trainer), `${toJson(this.#log, 4)}\n`);
  }

  settle(): Promise<void> {
    return this.#means.settle();
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield* this.#trigger.serialEntries?.(`${prefix}_trigger/`) ?? [];
    yield this.#means.entry(`${prefix}_summary`);
    yield jsonEntry<LogEntry[]>(
      `${prefix}_log`,
      () => this.#log,
      (log) => {
        this.#log = log;
      },
    );
  }

  finalize(): void {
    this.#asked.finish();
    this.#means.clear();
    this.#trigger.finalize?.();
  }
}
