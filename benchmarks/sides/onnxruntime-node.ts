/** ONNX Runtime, native: not JavaScript, but what a Node program could use instead. */
import * as ort from 'onnxruntime-node';
import { openOnnx } from './onnx.ts';
import type { Side } from './side.ts';

export const onnxruntimeNode: Side = {
  open(graph, options) {
    const { threads } = options;
    const settings = { executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1 };
    return openOnnx(ort, graph, options, settings, `native, ${threads} thread(s)`);
  },
};
