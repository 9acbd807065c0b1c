/** Changes that are made as a whole or not at all. */
import * as tf from '@tensorflow/tfjs-core';

/** What something held. One of the two is called, once; neither needs memory. */
export interface Saved {
  /** Puts it back. */
  restore(): void;
  /** Frees what was kept for that. */
  release(): void;
}

/**
 * Runs the synchronous `work`. When it throws, everything that is listed is as it was before.
 * @param save give what is held; all of them are called before `work`.
 */
export function allOrNothing<R>(save: Iterable<() => Saved>, work: () => R): R {
  const saved: Saved[] = [];
  let result: R;
  try {
    for (const one of save) saved.push(one());
    result = work();
  } catch (error) {
    for (const one of saved.reverse()) {
      try {
        one.restore();
      } catch {
        // A value that is refused in the middle is right once those that it goes with are back; the first error tells more.
      }
    }
    throw error;
  }
  for (const one of saved) one.release();
  return result;
}

/** The data of a tensor, kept under a second tensor, which is the caller's; null of null. */
export const hold = (tensor: tf.Tensor | null): tf.Tensor | null =>
  tensor === null ? null : tf.keep(tf.clone(tensor));
