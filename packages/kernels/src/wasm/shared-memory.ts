/** Starts tfjs' wasm backend with a heap that threads can share. */
import * as tf from '@tensorflow/tfjs-core';
import { isStarted } from '../tfjs-internals.ts';
import { withSharedMemory } from './binaries.ts';
import { WasmUnavailableError } from './errors.ts';
import { handOverBinary, type SetWasmPaths } from './hand-over.ts';

export type { SetWasmPaths };

/**
 * tfjs' wasm binary with a shared memory. tfjs' own code runs in it as before, on one thread.
 *
 * @param bytes tfjs-backend-wasm-simd.wasm, of the version that is installed.
 * @throws WasmUnavailableError when it is not a binary whose memory can be shared.
 */
export function patchTfjsWasmShared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const patched = withSharedMemory(bytes);
  if (!WebAssembly.validate(patched))
    throw new WasmUnavailableError('the patched binary of tfjs is not valid in this JavaScript engine.');
  return patched;
}

/**
 * Whether threads can share memory here: always in Node; in a page only with the headers Cross-Origin-Opener-Policy
 * same-origin and Cross-Origin-Embedder-Policy require-corp (or credentialless).
 */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer === 'undefined') return false;
  return (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated !== false;
}

/**
 * Makes the wasm backend that is started next use a shared heap, so that `registerWasmKernels` can run on several threads.
 * tfjs' own threaded binary is not used: Node cannot run it, and its kernels are slower than these.
 *
 * @param setWasmPaths of @tensorflow/tfjs-backend-wasm.
 * @param bytes the installed tfjs-backend-wasm-simd.wasm.
 * @throws WasmUnavailableError where memory cannot be shared, or when the wasm backend is started already.
 */
export function shareTfjsWasmMemory(setWasmPaths: SetWasmPaths, bytes: Uint8Array): void {
  if (!canShareMemory())
    throw new WasmUnavailableError(
      'this page is not cross-origin isolated, so memory cannot be shared between threads. ' +
        'Serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
    );
  if (isStarted('wasm'))
    throw new WasmUnavailableError(
      "the wasm backend is started already. Share its memory before tf.setBackend('wasm').",
    );
  // tfjs would take its threaded binary, which has another interface
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  handOverBinary(setWasmPaths, patchTfjsWasmShared(bytes));
}
