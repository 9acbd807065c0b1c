import {
  checkOptions,
  InvalidArgumentError,
  Link,
  type Observation,
  Reporter,
  yieldToEventLoop,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Converter, concatExamples } from '../convert.ts';
import { type Extension, priorities } from '../extension.ts';
import type { BatchIterator } from '../iterators/batch-iterator.ts';
import { RunningMeans } from '../running-means.ts';
import type { Trainer } from '../trainer.ts';
import type { TriggerLike } from '../triggers/trigger.ts';
import { argumentsOf } from '../updaters/standard-updater.ts';

export interface EvaluatorOptions<E> {
  /** Makes tensors of a batch; they are freed after it. Default `concatExamples`. */
  readonly converter?: Converter<E>;
  /** Evaluates a batch, synchronously; what it and the target report counts. Default calls the target. */
  readonly evalFunc?: (...args: never[]) => unknown;
}

/**
 * Evaluates a model on a validation set and reports means over the batches (Chainer's `Evaluator`): `validation/main/loss`.
 * As in Chainer a short last batch counts as much as the others. Dropout and batch normalization are in their test mode.
 *
 * Override `evaluate` for another evaluation.
 */
export class Evaluator<E = unknown> implements Extension {
  readonly defaultName: string = 'validation';
  readonly trigger: TriggerLike = [1, 'epoch'];
  readonly priority: number = priorities.writer;
  name?: string;

  readonly iterator: BatchIterator<E>;
  readonly converter: Converter<E>;
  readonly evalFunc: ((...args: never[]) => unknown) | null;
  readonly #targets: ReadonlyMap<string, Link>;

  /**
   * @param iterator goes over the validation set once: `repeat: false`.
   * @param target the model, which reports when it is called; several by name, of which 'main' is called.
   * @throws InvalidArgumentError for a repeating iterator, or without 'main'.
   */
  constructor(
    iterator: BatchIterator<E>,
    target: Link | Readonly<Record<string, Link>>,
    options: EvaluatorOptions<E> = {},
  ) {
    const { converter, evalFunc } = checkOptions('Evaluator', options, {
      converter: 'function',
      evalFunc: 'function',
    });
    if (iterator.repeat) {
      throw new InvalidArgumentError(
        'Evaluator iterator',
        'one that ends',
        'one that repeats',
        'Build it with repeat: false.',
      );
    }
    this.iterator = iterator;
    this.#targets = new Map(target instanceof Link ? [['main', target]] : Object.entries(target));
    if (!this.#targets.has('main')) {
      const got = [...this.#targets.keys()].join(', ') || 'none';
      throw new InvalidArgumentError('Evaluator target', "a link, or several by name with 'main'", got);
    }
    this.converter = converter ?? ((batch) => concatExamples(batch));
    this.evalFunc = evalFunc ?? null;
  }

  /** The model that is evaluated. @throws InvalidArgumentError when there is none of that name. */
  getTarget(name = 'main'): Link {
    const target = this.#targets.get(name);
    if (target === undefined) throw new InvalidArgumentError('Evaluator target', 'a name of a target', name);
    return target;
  }

  async call(trainer: Trainer): Promise<void> {
    trainer.report(await this.evaluate(trainer.signal));
  }

  /** A reporter that knows the targets and their links, under this extension's name. */
  protected makeReporter(): Reporter {
    const reporter = new Reporter();
    const prefix = this.name === undefined ? '' : `${this.name}/`;
    for (const [name, target] of this.#targets) {
      reporter.addObserver(prefix + name, target);
      reporter.addObservers(prefix + name, target.namedlinks(true));
    }
    return reporter;
  }

  /**
   * One sweep over the iterator; also without a trainer.
   * @returns the mean of every reported value, by name.
   * @throws the signal's reason when aborted; whatever the model throws.
   */
  async evaluate(signal: AbortSignal | null = null): Promise<Record<string, number>> {
    const reporter = this.makeReporter();
    const means = new RunningMeans();
    const target = this.getTarget();
    const evaluateBatch = this.evalFunc ?? ((...args: never[]) => target.call(...args));
    this.iterator.reset();
    try {
      for await (const batch of this.iterator) {
        signal?.throwIfAborted();
        const inputs = await this.converter(batch);
        const observation: Observation = new Map();
        try {
          target.evaluating(() => {
            reporter.scope(observation, () => {
              const result = evaluateBatch(...(argumentsOf(inputs) as never[]));
              if (result instanceof Promise) throw asyncEvalFunc(result);
            });
          });
          await means.add(observation);
        } finally {
          tf.dispose(inputs);
          for (const value of observation.values()) if (value instanceof tf.Tensor) value.dispose();
        }
        await yieldToEventLoop();
      }
      return Object.fromEntries(await means.means());
    } finally {
      means.clear();
    }
  }

  async finalize(): Promise<void> {
    await this.iterator.finalize();
  }
}

function asyncEvalFunc(result: Promise<unknown>): InvalidArgumentError {
  result.catch(() => {});
  const advice = 'What it reports after an await is lost: override evaluate() for an evaluation that waits.';
  return new InvalidArgumentError('Evaluator evalFunc', 'a synchronous function', 'a promise', advice);
}
