/** A tensor that is filled piece by piece, so that its values are never in memory twice. */
import * as tf from '@tensorflow/tfjs-core';
import { fillableData, tensorOf } from './tfjs-internals.ts';

export interface FloatTensor {
  /** The values; to be asked for again after every wait, as the memory of WASM moves when it grows. */
  values(): Float32Array;
  /** The tensor; the caller's. */
  finish(): tf.Tensor;
  /** Frees the memory of a tensor that is not finished. */
  abandon(): void;
}

/** @throws RangeError when there is no room for it. */
export function floatTensor(shape: readonly number[]): FloatTensor {
  const size = shape.reduce((a, b) => a * b, 1);
  // Written straight into the memory of WASM: `tf.tensor` would copy from an array beside it.
  const data = size > 0 ? fillableData(shape) : null;
  if (data !== null) {
    const { values, info, release } = data;
    return { values, finish: () => tensorOf(info), abandon: release };
  }
  const values = new Float32Array(size);
  return { values: () => values, finish: () => tf.tensor(values, [...shape], 'float32'), abandon() {} };
}
