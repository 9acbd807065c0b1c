/** ONNX Runtime on WebGPU, in a page. */
import * as ort from 'onnxruntime-web/webgpu';
import { aboutGpu } from './gpu.ts';
import { openOnnx } from './onnx.ts';
import type { Side } from './side.ts';

export const onnxruntimeWebgpu: Side = {
  async open(graph, options) {
    const about = await aboutGpu(options);
    ort.env.logLevel = 'error';
    ort.env.wasm.numThreads = options.threads;
    ort.env.wasm.wasmPaths = '/ort/';
    return openOnnx(ort, graph, options, { executionProviders: ['webgpu'] }, about);
  },
};
