/** Checks of arguments that the operations share. */
import type * as tf from '@tensorflow/tfjs-core';
import { KernelArgumentError } from '../errors.ts';
import type { Geometry } from '../geometry.ts';

export function checkTensor(operation: string, argument: string, tensor: tf.Tensor, axes: string[]): void {
  if (tensor.rank !== axes.length)
    throw new KernelArgumentError(operation, argument, `of shape (${axes.join(', ')})`, shown(tensor.shape));
  if (tensor.dtype !== 'float32')
    throw new KernelArgumentError(operation, argument, 'of dtype float32', tensor.dtype);
}

export function checkIntegers(
  operation: string,
  argument: string,
  values: readonly number[],
  n: number,
  least: number,
): void {
  if (values.length !== n || !values.every((v) => Number.isInteger(v) && v >= least))
    throw new KernelArgumentError(operation, argument, `${n} integers of at least ${least}`, shown(values));
}

export function checkWindows(operation: string, g: Geometry): void {
  if (g.outHeight >= 1 && g.outWidth >= 1) return;
  const reach = (i: 0 | 1) => (g.ksize[i] - 1) * g.dilation[i] + 1;
  throw new KernelArgumentError(
    operation,
    'the padded input',
    `at least as large as one window, ${reach(0)}x${reach(1)} pixels`,
    `${g.inHeight + g.pad[0] + g.pad[1]}x${g.inWidth + g.pad[2] + g.pad[3]}`,
  );
}

export const shown = (values: readonly number[]) => `(${values.join(', ')})`;
