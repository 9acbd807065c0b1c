/**
 * ONNX files, both ways: networks go out as graphs that any runtime runs, and graphs come in as chains that train.
 *
 * @module @chaingrad/onnx
 */
import { registerWriter } from '@chaingrad/weights';
import { writeOnnx } from './export/writer.ts';

export * from './export/index.ts';
export * from './import/index.ts';
export * from './proto/index.ts';

registerWriter('onnx', writeOnnx);
