/** Global switches that links look at, after Chainer's `chainer.config`. */
import { InvalidArgumentError } from './errors.ts';

export interface Configuration {
  /** Dropout drops and BatchNormalization uses the batch's statistics. Default true. */
  train: boolean;
  /** Checks shapes of inputs in functions. Default true. */
  typeCheck: boolean;
  /** Extra checks that cost time: labels that are on a GPU only, parameters that no gradient reaches. Default false. */
  debug: boolean;
}

export const config: Configuration = Object.seal({ train: true, typeCheck: true, debug: false });

/**
 * Runs `fn` with `config[name] = value` and restores the old value, also after an error.
 * Only for synchronous work: a global switch would leak over an `await`.
 * @throws InvalidArgumentError when `fn` returns a promise (the old value is restored first).
 */
export function usingConfig<K extends keyof Configuration, R>(
  name: K,
  value: Configuration[K],
  fn: () => R,
): R {
  if (!(name in config)) throw new InvalidArgumentError('usingConfig', Object.keys(config).join(' | '), name);
  const old = config[name];
  config[name] = value;
  try {
    const result = fn();
    if (result instanceof Promise) {
      result.catch(() => {});
      throw new InvalidArgumentError(
        `usingConfig('${name}')`,
        'a synchronous function',
        'a promise',
        'Put the await outside: the switch holds for synchronous work only.',
      );
    }
    return result;
  } finally {
    config[name] = old;
  }
}
