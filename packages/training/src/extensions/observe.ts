/** Extensions that report a value which no link reports. */
import { checkOptions } from '@chaingrad/core';
import type * as tf from '@tensorflow/tfjs-core';
import { type Extension, priorities } from '../extension.ts';
import type { Trainer } from '../trainer.ts';

/**
 * Reports what a function gives, once an epoch (Chainer's `observe_value`).
 * @param key the name in the observation and in logs.
 * @param value synchronous; tensors that it makes are freed after it.
 */
export function observeValue(key: string, value: (trainer: Trainer) => number | tf.Tensor): Extension {
  return {
    defaultName: 'observeValue',
    trigger: [1, 'epoch'],
    priority: priorities.writer,
    call: (trainer) => trainer.report(() => ({ [key]: value(trainer) })),
  };
}

export interface ObserveLrOptions {
  /** The optimizer's name in the updater. Default 'main'. */
  readonly optimizerName?: string;
  /** The name in the observation and in logs. Default 'lr'. */
  readonly key?: string;
}

/**
 * Reports the learning rate of an optimizer (Chainer's `observe_lr`); of Adam its corrected step size.
 * @throws UnknownOptionError
 */
export function observeLr(options: ObserveLrOptions = {}): Extension {
  const { optimizerName = 'main', key = 'lr' } = checkOptions(
    'observeLr',
    options,
    { optimizerName: 'string', key: 'string' },
    { observationKey: 'key' },
  );
  const lrOf = (optimizer: object): number =>
    'lr' in optimizer && typeof optimizer.lr === 'number' ? optimizer.lr : Number.NaN;
  return {
    ...observeValue(key, (trainer) => lrOf(trainer.updater.getOptimizer(optimizerName))),
    defaultName: 'observeLr',
  };
}
