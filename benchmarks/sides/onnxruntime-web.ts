/** ONNX Runtime on WASM (its backend for machines without a GPU). */
import * as ort from 'onnxruntime-web';
import { wasmCode } from './code.ts';
import { openOnnx } from './onnx.ts';
import type { Side } from './side.ts';

export const onnxruntimeWeb: Side = {
  open(graph, options) {
    ort.env.logLevel = 'error';
    ort.env.wasm.numThreads = options.threads;
    if (options.platform.kind === 'browser') ort.env.wasm.wasmPaths = '/ort/';
    // Its npm build has no relaxed SIMD.
    const about = { info: `${options.threads} thread(s)`, code: wasmCode(false) };
    return openOnnx(ort, graph, options, { executionProviders: ['wasm'] }, about);
  },
};
