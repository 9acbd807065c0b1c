/** Files that hold a training, or a model of it, at a moment. */
import {
  checkOptions,
  FormatError,
  InvalidArgumentError,
  type NameFilter,
  type OptionKinds,
  type OtherNames,
  type Serializable,
} from '@chaingrad/core';
import { serialize } from '@chaingrad/weights';
import { StoreError } from '../errors.ts';
import { type Extension, priorities } from '../extension.ts';
import { FileName } from '../file-name.ts';
import { loadSnapshot, type ResumeReport } from '../load-snapshot.ts';
import type { Trainer } from '../trainer.ts';
import { MaxValueTrigger, MinValueTrigger } from '../triggers/best-value-trigger.ts';
import type { TriggerLike } from '../triggers/trigger.ts';

export interface SnapshotObjectOptions {
  /** How many files are kept, those of the highest iterations; older files of this name are deleted. Default all. */
  readonly nRetains?: number | null;
}

export interface SnapshotOptions extends SnapshotObjectOptions {
  /** With `{iteration}` or `{epoch}` in it. Default 'snapshot_iter_{iteration}'. */
  readonly filename?: string;
  /** Go on from the snapshot of the highest iteration in the trainer's store, where there is one. Default false. */
  readonly autoload?: boolean;
  /** Names in the snapshot that autoload leaves alone. */
  readonly ignore?: NameFilter;
  /** Write one when an iteration fails, as the state then is, unless there is one of this iteration. Default false. */
  readonly onError?: boolean;
  /** Write one when training is aborted. Default false. */
  readonly onAbort?: boolean;
  /** Told from where training goes on. Default the console. */
  readonly log?: (message: string) => void;
}

const retainKinds: OptionKinds<SnapshotObjectOptions> = { nRetains: 'number | null' };

const snapshotKinds: OptionKinds<SnapshotOptions> = {
  ...retainKinds,
  filename: 'string',
  autoload: 'boolean',
  ignore: 'any',
  onError: 'boolean',
  onAbort: 'boolean',
  log: 'function',
};

/** Chainer's. */
const otherSnapshotNames: OtherNames = {
  numRetain: 'nRetains',
  num_retain: 'nRetains',
  snapshotOnError: 'onError',
  snapshot_on_error: 'onError',
  resume: 'autoload',
};

function checkRetains(nRetains: number | null): void {
  if (nRetains !== null && !(Number.isInteger(nRetains) && nRetains >= 1)) {
    throw new InvalidArgumentError('snapshot nRetains', 'an integer of 1 or more, or null', nRetains);
  }
}

/** Files of one naming in the trainer's store. */
class FileSeries {
  constructor(
    readonly name: FileName,
    readonly nRetains: number | null,
  ) {
    checkRetains(nRetains);
  }

  /** Writes the present state of `target`; what is then too old is deleted. */
  async write(trainer: Trainer, target: Serializable): Promise<void> {
    const name = this.name.at(trainer);
    // Weights hardly shrink when they are deflated, and it takes longer than the writing.
    await trainer.store.write(name, await serialize(target, { compression: false }));
    if (this.nRetains === null) return;
    const own = this.name.match(name)![0] ?? 0;
    const others = (await this.#files(trainer)).filter((other) => other.name !== name);
    // Those of later iterations are of a training before: this one has begun anew in their place.
    const kept = others.filter(({ number }) => number <= own);
    const old = [...kept, ...others.filter(({ number }) => number > own)].slice(this.nRetains - 1);
    for (const file of old) await trainer.store.remove(file.name);
  }

  /**
   * The names of the files that are there, the one of the highest iteration (or epoch) first: times of files change when they
   * are copied, and clocks are set back.
   */
  async newest(trainer: Trainer): Promise<string[]> {
    return (await this.#files(trainer)).map(({ name }) => name);
  }

  async #files(trainer: Trainer): Promise<{ name: string; number: number }[]> {
    const files = (await trainer.store.list()).flatMap(({ name }) => {
      const numbers = this.name.match(name);
      return numbers === null ? [] : [{ name, number: numbers[0] ?? 0 }];
    });
    return files.sort((a, b) => b.number - a.number);
  }
}

/** What `snapshot` makes. */
export class Snapshot implements Extension {
  readonly defaultName = 'snapshot';
  readonly trigger: TriggerLike = [1, 'epoch'];
  readonly priority = priorities.snapshot;
  readonly #files: FileSeries;
  readonly #options: SnapshotOptions;
  #resumed: ResumeReport | null = null;

