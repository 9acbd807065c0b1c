import { checkOptions, InvalidArgumentError, type Link, type SerialEntry } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Extension, priorities } from '../extension.ts';
import { integerEntry } from '../state-entries.ts';

export interface ExponentialMovingAverageOptions {
  /** How much of the average stays at each call. Default 0.999. */
  readonly decay?: number;
  /** Let the decay rise as (1 + t) / (10 + t) in the first calls, so that the first values are soon forgotten. Default true. */
  readonly warmup?: boolean;
}

/**
 * Keeps a second model of moving averages of the parameters and running statistics, which often predicts better than the model
 * that learns (Polyak and Juditsky, 1992). Snapshots keep it. It takes the memory of one more model.
 *
 * ```ts
 * const ema = new ExponentialMovingAverage(model, { decay: 0.999 });
 * trainer.extend(ema);
 * trainer.extend(new Evaluator(iterator, ema.model));
 * trainer.extend(snapshotBest(ema.model, 'validation/main/loss'));
 * ```
 *
 * Dispose `ema.model` when it is no longer needed.
 */
export class ExponentialMovingAverage<L extends Link> implements Extension {
  readonly defaultName = 'ExponentialMovingAverage';
  /** Before what evaluates. */
  readonly priority = priorities.writer + 1;
  /** The averages: a copy of the link, frozen. */
  readonly model: L;
  readonly decay: number;
  readonly warmup: boolean;
  readonly #link: L;
  #t = 0;

  /** @param link the model that learns, e.g. `optimizer.target`. @throws InvalidArgumentError unless decay is in 0..1. */
  constructor(link: L, options: ExponentialMovingAverageOptions = {}) {
    const { decay = 0.999, warmup = true } = checkOptions('ExponentialMovingAverage', options, {
      decay: 'number',
      warmup: 'boolean',
    });
    if (!(decay >= 0 && decay < 1))
      throw new InvalidArgumentError(
        'ExponentialMovingAverage decay',
        'a number of 0 or more, below 1',
        decay,
      );
    this.decay = decay;
    this.warmup = warmup;
    this.#link = link;
    this.model = link.copy('copy').disableUpdate();
  }

  call(): void {
    const decay = this.warmup ? Math.min(this.decay, (1 + this.#t) / (10 + this.#t)) : this.decay;
    const mix = (average: tf.Tensor | null, now: tf.Tensor) =>
      average === null ? now : tf.add(tf.mul(average, decay), tf.mul(now, 1 - decay));
    this.#t += 1;
    const params = new Map(this.model.namedparams());
    const seen = new Set<object>();
    for (const [path, param] of this.#link.namedparams(false)) {
      const average = params.get(path);
      // One that is held under two names is averaged once.
      if (average === undefined || seen.has(average)) continue;
      seen.add(average);
      tf.tidy(() => average.assign(mix(average.array, param.tensor)));
    }
    const persistents = new Map(this.model.namedpersistents());
    for (const [path, { value }] of this.#link.namedpersistents()) {
      const average = persistents.get(path);
      if (average === undefined || seen.has(average)) continue;
      seen.add(average);
      const old = average.value;
      tf.tidy(() => {
        average.value =
          value instanceof tf.Tensor ? mix(old instanceof tf.Tensor ? old : null, value) : value;
      });
    }
  }

  *serialEntries(prefix: string): Generator<SerialEntry> {
    yield integerEntry(
      `${prefix}t`,
      () => this.#t,
      (t) => {
        this.#t = t;
      },
    );
    yield* this.model.serialEntries(`${prefix}model/`);
  }
}
