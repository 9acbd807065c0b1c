import { type ArrayInfo, elementCount, FormatError, isBinary, type NamedArray } from '@chaingrad/core';
import type { WeightFile } from './weight-file.ts';

/**
 * One array as a whole, in its own element type.
 * @throws FormatError for damaged content; UnknownNameError when there is no such array.
 */
export async function readArray(file: WeightFile, key: string): Promise<NamedArray> {
  const info = await file.info(key);
  const { shape, dtype } = info;
  const count = elementCount(shape, { file: file.file, key });
  let data: NamedArray['data'] | undefined;
  let at = 0;
  for await (const chunk of file.chunks(key)) {
    if (!isBinary(chunk)) return { ...chunk, shape } as NamedArray;
    if (chunk.data.length === count && at === 0) return { shape, dtype, data: chunk.data } as NamedArray;
    data ??= allocate(chunk, count, info, file.file, key);
    (data as Uint8Array).set(chunk.data as Uint8Array, at);
    at += chunk.data.length;
  }
  if (data === undefined) throw new FormatError({ file: file.file, key }, `${count} values`, 'none');
  return { shape, dtype, data } as NamedArray;
}

function allocate(
  chunk: NamedArray & { data: { constructor: unknown } },
  count: number,
  { shape }: ArrayInfo,
  file: string,
  key: string,
): NamedArray['data'] {
  try {
    return new (chunk.data.constructor as new (length: number) => Float32Array<ArrayBuffer>)(count);
  } catch (error) {
    const got = `shape (${shape.join(', ')})`;
    throw new FormatError(
      { file, key },
      'an array that fits into memory',
      got,
      'Load it piece by piece.',
      error,
    );
  }
}
