/** Content that comes in pieces of any division. */
import { arrayFromBytes, itemSizes, type NamedArray } from '@chaingrad/core';
import { freeBuffer } from '../sources/free-buffer.ts';

/**
 * Bytes of any division as flat arrays, each of whole elements.
 * @param skip how many bytes at the beginning are no values.
 * @yields arrays that are good until the next one is asked for.
 */
export async function* numbers(
  parts: AsyncIterable<Uint8Array<ArrayBuffer>>,
  dtype: keyof typeof itemSizes,
  littleEndian: boolean,
  skip = 0,
): AsyncGenerator<NamedArray> {
  const size = itemSizes[dtype];
  let rest = new Uint8Array(0);
  let left = skip;
  let any = false;
  for await (const part of parts) {
    let bytes = part.subarray(Math.min(left, part.length));
    left -= part.length - bytes.length;
    if (rest.length > 0) bytes = join([rest, bytes], rest.length + bytes.length);
    const whole = bytes.length - (bytes.length % size);
    rest = bytes.slice(whole);
    if (whole === 0) continue;
    any = true;
    yield arrayFromBytes(bytes.subarray(0, whole), dtype, [whole / size], littleEndian);
  }
  if (!any) yield arrayFromBytes(new Uint8Array(0), dtype, [0]);
}

/**
 * Pieces of any division as pieces of one length, but for the last, all of them in the same memory: so they begin where numbers may.
 * @yields bytes that are good until the next ones are asked for.
 */
export async function* regroup(
  parts: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const memory = new Uint8Array(length);
  let at = 0;
  for await (const part of parts) {
    for (let from = 0; from < part.length; ) {
      const count = Math.min(part.length - from, length - at);
      memory.set(part.subarray(from, from + count), at);
      from += count;
      at += count;
      if (at === length) {
        yield memory;
        at = 0;
      }
    }
  }
  if (at > 0) yield memory.subarray(0, at);
  freeBuffer(memory.buffer);
}

/** Collects pieces whose length in all is known. */
export async function concatenate(
  parts: AsyncIterable<Uint8Array<ArrayBuffer>>,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of parts) all.push(part.slice());
  return join(all, length);
}

export function join(
  parts: readonly Uint8Array<ArrayBuffer>[],
  length = parts.reduce((n, part) => n + part.length, 0),
): Uint8Array<ArrayBuffer> {
  if (parts.length === 1 && parts[0]!.length === length) return parts[0]!;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
