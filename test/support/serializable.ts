/** What serializable things hold. */
import type { Serializable } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

/** The present values of everything serializable, by key. */
export async function valuesOf(target: Serializable): Promise<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const entry of target.serialEntries()) {
    const value = entry.read();
    values[entry.key] = value instanceof tf.Tensor ? [value.shape, [...(await value.data())]] : value;
  }
  return values;
}
