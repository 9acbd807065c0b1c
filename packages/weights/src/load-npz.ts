import type { Serializable } from '@chaingrad/core';
import { openNpz } from './formats/npz-file.ts';
import { type LoadOptions, type LoadReport, loadArrays } from './load-arrays.ts';
import { type ByteSource, type ReadBytesOptions, readBytes, sourceName } from './sources/read-bytes.ts';

/** How a file is read, and how it is loaded. */
export interface LoadFileOptions extends LoadOptions, Pick<ReadBytesOptions, 'signal' | 'onProgress'> {}

/**
 * Loads an npz file, Chainer's or ours, into a link or an optimizer (Chainer's `load_npz`).
 *
 * ```ts
 * const report = await loadNpz('model.npz', model);
 * console.log(report.summary());
 * ```
 *
 * Unlike Chainer, strict works in both directions, nothing is broadcast, no pickle is run, and a file that does not fit
 * changes nothing.
 * @param source a path (Node), an address, a Blob, a stream or bytes.
 * @returns what was loaded, and what was not.
 * @throws LoadError when the file does not fit; FormatError when it is damaged; SourceError, DownloadError when it cannot be read.
 */
export async function loadNpz(
  source: ByteSource,
  target: Serializable,
  { signal, onProgress, ...options }: LoadFileOptions = {},
): Promise<LoadReport> {
  const bytes = await readBytes(source, { signal, onProgress });
  return loadArrays(openNpz(bytes, sourceName(source)), target, options);
}
