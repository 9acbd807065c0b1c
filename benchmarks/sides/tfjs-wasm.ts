/** tfjs-backend-wasm as it comes. It cannot train: it has no gradient of a convolution by its filter. */
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { wasmCode } from './code.ts';
import type { OpenOptions, Runner } from './side.ts';
import { tfjsSide } from './tfjs-graph.ts';

/** Selects the wasm backend; tells what it uses. */
export async function startTfjsWasm({
  threads,
  platform,
}: OpenOptions): Promise<Pick<Runner, 'info' | 'code'>> {
  if (tf.getBackend() !== 'wasm') {
    if (threads > 1 && platform.kind === 'node') throw new Error('tfjs has no threads in Node');
    if (platform.kind === 'browser') setWasmPaths('/tfjs/');
    setThreadsCount(threads);
    if (!(await tf.setBackend('wasm'))) throw new Error('tfjs could not start its wasm backend');
  }
  return {
    info: `${threads} thread(s)`,
    code: tf.env().get('WASM_HAS_SIMD_SUPPORT') ? wasmCode(false) : 'WASM, no SIMD',
  };
}

export const tfjsWasm = tfjsSide(startTfjsWasm);
