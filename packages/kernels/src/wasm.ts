/** Imports tfjs' wasm backend and installs this package's kernels for it. */
import '@tensorflow/tfjs-backend-wasm';
import { installKernels } from './install.ts';

export * from './index.ts';

installKernels('wasm');
