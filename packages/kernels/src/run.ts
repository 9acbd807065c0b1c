/** Runs a kernel by name, with a typed error where the backend has none. */
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedKernelError } from './errors.ts';
import { installKernels } from './install.ts';

/** Throws UnsupportedKernelError unless the active backend has the kernel; installs ours where they are missing. */
export function assertKernel(kernel: string): void {
  const engine = tf.engine();
  // The getter starts the backend, which gives it its name.
  if (engine.backendName == null) void engine.backend;
  const backend = engine.backendName;
  if (tf.getKernel(kernel, backend) !== undefined) return;
  // The backend's package may have been imported after this one.
  installKernels(backend);
  if (tf.getKernel(kernel, backend) === undefined) throw new UnsupportedKernelError(kernel, backend);
}

/** Runs a kernel with one output on the active backend; recorded on the tape. */
export function runKernel<T extends tf.Tensor = tf.Tensor>(
  kernel: string,
  inputs: Record<string, tf.Tensor>,
  attrs: object = {},
): T {
  assertKernel(kernel);
  return tf.engine().runKernel(kernel, inputs, attrs as tf.NamedAttrMap) as T;
}
