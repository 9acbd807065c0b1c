/**
 * All that core relies on beyond the documented interface of tfjs: its engine, the tape and the registries, as of 4.22. Another
 * tensor core would have to offer these few functions; nothing else in core asks for the engine.
 */
import * as tf from '@tensorflow/tfjs-core';

/**
 * The gradients of a scalar by tensors that may be chosen while `forward` runs: `xs` is read after it. Where nothing reaches a
 * tensor its gradient is undefined. tfjs' own leaks what the tape has saved when the forward pass fails.
 */
export function gradientsOf(
  forward: () => tf.Scalar,
  xs: tf.Tensor[],
): { value: tf.Scalar; grads: (tf.Tensor | undefined)[] } {
  const engine = tf.engine();
  try {
    return engine.gradients(forward, xs, undefined, true);
  } catch (error) {
    const { state } = engine;
    // Inside another tape the saved tensors are that one's.
    if (state.gradientDepth === 0) {
      for (const { saved } of state.activeTape ?? []) tf.dispose(saved ?? []);
      state.activeTape = [];
    }
    throw error;
  }
}

/** Whether a backend of this name was started already. */
export const isBackendStarted = (name: string): boolean => name in tf.engine().registry;

/** The name of the backend in use; tfjs chooses and starts one now if nobody has. */
export function backendInUse(): string {
  const engine = tf.engine();
  return engine.backend && engine.backendName;
}

/** The device of tfjs' WebGPU backend; null while another one is in use. */
export const gpuDevice = (): GPUDevice | null =>
  tf.getBackend() === 'webgpu' ? (tf.backend() as unknown as { device: GPUDevice }).device : null;

/** A tensor of `backend` over data that is there. */
export const tensorOverData = (info: tf.TensorInfo, backend: tf.KernelBackend): tf.Tensor =>
  tf.engine().makeTensorFromTensorInfo(info, backend);

/** The first tensor of tfjs' cpu backend prints an advertisement under Node; not after this. */
export function silenceCpuBackend(): void {
  const backend = tf.findBackend('cpu') as { firstUse?: boolean } | null;
  if (backend !== null) backend.firstUse = false;
}

/** Identifies the values of a tensor: tensors share it after a clone or, on some backends, a reshape. */
export const dataKey = (info: tf.TensorInfo): object => info.dataId;
