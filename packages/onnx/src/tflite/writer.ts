/** `save('model.tflite', model)`: for links that tell their inputs by themselves. */
import type { Serializable } from '@chaingrad/core';
import type { SaveOptions } from '@chaingrad/weights';
import { exportArguments } from '../export/writer.ts';
import { exportTflite } from './export-tflite.ts';

/** Writes what `save` is given as a TFLite file. @throws as `exportArguments` and `exportTflite`. */
export async function writeTflite(
  target: Serializable,
  given: SaveOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { link, inputs, options } = exportArguments(target, 'tflite', given);
  const { inputNames, outputNames, about } = options;
  return exportTflite(link, inputs, { inputNames, outputNames, description: about?.description });
}
