import { checkOptions, InvalidArgumentError, UnknownNameError } from '@chaingrad/core';
import type { Extension } from '../extension.ts';
import type { Trainer } from '../trainer.ts';

export interface RateScheduleOptions {
  /** The hyperparameter. Default 'lr'; Adam's is 'alpha'. */
  readonly attr?: string;
  /** The optimizer's name in the updater. Default 'main'. */
  readonly optimizerName?: string;
  /** The highest rate. */
  readonly peak: number;
  /** Iterations in which the rate rises from 0. Default 0. */
  readonly warmup?: number;
  /** The rate at the end as a share of the highest. Default 0.01. */
  readonly end?: number;
  /** How much of the training is done, from 0 to 1. */
  readonly progress: (trainer: Trainer) => number;
}

/**
 * A learning rate that rises in the first iterations and then falls along half a cosine to the end of the training.
 *
 * It depends on the trainer alone and keeps no state: after a resume it goes on where it was. As `progress` may look at the
 * clock, a training that must end after some minutes still gets its low rates at the end.
 * Source: Loshchilov and Hutter, SGDR (2017), without restarts.
 */
export class RateSchedule implements Extension {
  readonly defaultName = 'RateSchedule';
  readonly #options: Required<RateScheduleOptions>;

  /** @throws InvalidArgumentError for a rate that is not positive. */
  constructor(options: RateScheduleOptions) {
    const {
      attr = 'lr',
      optimizerName = 'main',
      peak,
      warmup = 0,
      end = 0.01,
      progress,
    } = checkOptions('RateSchedule', options, {
      attr: 'string',
      optimizerName: 'string',
      peak: 'number',
      warmup: 'number',
      end: 'number',
      progress: 'function',
    });
    if (!(peak > 0 && Number.isFinite(peak))) {
      throw new InvalidArgumentError('RateSchedule', "a positive 'peak'", peak);
    }
    this.#options = { attr, optimizerName, peak, warmup, end, progress };
  }

  /** The rate of the next update. */
  rate(trainer: Trainer): number {
    const { peak, warmup, end, progress } = this.#options;
    const done = Math.min(1, Math.max(0, progress(trainer)));
    const rising = Math.min(1, (trainer.updater.iteration + 1) / (warmup + 1));
    return peak * rising * (end + (1 - end) * 0.5 * (1 + Math.cos(Math.PI * done)));
  }

  /** @throws UnknownNameError when there is no such optimizer, or it has no such hyperparameter. */
  initialize(trainer: Trainer): void {
    this.call(trainer);
  }

  call(trainer: Trainer): void {
    const { hyperparam } = trainer.updater.getOptimizer(this.#options.optimizerName);
    const { attr } = this.#options;
    if (!(attr in hyperparam)) throw new UnknownNameError('RateSchedule', attr, Object.keys(hyperparam));
    hyperparam[attr] = this.rate(trainer);
  }
}
