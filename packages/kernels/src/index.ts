/**
 * What tfjs' cpu, wasm and webgpu backends lack or do wrongly, for any tfjs program.
 *
 * Importing it registers gradients for tfjs' kernels, and kernels for the backends that are registered already.
 *
 * @module @chaingrad/kernels
 */
import { DisposedTensorError, NoBackendError } from './errors.ts';
import { installGradients } from './gradients/index.ts';
import { installKernels, supportedBackends } from './install.ts';
import { guardEngine } from './tfjs-internals.ts';

export * from './attrs.ts';
export { CSRMatrix } from './csr-matrix.ts';
export {
  DisposedTensorError,
  KernelArgumentError,
  NoBackendError,
  SecondGradientError,
  UnsupportedKernelError,
} from './errors.ts';
export { installFastKernels } from './fast.ts';
export { type FloatTensor, floatTensor } from './float-tensor.ts';
export { geometryOf } from './geometry.ts';
export { differentiableKernels, installGradients } from './gradients/index.ts';
export { type WithSaved, withGradient } from './gradients/with-gradient.ts';
export { installKernels, supportedBackends } from './install.ts';
export { nodeModule } from './node.ts';
export { type BatchStatistics, type Conv2DStep, conv2d, separableConv2d } from './ops/conv-2d.ts';
export {
  type AdamUpdate,
  fusedUpdate,
  type MomentumUpdate,
  type SGDUpdate,
  type UpdateHyper,
  type UpdateKind,
} from './ops/fused-update.ts';
export { avgPool2d, maxPool2d, type Pool2DOptions } from './ops/pool-2d.ts';
export { sparseArgMax, sparseMatMul, sparseMax } from './ops/sparse.ts';
export { assertKernel, runKernel } from './run.ts';
export { isRecorded } from './tape.ts';
export { isRecording } from './tfjs-internals.ts';
export { Turns } from './turns.ts';

guardEngine(
  (operation) => new DisposedTensorError(operation ?? 'an operation'),
  (cause) => new NoBackendError(cause),
);
installGradients();
for (const backend of supportedBackends) installKernels(backend);
