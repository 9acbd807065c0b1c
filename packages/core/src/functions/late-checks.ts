/** Checks of values that are on a GPU only: reading them at once would stop the queue, so they fail later. */
import type { Tensor } from '@tensorflow/tfjs-core';
import { config } from '../configuration.ts';
import { readValues } from '../tfjs-internals.ts';

const done = new Set<string>();
let failure: { readonly error: unknown } | null = null;

/**
 * Runs `check` on the values once they are there: the first time at this place, and always with `config.debug`. What it throws
 * is thrown by the next call of `throwLateFailure`.
 */
export function checkLater(place: string, tensor: Tensor, check: (values: ArrayLike<number>) => void): void {
  if (done.has(place) && !config.debug) return;
  done.add(place);
  readValues(tensor)
    .then(check)
    .catch((error: unknown) => {
      failure ??= { error };
    });
}

/** Throws what a check has found since the last call. */
export function throwLateFailure(): void {
  const found = failure;
  failure = null;
  if (found !== null) throw found.error;
}
