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
 * Writes what `save` is given as an ONNX file.
 * @throws InvalidArgumentError for what is no link, a link that does not tell its inputs, and options that the file cannot follow.
 */
export async function writeOnnx(
  target: Serializable,
  { parameterDtype, names, metadata }: SaveOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!isExportable(target)) {
    throw new InvalidArgumentError(
      'save .onnx',
      'a link with a method onnxArguments()',
      target.constructor.name,
      'Use saveOnnx(file, link, inputs) of @chaingrad/onnx.',
    );
  }
  for (const [option, value] of Object.entries({ parameterDtype, names })) {
    if (value !== undefined && value !== 'float32')
      throw new InvalidArgumentError(`save .onnx ${option}`, 'none', value);
  }
  const [inputs, options = {}] = target.onnxArguments();
  const about = { ...options.about, more: { ...options.about?.more, ...metadata } };
  return exportOnnx(target, inputs, { ...options, about });
}
