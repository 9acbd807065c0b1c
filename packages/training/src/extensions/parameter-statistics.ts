import { checkOptions, InvalidArgumentError, type Link, type Parameter } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { type Extension, priorities } from '../extension.ts';
import type { Trainer } from '../trainer.ts';
import type { TriggerLike } from '../triggers/trigger.ts';

/** A statistic of an array: a scalar tensor. Runs in a tidy. */
export type Statistic = (values: tf.Tensor) => tf.Tensor;

/** Chainer's defaults, but for percentiles, which tfjs would have to sort for on the CPU. */
export const defaultStatistics = {
  mean: (values) => tf.mean(values),
  std: (values) => tf.sqrt(tf.mean(tf.square(tf.sub(values, tf.mean(values))))),
  min: (values) => tf.min(values),
  max: (values) => tf.max(values),
  zeros: (values) => tf.sum(tf.cast(tf.equal(values, 0), 'float32')),
} as const satisfies Record<string, Statistic>;

export interface ParameterStatisticsOptions {
  readonly statistics?: Readonly<Record<string, Statistic>>;
  /** Statistics of the values. Default true. */
  readonly reportParams?: boolean;
  /** Statistics of the gradients. Default true. */
  readonly reportGrads?: boolean;
  /** Put before every name, with a slash. */
  readonly prefix?: string;
}

/**
 * Reports statistics of every parameter of a link (Chainer's `ParameterStatistics`): `/conv1/W/data/mean`, `/conv1/W/grad/std`.
 * Default once an epoch.
 */
export class ParameterStatistics implements Extension {
  readonly defaultName = 'ParameterStatistics';
  readonly trigger: TriggerLike = [1, 'epoch'];
  readonly priority = priorities.writer;
  readonly #link: Link;
  readonly #statistics: Readonly<Record<string, Statistic>>;
  readonly #arrays: (readonly ['data' | 'grad', (param: Parameter) => tf.Tensor | null])[];
  readonly #prefix: string;

  /** @throws InvalidArgumentError when neither values nor gradients are asked for. */
  constructor(link: Link, options: ParameterStatisticsOptions = {}) {
    const {
      statistics = defaultStatistics,
      reportParams = true,
      reportGrads = true,
      prefix,
    } = checkOptions('ParameterStatistics', options, {
      statistics: 'object',
      reportParams: 'boolean',
      reportGrads: 'boolean',
      prefix: 'string',
    });
    if (!reportParams && !reportGrads) {
      throw new InvalidArgumentError('ParameterStatistics', 'reportParams or reportGrads', 'neither');
    }
    this.#link = link;
    this.#statistics = statistics;
    this.#prefix = prefix === undefined ? '' : `${prefix}/`;
    this.#arrays = [];
    if (reportParams) this.#arrays.push(['data', (param) => param.array]);
    if (reportGrads) this.#arrays.push(['grad', (param) => param.grad]);
  }

  call(trainer: Trainer): void {
    for (const [path, param] of this.#link.namedparams(false)) {
      for (const [what, arrayOf] of this.#arrays) {
        const values = arrayOf(param);
        if (values === null) continue;
        for (const [name, statistic] of Object.entries(this.#statistics)) {
          trainer.report(() => ({ [`${this.#prefix}${path}/${what}/${name}`]: statistic(values) }));
        }
      }
    }
  }
}
