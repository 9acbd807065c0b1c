/** ONNX Runtime, native: not JavaScript, but what a Node program could use instead. */
import * as ort from 'onnxruntime-node';
import { nativeCode } from './code.ts';
import { openOnnx } from './onnx.ts';
import type { Side } from './side.ts';

export const onnxruntimeNode: Side = {
  open(graph, options) {
    const { threads, platform } = options;
    const settings = { executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1 };
    const about = { info: `${threads} thread(s)`, code: nativeCode(platform.instructions) };
    return openOnnx(ort, graph, options, settings, about);
  },
};
