/** ONNX Runtime on WASM (its backend for machines without a GPU). */
import * as ort from 'onnxruntime-web';
import { openOnnx } from './onnx.ts';
import type { Side } from './side.ts';

export const onnxruntimeWeb: Side = {
  open(graph, options) {
    ort.env.logLevel = 'error';
    ort.env.wasm.numThreads = options.threads;
    if (options.platform.kind === 'browser') ort.env.wasm.wasmPaths = '/ort/';
    return openOnnx(ort, graph, options, { executionProviders: ['wasm'] }, `${options.threads} thread(s)`);
  },
};
