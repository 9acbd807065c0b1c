/** An ONNX file, a graph-model of TensorFlow.js, or a TFLite file as a Chain. */
export { IntegerRangeError, type NodePlace, OperatorError, UnsupportedOperatorError } from './errors.ts';
export type { Door } from './graph.ts';
export { type ImportOnnxOptions, importOnnx } from './import-onnx.ts';
export { type ImportTfjsOptions, importTfjs } from './import-tfjs.ts';
export { type ImportTfliteOptions, importTflite } from './import-tflite.ts';
export type { ExternalData } from './read/external-data.ts';
export { OnnxChain, OnnxGroup, type OnnxOutput } from './run/onnx-chain.ts';
export { OnnxLayer } from './run/onnx-layer.ts';
