import {
  checkOptions,
  InvalidArgumentError,
  type Link,
  type LossFunction,
  Optimizer,
  OptimizerNotSetUpError,
  report,
  type SerialEntry,
  UnknownNameError,
  valueText,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Converter, concatExamples, type Inputs } from '../convert.ts';
import type { BatchIterator } from '../iterators/batch-iterator.ts';
import { distinct, integerEntry } from '../state-entries.ts';
import type { ReportScope, Updater } from './updater.ts';

/** How many updates may be on their way to the device before the oldest is waited for. */
const maxInFlight = 2;

export interface StandardUpdaterOptions<E> {
  /** Makes tensors of a batch. Default `concatExamples`. They are freed after the update. */
  readonly converter?: Converter<E>;
  /** Gives the loss, from the tensors as arguments. Default the optimizer's model. */
  readonly lossFunc?: LossFunction<never[]>;
  /**
   * How many batches make one update: their gradients are added up, weighted by the numbers of examples, so that memory is
   * needed for one of them at a time and the step is that of all (batch normalization takes the statistics of each). For losses
   * that are means over examples. Default 1.
   */
  readonly accumulate?: number;
  /** Counts the optimizers' epochs. Default true. */
  readonly autoNewEpoch?: boolean;
}

type Named<T> = T | Readonly<Record<string, T>>;

/**
 * One batch, one update (Chainer's `StandardUpdater`). Override `updateCore` for steps of another kind.
 *
 * ```ts
 * const optimizer = new MomentumSGD({ lr: 0.01 }).setup(new Classifier(net));
 * const updater = new StandardUpdater(new SerialIterator(dataset, 32), optimizer);
 * ```
 */
export class StandardUpdater<E = unknown> implements Updater {
  iteration = 0;
  readonly converter: Converter<E>;
  readonly lossFunc: LossFunction<never[]> | null;
  readonly autoNewEpoch: boolean;
  readonly accumulate: number;
  /** Of an update of several batches: where the first began, and whether one of them ended an epoch. */
  #span: { readonly previousEpochDetail: number | null; readonly isNewEpoch: boolean } | null = null;
  readonly #iterators: ReadonlyMap<string, BatchIterator<E>>;
  readonly #optimizers: ReadonlyMap<string, Optimizer>;
  #inFlight: Promise<unknown>[] = [];

  /**
   * @param iterator gives the batches; several by name, of which 'main' counts the epochs.
   * @param optimizer set up with its model; several by name, of which `updateCore` updates 'main'. A class with an `updateCore`
   *   of its own names them as it likes: `{ gen, dis }`.
   * @throws InvalidArgumentError without a 'main' that is needed; OptimizerNotSetUpError.
   */
  constructor(
    iterator: Named<BatchIterator<E>>,
    optimizer: Named<Optimizer>,
    options: StandardUpdaterOptions<E> = {},
  ) {
    const {
      converter,
      lossFunc = null,
      autoNewEpoch = true,
      accumulate = 1,
    } = checkOptions('StandardUpdater', options, {
      converter: 'function',
      lossFunc: 'function',
      autoNewEpoch: 'boolean',
      accumulate: 'number',
    });
    if (!Number.isInteger(accumulate) || accumulate < 1) {
      throw new InvalidArgumentError('StandardUpdater accumulate', 'an integer of 1 or more', accumulate);
    }
    this.accumulate = accumulate;
    const isIterator = (value: object): value is BatchIterator<E> =>
      'next' in value && typeof value.next === 'function';
    const ownCore = this.updateCore !== StandardUpdater.prototype.updateCore;
    this.#iterators = byName('iterator', iterator, isIterator);
    this.#optimizers = byName('optimizer', optimizer, (value) => value instanceof Optimizer, ownCore);
    for (const [name, each] of this.#optimizers) {
      if (each.target === null) throw new OptimizerNotSetUpError(`StandardUpdater, optimizer '${name}'`);
      each.useAutoNewEpoch = autoNewEpoch;
    }
    this.converter = converter ?? ((batch) => concatExamples(batch));
    this.lossFunc = lossFunc;
    this.autoNewEpoch = autoNewEpoch;
  }

  get epoch(): number {
    return this.getIterator('main').epoch;
  }

  get epochDetail(): number {
    return this.getIterator('main').epochDetail;
  }

  get previousEpochDetail(): number | null {
    return this.#span === null
      ? this.getIterator('main').previousEpochDetail
      : this.#span.previousEpochDetail;
  }

  get isNewEpoch(): boolean {
    return this.#span?.isNewEpoch ?? this.getIterator('main').isNewEpoch;
  }

