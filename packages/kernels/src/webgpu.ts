/**
 * Imports tfjs' webgpu backend and installs this package's kernels for it. Where there is no `navigator.gpu` at the time
 * of the import, tfjs registers no such backend and this does nothing.
 */
import '@tensorflow/tfjs-backend-webgpu';
import { installKernels } from './install.ts';

export * from './index.ts';

installKernels('webgpu');
