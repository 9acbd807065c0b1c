/** ONNX files: networks go out as graphs that any runtime runs. */

export * from './import/index.ts';
export * from './proto/index.ts';
