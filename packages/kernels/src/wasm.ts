/**
 * Imports tfjs' wasm backend and installs this package's kernels for it. The compiled SIMD kernels need the backend to be
 * started: `await installFastKernels('wasm')` after `await tf.setBackend('wasm')`.
 */
import '@tensorflow/tfjs-backend-wasm';
import { installKernels } from './install.ts';

export * from './index.ts';
export * from './wasm/index.ts';

installKernels('wasm');
