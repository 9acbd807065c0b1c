import type { Serializable } from '@chaingrad/core';
import { openSafetensors } from './formats/safetensors-file.ts';
import { type LoadReport, loadArrays } from './load-arrays.ts';
import type { LoadFileOptions } from './load-npz.ts';
import { type ByteSource, readBytes, sourceName } from './sources/read-bytes.ts';

/**
 * Loads a safetensors file into a link or an optimizer. The keys are those of npz files: `extractor/conv1_1/W`.
 * @param source a path (Node), an address, a Blob, a stream or bytes.
 * @throws as `loadNpz`.
 */
export async function loadSafetensors(
  source: ByteSource,
  target: Serializable,
  { signal, onProgress, ...options }: LoadFileOptions = {},
): Promise<LoadReport> {
  const bytes = await readBytes(source, { signal, onProgress });
  return loadArrays(openSafetensors(bytes, sourceName(source)), target, options);
}
