/** Names as a model itself has them, where a file is of a wrapped one. */
import type { ArrayInfo, NamedArray } from '@chaingrad/core';
import type { WeightFile } from './weight-file.ts';

/** Beginnings that every name has where a model was wrapped: by DataParallel, by torch.compile. */
const wrappers = ['module.', '_orig_mod.'];

/** A file without the wrappers that all its names begin with; itself where there are none. They are told by a warning. */
export function withoutWrapper(file: WeightFile): WeightFile {
  const keys = file.keys();
  let prefix = '';
  // Either may be around the other, and once more.
  for (const wrapper of [...wrappers, ...wrappers]) {
    if (keys.length > 0 && keys.every((key) => key.startsWith(wrapper, prefix.length))) prefix += wrapper;
  }
  if (prefix === '') return file;
  console.warn(`${file.file}: every name begins with '${prefix}', as of a wrapped model: read without it.`);
  return new PrefixedWeights(file, prefix);
}

class PrefixedWeights implements WeightFile {
  readonly file: string;
  readonly format: WeightFile['format'];
  readonly metadata: WeightFile['metadata'];

  constructor(
    readonly inner: WeightFile,
    readonly prefix: string,
  ) {
    ({ file: this.file, format: this.format, metadata: this.metadata } = inner);
  }

  keys(): string[] {
    return this.inner.keys().map((key) => key.slice(this.prefix.length));
  }

  has(key: string): boolean {
    return this.inner.has(this.prefix + key);
  }

  info(key: string): Promise<ArrayInfo> {
    return this.inner.info(this.prefix + key);
  }

  chunks(key: string): AsyncIterable<NamedArray> {
    return this.inner.chunks(this.prefix + key);
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
