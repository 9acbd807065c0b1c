import type { Serializable } from '@chaingrad/core';
import { collectArrays, type SaveOptions } from './collect-arrays.ts';
import { type WriteNpzOptions, writeNpz } from './formats/npz-file.ts';
import { writeFile } from './sources/write-file.ts';

export interface SaveNpzOptions extends SaveOptions, WriteNpzOptions {}

/**
 * A link or an optimizer as the bytes of an npz file, with Chainer's keys; Chainer's `load_npz` reads it.
 * Names without a value (uninitialized parameters, None) are noted beside the arrays; Chainer sees them as missing.
 * @throws InvalidArgumentError, FormatError for values that the file cannot hold.
 */
export async function serializeNpz(
  target: Serializable,
  { compression, ...options }: SaveNpzOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  return writeNpz(await collectArrays(target, options), { compression });
}

/**
 * Saves a link or an optimizer to an npz file (Chainer's `save_npz`); in Node. The file appears whole or not at all.
 * @param file a path or a `file:` URL. In a page: `new Blob([await serializeNpz(model)])`.
 * @throws SourceError when it cannot be written; as `serializeNpz`.
 */
export async function saveNpz(
  file: string | URL,
  target: Serializable,
  options: SaveNpzOptions = {},
): Promise<void> {
  await writeFile(file, await serializeNpz(target, options));
}