  /** @throws UnknownNameError */
  getIterator(name: string): BatchIterator<E> {
    return named('StandardUpdater.getIterator', this.#iterators, name);
  }

  /** @throws UnknownNameError */
  getOptimizer(name: string): Optimizer {
    return named('StandardUpdater.getOptimizer', this.#optimizers, name);
  }

  getAllOptimizers(): ReadonlyMap<string, Optimizer> {
    return this.#optimizers;
  }

  /** @throws InvalidArgumentError when the iterator has no more batches; whatever the model throws. */
  async update(scope: ReportScope = (fn) => fn()): Promise<void> {
    await this.updateCore(scope);
    this.iteration += 1;
    if (this.autoNewEpoch && this.isNewEpoch) {
      for (const optimizer of new Set(this.#optimizers.values())) optimizer.newEpoch(true);
    }
    await this.#keepPace();
  }

  /** Takes a batch of 'main', or as many as `accumulate` says, and updates the optimizer 'main' with it. */
  protected async updateCore(scope: ReportScope): Promise<void> {
    const optimizer = this.getOptimizer('main');
    const lossFunc = this.lossFunc ?? (optimizer.target as Link & { forward(...args: never[]): tf.Tensor });
    const batches = await this.#nextBatches();
    const count = batches.reduce((n, batch) => n + batch.length, 0);
    /** The mean loss of the parts so far. */
    let mean: tf.Tensor | null = null;
    try {
      for (const batch of batches) {
        const inputs = await this.converter(batch);
        try {
          const args = [...argumentsOf(inputs)] as never[];
          if (batches.length === 1) this.#watch(scope(() => optimizer.update(lossFunc, ...args)));
          else {
            const weight = batch.length / count;
            const before: tf.Tensor | null = mean;
            mean = tf.keep(
              tf.tidy(() => {
                const part = tf.mul(
                  scope(() => optimizer.accumulate(lossFunc, args, weight)),
                  weight,
                );
                return before === null ? part : tf.add(before, part);
              }),
            );
            before?.dispose();
          }
        } finally {
          tf.dispose(inputs);
        }
      }
      if (mean === null) return;
      // The parts have reported theirs, of which the last one stands.
      const loss = mean;
      if (this.lossFunc === null) scope(() => report({ loss }, optimizer.target!));
      optimizer.update();
      this.#watch(loss);
    } finally {
      mean?.dispose();
    }
  }

  async #nextBatches(): Promise<E[][]> {
    const iterator = this.getIterator('main');
    const batches: E[][] = [];
    let isNewEpoch = false;
    let previousEpochDetail: number | null = null;
    while (batches.length < this.accumulate) {
      const { done, value } = await iterator.next();
      if (done) {
        throw new InvalidArgumentError(
          'StandardUpdater.update',
          'another batch',
          'the end of the iterator',
          'Build it with repeat: true.',
        );
      }
      if (batches.length === 0) previousEpochDetail = iterator.previousEpochDetail;
      isNewEpoch ||= iterator.isNewEpoch;
      batches.push(value);
    }
    this.#span = this.accumulate === 1 ? null : { previousEpochDetail, isNewEpoch };
    return batches;
  }

  /** Notes when the device has finished this update. */
  #watch(loss: tf.Tensor): void {
    const held = tf.keep(tf.clone(loss));
    const finished = held.data().finally(() => held.dispose());
    // A failure is thrown where it is awaited.
    finished.catch(() => {});
    this.#inFlight.push(finished);
  }

  /** On a GPU updates are only queued: without a wait the queue, and the memory that it holds, would grow. */
  async #keepPace(): Promise<void> {
    while (this.#inFlight.length > maxInFlight) await this.#inFlight.shift();
  }

  /**
   * Chainer's keys: `iterator:main/...`, `optimizer:main/...`, `model:main/...`, `iteration`. What has several names is stored
   * under the first.
   */
  *serialEntries(prefix = ''): Generator<SerialEntry> {
    for (const [name, iterator] of distinct(this.#iterators))
      yield* iterator.serialEntries(`${prefix}iterator:${name}/`);
    const optimizers = distinct(this.#optimizers);
    for (const [name, optimizer] of optimizers) yield* optimizer.serialEntries(`${prefix}optimizer:${name}/`);
    const models = new Map([...optimizers].map(([name, { target }]) => [name, target!]));
    for (const [name, model] of distinct(models)) yield* model.serialEntries(`${prefix}model:${name}/`);
    yield integerEntry(
      `${prefix}iteration`,
      () => this.iteration,
      (iteration) => {
        this.iteration = iteration;
      },
    );
  }

  /** Waits for the updates on their way and ends the iterators. */
  async finalize(): Promise<void> {
    await Promise.allSettled(this.#inFlight.splice(0));
    for (const iterator of this.#iterators.values()) await iterator.finalize();
  }
}

/** The arguments that a model or loss function is called with. */
export const argumentsOf = (inputs: Inputs): readonly unknown[] =>
  Array.isArray(inputs) ? inputs : [inputs];

function byName<T extends object>(
  what: string,
  given: Named<T>,
  isOne: (value: object) => boolean,
  anyNames = false,
): ReadonlyMap<string, T> {
  if (isOne(given)) return new Map([['main', given as T]]);
  const entries = new Map(Object.entries(given as Readonly<Record<string, T>>));
  const strange = [...entries].find(([, each]) => typeof each !== 'object' || each === null || !isOne(each));
  if (entries.size === 0 || strange !== undefined || !(anyNames || entries.has('main'))) {
    throw new InvalidArgumentError(
      `StandardUpdater ${what}`,
      `one ${what}, or several by name${anyNames ? '' : " with 'main'"}`,
      strange === undefined
        ? [...entries.keys()].join(', ') || 'none'
        : `${strange[0]}: ${valueText(strange[1])}`,
      what === 'optimizer' && !anyNames ? "A class with an updateCore() of its own needs no 'main'." : '',
    );
  }
  return entries;
}

function named<T>(where: string, map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new UnknownNameError(where, name, [...map.keys()]);
  return value;
}
