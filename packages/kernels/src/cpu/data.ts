import type * as tf from '@tensorflow/tfjs-core';
import { input, type KernelCall } from '../kernel.ts';
import { newData, valuesOf } from '../tfjs-internals.ts';

/** The values of an input. The array belongs to the tensor: read it only. */
export function values<A>(call: KernelCall<A>, name: string): Float32Array {
  return valuesOf(call.backend, input(call, name)) as Float32Array;
}

/** A float32 output. Sums are kept in float64 up to here, so the reference has one rounding a value. */
export function output<A>(
  call: KernelCall<A>,
  shape: readonly number[],
  data: ArrayLike<number>,
): tf.TensorInfo {
  const array = data instanceof Float32Array ? data : new Float32Array(data);
  return newData(call.backend, array, shape, 'float32');
}
