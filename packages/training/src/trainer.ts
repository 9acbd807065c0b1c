import {
  checkOptions,
  defaultRandom,
  InvalidArgumentError,
  type Link,
  type Observation,
  type Random,
  type Reported,
  Reporter,
  type SerialEntry,
  type Serializable,
  UnknownNameError,
  type UpdateRule,
  yieldToEventLoop,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { TrainerStateError } from './errors.ts';
import {
  type ExtendOptions,
  type Extension,
  type ExtensionFunction,
  extendKinds,
  priorities,
} from './extension.ts';
import { readScalar } from './running-means.ts';
import { distinct, jsonEntry, numberEntry, randomEntry } from './state-entries.ts';
import { FileStore } from './stores/file-store.ts';
import type { Store } from './stores/store.ts';
import { getTrigger, type Trigger, type TriggerLike } from './triggers/trigger.ts';
import type { Updater } from './updaters/updater.ts';

export interface TrainerOptions {
  /** Where snapshots, logs and plots go: a folder (Node) or a store. Default 'result'. */
  readonly out?: string | Store;
  readonly extensions?: readonly (Extension | ExtensionFunction)[];
  /** Generators beside the default one that the training draws from, by name: snapshots keep their states. */
  readonly random?: Readonly<Record<string, Random>>;
}

export interface RunOptions {
  /** Ends the training between two iterations; `run` is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

interface Entry {
  readonly name: string;
  readonly extension: Extension;
  readonly trigger: Trigger;
  readonly priority: number;
  readonly callBeforeTraining: boolean;
}

/**
 * The training loop (Chainer's `Trainer`): an update, then every extension whose trigger fires, until the stop trigger does.
 *
 * ```ts
 * const trainer = new Trainer(updater, [20, 'epoch'], { out: 'result' });
 * trainer.extend(new LogReport());
 * trainer.extend(new PrintReport(['epoch', 'main/loss', 'main/accuracy']));
 * trainer.extend(snapshot({ autoload: true }), { trigger: [1, 'epoch'] });
 * await trainer.run();
 * ```
 *
 * The model of each optimizer reports under the optimizer's name: `main/loss`, its links as `main/predictor/...`.
 * Its serial entries are everything that a resumed training needs, random generators included.
 */
export class Trainer implements Serializable {
  readonly updater: Updater;
  readonly stopTrigger: Trigger;
  readonly reporter = new Reporter();
  readonly #random: Readonly<Record<string, Random>>;
  readonly #entries = new Map<string, Entry>();
  readonly #out: string | Store;
  #store: Store | null = null;
  #observation: Observation = new Map();
  /** Extensions that were warned of. */
  readonly #late = new Set<string>();
  #state: 'new' | 'running' | 'done' = 'new';
  #signal: AbortSignal | null = null;
  #startedAt: number | null = null;
  /** Seconds of training before this run, and at its end of all. */
  #elapsedBefore = 0;

  /**
   * @param stopTrigger when to stop: a trigger or `[length, unit]`. With a length, training also stops at once where a
   *   snapshot is at or beyond it.
   */
  constructor(updater: Updater, stopTrigger: TriggerLike = null, options: TrainerOptions = {}) {
    const {
      out = 'result',
      extensions = [],
      random = {},
    } = checkOptions('Trainer', options, { out: 'any', extensions: 'object', random: 'object' });
    this.updater = updater;
    this.stopTrigger = getTrigger(stopTrigger);
    this.#out = out;
    this.#random = random;
    if ('default' in random) {
      throw new InvalidArgumentError('Trainer random', "names other than 'default'", "'default'");
    }
    for (const [name, { target }] of updater.getAllOptimizers()) {
      if (target === null) throw new TrainerStateError(`Trainer: the optimizer '${name}' has no model yet.`);
      this.reporter.addObserver(name, target);
      this.reporter.addObservers(name, target.namedlinks(true));
    }
    for (const extension of extensions) this.extend(extension);
  }

  /** Where the files go. @throws StoreError in a page, where a folder was given. */
  get store(): Store {
    this.#store ??= typeof this.#out === 'string' ? new FileStore(this.#out) : this.#out;
    return this.#store;
  }

  /** The values of the last iteration; its tensors are the trainer's, which frees them before the next one. */
  get observation(): Observation {
    return this.#observation;
  }

  /** What may end the training early; null where there is none. */
  get signal(): AbortSignal | null {
    return this.#signal;
  }

  /** True before the first update. */
  get isBeforeTraining(): boolean {
    return this.updater.iteration === 0;
  }

  /** Seconds of training, those before a resumed snapshot included. */
  get elapsedTime(): number {
    return (
      this.#elapsedBefore + (this.#startedAt === null ? 0 : (performance.now() - this.#startedAt) / 1000)
    );
  }

  /**
   * Registers an extension. A name that is taken gets a suffix: `LogReport_1`.
   * @throws InvalidArgumentError for the name 'training', which is Chainer's own; TrainerStateError once training has begun.
   */
  extend(extension: Extension | ExtensionFunction, options: ExtendOptions = {}): this {
    if (this.#state !== 'new') throw new TrainerStateError('Trainer.extend: the training has begun already.');
    checkOptions('Trainer.extend', options, extendKinds, {
      invokeBeforeTraining: 'callBeforeTraining',
      invoke_before_training: 'callBeforeTraining',
    });
    const isFunction = typeof extension === 'function';
    if (!isFunction && typeof extension?.call !== 'function') {
      throw new InvalidArgumentError(
        'Trainer.extend',
        'a function, or an object with call()',
        typeof extension,
      );
    }
    const object: Extension = isFunction ? { call: extension } : extension;
    const given = options.name ?? (isFunction ? extension.name : (object.name ?? object.defaultName));
    const base = given || 'extension';
    if (base === 'training') {
      throw new InvalidArgumentError('Trainer.extend', "a name other than 'training'", `'${base}'`);
    }
    let name = base;
    for (let i = 1; this.#entries.has(name); i++) name = `${base}_${i}`;
    object.name = name;
    this.#entries.set(name, {
      name,
      extension: object,
      trigger: getTrigger(
        options.trigger ?? (object.trigger === undefined ? [1, 'iteration'] : object.trigger),
      ),
      priority: options.priority ?? object.priority ?? priorities.reader,
      callBeforeTraining: options.callBeforeTraining ?? false,
    });
    return this;
  }

  /** @throws UnknownNameError */
  getExtension(name: string): Extension {
    const entry = this.#entries.get(name);
    if (entry === undefined)
      throw new UnknownNameError('Trainer.getExtension', name, [...this.#entries.keys()]);
    return entry.extension;
  }

  /** The registered extensions in order of execution. */
  extensions(): Extension[] {
    return this.#sorted().map(({ extension }) => extension);
  }

  /**
   * Adds values to the observation, for extensions that have no link to report from. Tensors stay the extension's; a function
   * makes some that are freed afterwards: `trainer.report(() => ({ norm: sqrt(sum(square(w))) }))`.
   */
  report(values: Reported): void {
    this.reporter.scope(this.#observation, () => this.reporter.report(values));
  }

  /**
   * Trains until the stop trigger fires. Between two iterations the event loop has its turn.
   * @throws TrainerStateError when called twice; the signal's reason when aborted; what an update or an extension throws.
   */
  async run(options: RunOptions = {}): Promise<void> {
    const { signal } = checkOptions('Trainer.run', options, { signal: 'object' });
    if (this.#state !== 'new') {
      throw new TrainerStateError(
        'Trainer.run: a trainer runs once. Build a new one, which may resume from a snapshot.',
      );
    }
    this.#state = 'running';
    this.#signal = signal ?? null;
    const entries = this.#sorted();
    const failure = await this.#train(entries).then(
      () => null,
      (error: unknown) => ({ error }),
    );
    const endErrors = await this.#end(entries);
    if (failure !== null) throw failure.error;
    if (endErrors.length > 0) throw endErrors[0];
  }

  async #train(entries: readonly Entry[]): Promise<void> {
    const signal = this.#signal;
    try {
      await this.#begin(entries);
      while (!(await this.#isOver())) {
        if (signal?.aborted) {
          await this.#tell(entries, 'onAbort', ({ extension }) => extension.onAbort?.(this));
          throw signal.reason;
        }
        await this.#iterate(entries);
        await yieldToEventLoop();
      }
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) {
        await this.#tell(entries, 'onError', ({ extension }) => extension.onError?.(this, error));
      }
      throw error;
    }
  }

  async #begin(entries: readonly Entry[]): Promise<void> {
    for (const { extension } of entries) await extension.resume?.(this);
    this.#startedAt = performance.now();
    for (const { extension, trigger } of entries) {
      if (!trigger.finished) await extension.initialize?.(this);
    }
    if (!this.isBeforeTraining) return;
    for (const entry of entries) if (entry.callBeforeTraining) await this.#call(entry);
  }

  async #isOver(): Promise<boolean> {
    const { stopTrigger, updater } = this;
    if (await stopTrigger.fires(this)) return true;
    const end = stopTrigger.trainingLength;
    if (end === undefined) return false;
    return (end.unit === 'epoch' ? updater.epochDetail : updater.iteration) >= end.length;
  }

  async #iterate(entries: readonly Entry[]): Promise<void> {
    this.#observe(new Map());
    await this.updater.update((fn) => this.reporter.scope(this.#observation, fn));
    /** The first extension of this iteration that has read the observation. */
    let reader: Entry | null = null;
    for (const entry of entries) {
      if (!(await entry.trigger.fires(this))) continue;
      const before = reader === null ? null : new Set(this.#observation.keys());
      await this.#call(entry);
      if (before !== null) this.#checkInTime(entry, reader!, before);
      if (entry.extension.readsObservation) reader ??= entry;
    }
  }

  /** Warns, once, of an extension that reports what another one can no longer read: there it would be missing without a word. */
  #checkInTime(entry: Entry, reader: Entry, before: ReadonlySet<string>): void {
    const late = [...this.#observation.keys()].filter((key) => !before.has(key));
    if (late.length === 0 || this.#late.has(entry.name)) return;
    this.#late.add(entry.name);
    const keys = late.map((key) => `'${key}'`).join(', ');
    console.warn(
      `The extension '${entry.name}' reports ${keys} after '${reader.name}' has read the values of the iteration, where they are ` +
        `missing. Let it come before: trainer.extend(${entry.name}, { priority: priorities.writer }).`,
    );
  }

  /** What an extension reports before its first await goes into the observation; later it must use `trainer.report`. */
  #call({ extension }: Entry): void | Promise<void> {
    return this.reporter.scope(this.#observation, () => extension.call(this));
  }

  /** Calls all, and prints what they throw: one must not keep the others from their turn. */
  async #tell(
    entries: readonly Entry[],
    what: string,
    call: (entry: Entry) => void | Promise<void>,
  ): Promise<unknown[]> {
    const errors: unknown[] = [];
    for (const entry of entries) {
      try {
        await call(entry);
      } catch (error) {
        errors.push(error);
        console.error(`${what} of the extension '${entry.name}' failed:`, error);
      }
    }
    return errors;
  }

  async #end(entries: readonly Entry[]): Promise<unknown[]> {
    const errors = await this.#tell(entries, 'finalize', async ({ extension, trigger }) => {
      trigger.finalize?.();
      await extension.finalize?.(this);
    });
    this.stopTrigger.finalize?.();
    try {
      await this.updater.finalize();
    } catch (error) {
      errors.push(error);
      console.error('finalize of the updater failed:', error);
    }
    this.#observe(new Map());
    this.#elapsedBefore = this.elapsedTime;
    this.#startedAt = null;
    this.#state = 'done';
    return errors;
  }

  #observe(observation: Observation): void {
    for (const value of this.#observation.values()) if (value instanceof tf.Tensor) value.dispose();
    this.#observation = observation;
  }

  #sorted(): Entry[] {
    return [...this.#entries.values()].sort((a, b) => b.priority - a.priority);
  }

  /** Reads everything that is still on the device, so that `serialEntries` is complete. Call it before saving. */
  async settle(): Promise<void> {
    for (const [key, value] of this.#observation) {
      if (value instanceof tf.Tensor && value.size === 1) {
        this.#observation.set(key, await readScalar(value));
        value.dispose();
      }
    }
    await this.stopTrigger.settle?.();
    for (const { extension, trigger } of this.#entries.values()) {
      await trigger.settle?.();
      await extension.settle?.();
    }
  }

  /**
   * Chainer's keys: `updater/...`, `stop_trigger/...`, `extensions/<name>/...`, `extension_triggers/<name>/...`,
   * `_snapshot_elapsed_time`. Chainer's snapshots lack the rest: `random/...`, `hyperparameters/...` (what schedules or
   * programs have set by hand), and `observation`, which a stop trigger looks at after the snapshot was taken.
   */
  *serialEntries(prefix = ''): Generator<SerialEntry> {
    yield* this.updater.serialEntries(`${prefix}updater/`);
    yield* this.stopTrigger.serialEntries?.(`${prefix}stop_trigger/`) ?? [];
    for (const { name, extension, trigger } of this.#entries.values()) {
      yield* extension.serialEntries?.(`${prefix}extensions/${name}/`) ?? [];
      yield* trigger.serialEntries?.(`${prefix}extension_triggers/${name}/`) ?? [];
    }
    yield numberEntry(
      `${prefix}_snapshot_elapsed_time`,
      () => this.elapsedTime,
      (seconds) => {
        this.#elapsedBefore = seconds;
      },
    );
    yield jsonEntry<Record<string, number>>(
      `${prefix}observation`,
      () => Object.fromEntries([...this.#observation].filter(isNumber)),
      (values) => this.#observe(new Map(Object.entries(values))),
    );
    yield randomEntry(`${prefix}random/default`, defaultRandom);
    for (const [name, rng] of Object.entries(this.#random)) {
      yield randomEntry(`${prefix}random/${name}`, () => rng);
    }
    for (const [name, { hyperparam, target }] of distinct(this.updater.getAllOptimizers())) {
      yield* hyperparameterEntries(`${prefix}hyperparameters/optimizer:${name}/`, hyperparam);
      yield settingsEntry(`${prefix}hyperparameters/optimizer:${name}/configured`, target!);
    }
  }
}

const isNumber = (entry: [string, number | tf.Tensor]): entry is [string, number] =>
  typeof entry[1] === 'number';

function* hyperparameterEntries(
  prefix: string,
  hyperparam: Record<string, number | boolean>,
): Generator<SerialEntry> {
  for (const name of Object.keys(hyperparam)) {
    yield {
      key: prefix + name,
      kind: 'state',
      shape: [],
      read: () => hyperparam[name]!,
      write: (value) => {
        if (typeof value !== typeof hyperparam[name]) {
          throw new InvalidArgumentError(prefix + name, `a ${typeof hyperparam[name]}`, value);
        }
        hyperparam[name] = value as number | boolean;
      },
    };
  }
}

type Settings = UpdateRule['settings'];

/** What `optimizer.configure` has set for single parameters, by their paths. */
const settingsEntry = (key: string, target: Link): SerialEntry =>
  jsonEntry<Record<string, Settings>>(
    key,
    () =>
      Object.fromEntries(
        [...target.namedparams()].flatMap(([path, { updateRule }]) => {
          const settings = updateRule?.settings ?? {};
          return Object.keys(settings).length === 0 ? [] : [[path, settings] as const];
        }),
      ),
    (byPath) => {
      for (const [path, { updateRule }] of target.namedparams()) {
        if (updateRule !== null) updateRule.settings = byPath[path] ?? {};
      }
    },
  );
