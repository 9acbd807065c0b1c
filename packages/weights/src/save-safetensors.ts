import type { Serializable } from '@chaingrad/core';
import { collectArrays, type SaveOptions } from './collect-arrays.ts';
import { writeSafetensors } from './formats/safetensors-file.ts';
import { writeFile } from './sources/write-file.ts';

export interface SaveSafetensorsOptions extends SaveOptions {
  /** Free text to carry along. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A link or an optimizer as the bytes of a safetensors file, with the keys of npz files.
 * @throws InvalidArgumentError, FormatError for values that the file cannot hold, e.g. text.
 */
export async function serializeSafetensors(
  target: Serializable,
  { metadata, ...options }: SaveSafetensorsOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return writeSafetensors(await collectArrays(target, options), metadata);
}

/**
 * Saves a link or an optimizer to a safetensors file; in Node. The file appears whole or not at all.
 * @param file a path or a `file:` URL. In a page: `new Blob([await serializeSafetensors(model)])`.
 * @throws SourceError when it cannot be written; as `serializeSafetensors`.
 */
export async function saveSafetensors(
  file: string | URL,
  target: Serializable,
  options: SaveSafetensorsOptions = {},
): Promise<void> {
  await writeFile(file, await serializeSafetensors(target, options));
}
