/** ONNX files, both ways: networks go out as graphs that any runtime runs, and graphs come in as chains that train. */
export * from './export/index.ts';
export * from './import/index.ts';
export * from './proto/index.ts';
