/** Runs a kernel by name, with a typed error where the backend has none. */
import type * as tf from '@tensorflow/tfjs-core';
import { UnsupportedKernelError } from './errors.ts';
import { installKernels } from './install.ts';
import { activeBackend, hasKernel, runRegistered } from './tfjs-internals.ts';

/** Throws UnsupportedKernelError unless the active backend has the kernel; installs ours where they are missing. */
export function assertKernel(kernel: string): void {
  const backend = activeBackend();
  if (hasKernel(kernel)) return;
  // The backend's package may have been imported after this one.
  installKernels(backend);
  if (!hasKernel(kernel)) throw new UnsupportedKernelError(kernel, backend);
}

/**
 * Runs a kernel with one output on the active backend; recorded on the tape.
 *
 * @throws UnsupportedKernelError where the backend has no such kernel.
 */
export function runKernel<T extends tf.Tensor = tf.Tensor>(
  kernel: string,
  inputs: Record<string, tf.Tensor>,
  attrs: object = {},
): T {
  assertKernel(kernel);
  return runRegistered<T>(kernel, inputs, attrs);
}
