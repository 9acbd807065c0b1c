/** `save('model.onnx', model)`: for links that tell their inputs by themselves. */
import { type InputSpec, InvalidArgumentError, Link, type Serializable } from '@chaingrad/core';
import type { SaveOptions } from '@chaingrad/weights';
import { exportOnnx } from './export-onnx.ts';
import type { OnnxExportOptions } from './options.ts';

/** A link that knows the arguments of `exportOnnx` behind it. */
export interface OnnxExportable {
  onnxArguments(): [inputs: readonly InputSpec[], options?: OnnxExportOptions];
}

const isExportable = (target: Serializable): target is Link & OnnxExportable =>
  target instanceof Link && 'onnxArguments' in target && typeof target.onnxArguments === 'function';

/**
 * What `save` is given, as the arguments of an export.
 * @throws InvalidArgumentError for what is no link, a link that does not tell its inputs, and options that the file cannot follow.
 */
export function exportArguments(
  target: Serializable,
  format: string,
  { parameterDtype, names, metadata }: SaveOptions,
): { link: Link; inputs: readonly InputSpec[]; options: OnnxExportOptions } {
  if (!isExportable(target)) {
    throw new InvalidArgumentError(
      `save .${format}`,
      'a link with a method onnxArguments()',
      target.constructor.name,
      `Use save${format === 'onnx' ? 'Onnx' : 'Tflite'}(file, link, inputs) of @chaingrad/onnx.`,
    );
  }
  for (const [option, value] of Object.entries({ parameterDtype, names })) {
    if (value !== undefined && value !== 'float32')
      throw new InvalidArgumentError(`save .${format} ${option}`, 'none', value);
  }
  const [inputs, options = {}] = target.onnxArguments();
  const about = { ...options.about, more: { ...options.about?.more, ...metadata } };
  return { link: target, inputs, options: { ...options, about } };
}

/** Writes what `save` is given as an ONNX file. @throws as `exportArguments` and `exportOnnx`. */
export async function writeOnnx(target: Serializable, given: SaveOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { link, inputs, options } = exportArguments(target, 'onnx', given);
  return exportOnnx(link, inputs, options);
}