  constructor(options: SnapshotOptions = {}) {
    checkOptions('snapshot', options, snapshotKinds, otherSnapshotNames);
    const { filename = 'snapshot_iter_{iteration}', nRetains = null } = options;
    this.#files = new FileSeries(new FileName('snapshot', filename), nRetains);
    this.#options = options;
  }

  /** From where training went on; null where it began anew. */
  get resumed(): ResumeReport | null {
    return this.#resumed;
  }

  /**
   * Loads the whole snapshot of the highest iteration. A damaged one is passed over, with a warning, where an older one is whole.
   * @throws StoreError when there are snapshots and none is whole: training anew would write over what was learnt.
   */
  async resume(trainer: Trainer): Promise<void> {
    const { autoload = false, ignore = [], log = console.info } = this.#options;
    if (!autoload) return;
    const { store } = trainer;
    await store.removeLeftovers?.();
    const names = await this.#files.newest(trainer);
    const damages: FormatError[] = [];
    for (const name of names) {
      const file = new File([await store.read(name)], `${store.location}/${name}`);
      try {
        this.#resumed = await loadSnapshot(file, trainer, { ignore });
        for (const damage of damages) {
          console.warn(`The snapshot is damaged and not used: ${damage.message}`);
        }
        log(this.#resumed.summary());
        return;
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
        damages.push(error);
      }
    }
    const [newest] = damages;
    if (newest !== undefined) {
      throw new StoreError(
        store.location,
        names[0]!,
        `no snapshot is whole, a whole one was expected to go on from: ${newest.message} ` +
          'Put a copy in its place; or move it away, with what else the training has written, to begin anew.',
        newest,
      );
    }
    log(`No snapshot in ${store.location}: training begins anew.`);
  }

  async call(trainer: Trainer): Promise<void> {
    await trainer.settle();
    await this.#files.write(trainer, trainer);
  }

  async onError(trainer: Trainer): Promise<void> {
    if (!this.#options.onError) return;
    const name = this.#files.name.at(trainer);
    const files = await trainer.store.list();
    // The one of the regular trigger is of a whole iteration.
    if (!files.some((file) => file.name === name)) await this.call(trainer);
  }

  async onAbort(trainer: Trainer): Promise<void> {
    if (this.#options.onAbort) await this.call(trainer);
  }
}

/**
 * Writes the whole state of the training, from which it can go on exactly (Chainer's `snapshot`). Each file appears whole or
 * not at all, whatever happens to the process meanwhile. Default once an epoch, after all other extensions.
 *
 * ```ts
 * trainer.extend(snapshot({ nRetains: 2, autoload: true }), { trigger: [1000, 'iteration'] });
 * ```
 * @throws InvalidArgumentError
 */
export const snapshot = (options: SnapshotOptions = {}): Snapshot => new Snapshot(options);

/**
 * Writes a model, or anything serializable, as an npz file (Chainer's `snapshot_object`). Default once an epoch.
 * @param filename with `{iteration}` or `{epoch}` in it; without, the file is replaced each time.
 * @throws InvalidArgumentError
 */
export function snapshotObject(
  target: Serializable,
  filename: string,
  options: SnapshotObjectOptions = {},
): Extension {
  const { nRetains = null } = checkOptions('snapshotObject', options, retainKinds, otherSnapshotNames);
  const files = new FileSeries(new FileName('snapshotObject', filename), nRetains);
  return {
    defaultName: 'snapshotObject',
    trigger: [1, 'epoch'],
    priority: priorities.snapshot,
    call: (trainer) => files.write(trainer, target),
  };
}

export interface SnapshotBestOptions {
  /** What is better. Default 'max' where the key contains 'accuracy' or 'map', else 'min'. */
  readonly mode?: 'max' | 'min';
  /** How often the value is looked at. Default every epoch. */
  readonly interval?: TriggerLike;
  /** Default 'best_model'. */
  readonly filename?: string;
}

/**
 * Writes a model each time a reported value is the best so far: the file holds the best model of the training.
 * @param key the value, e.g. 'validation/main/accuracy'.
 */
export function snapshotBest(
  target: Serializable,
  key: string,
  options: SnapshotBestOptions = {},
): Extension {
  const {
    mode,
    interval = [1, 'epoch'],
    filename = 'best_model',
  } = checkOptions(
    'snapshotBest',
    options,
    { mode: ['max', 'min'], interval: 'any', filename: 'string' },
    { trigger: 'interval' },
  );
  const upwards = mode === undefined ? /accuracy|\bmap\b/.test(key) : mode === 'max';
  return {
    ...snapshotObject(target, filename),
    defaultName: 'snapshotBest',
    trigger: upwards ? new MaxValueTrigger(key, interval) : new MinValueTrigger(key, interval),
  };
}
