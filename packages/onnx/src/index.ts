/**
 * ONNX files, both ways: networks go out as graphs that any runtime runs, and graphs come in as chains that train.
 *
 * @module @chaingrad/onnx
 */
import { registerWriter } from '@chaingrad/weights';
import { writeOnnx } from './export/writer.ts';
import { writeTflite } from './tflite/writer.ts';

export * from './export/index.ts';
export * from './import/index.ts';
export * from './proto/index.ts';
export * from './tflite/index.ts';

registerWriter('onnx', writeOnnx);
registerWriter('tflite', writeTflite);
