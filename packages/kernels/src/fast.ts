/** Registers the fastest kernels that a started backend can have. */
import { installKernels } from './install.ts';
import { startedBackend } from './tfjs-internals.ts';
import type { WasmKernelInfo } from './wasm/index.ts';

/**
 * Does what `installKernels` does, and on wasm lays the compiled SIMD kernels over that. They need the backend to be started,
 * hence after `await tf.setBackend('wasm')`; anything that they do not take stays with the kernels below.
 *
 * @returns what the wasm kernels use; null on other backends, and while wasm is not started.
 * @throws WasmUnavailableError where the engine has no WASM SIMD: the kernels of `installKernels` are registered then.
 */
export async function installFastKernels(backendName: string): Promise<WasmKernelInfo | null> {
  installKernels(backendName);
  if (backendName !== 'wasm' || startedBackend('wasm') === null) return null;
  // Loaded only here: the binaries are of no use to other backends.
  const { registerWasmKernels } = await import('./wasm/index.ts');
  return registerWasmKernels();
}
