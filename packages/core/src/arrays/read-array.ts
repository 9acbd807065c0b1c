import type { ArraySource } from './array-source.ts';
import { FormatError, type FormatPlace } from './format-error.ts';
import { type ArrayInfo, elementCount, isBinary, type NamedArray } from './named-array.ts';

/**
 * One array as a whole, in its own element type.
 * @throws FormatError for damaged content; UnknownNameError when there is no such array.
 */
export async function readArray(file: ArraySource, key: string): Promise<NamedArray> {
  const info = await file.info(key);
  const { shape, dtype } = info;
  const place = { file: file.file, key };
  const count = elementCount(shape, place);
  let data: NamedArray['data'] | undefined;
  let at = 0;
  // To the end, always: there a file's checksum is compared.
  for await (const chunk of file.chunks(key)) {
    const { length } = chunk.data ?? [];
    if (!isBinary(chunk)) data = chunk.data;
    else {
      if (at + length > count) throw new FormatError(place, `${count} values`, 'more');
      data ??= allocate(chunk, count, info, place);
      (data as Uint8Array).set(chunk.data as Uint8Array, at);
    }
    at += length;
  }
  if (data === undefined || (data !== null && at !== count))
    throw new FormatError(place, `${count} values`, `${at}`);
  return { shape, dtype, data } as NamedArray;
}

function allocate(
  chunk: NamedArray & { data: { constructor: unknown } },
  count: number,
  { shape }: ArrayInfo,
  place: FormatPlace,
): NamedArray['data'] {
  try {
    return new (chunk.data.constructor as new (length: number) => Float32Array<ArrayBuffer>)(count);
  } catch (error) {
    const got = `shape (${shape.join(', ')})`;
    throw new FormatError(place, 'an array that fits into memory', got, 'Load it piece by piece.', error);
  }
}
