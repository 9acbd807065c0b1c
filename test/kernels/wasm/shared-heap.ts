/** Starts tfjs' wasm backend with a shared heap, which a process can do only once, before anything else starts it. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as wasm from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import {
  registerWasmKernels,
  type SetWasmPaths,
  setWasmKernelOptions,
  shareTfjsWasmMemory,
  type WasmKernelInfo,
} from '../../../packages/kernels/src/wasm/index.ts';

export async function startShared(threads: number): Promise<WasmKernelInfo> {
  const file = createRequire(import.meta.url).resolve(
    '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm',
  );
  shareTfjsWasmMemory(wasm.setWasmPaths as SetWasmPaths, readFileSync(file));
  await tf.setBackend('wasm');
  await tf.ready();
  await setWasmKernelOptions({ threads });
  return registerWasmKernels();
}
