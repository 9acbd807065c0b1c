/** A chunk of an HDF5 dataset: read, unpacked, and put in its place. */
import { FormatError, type FormatPlace } from '@chaingrad/core';
import { inflateSync } from 'fflate';
import type { Filter, Layout } from './hdf5-messages.ts';
import type { ChunkPlace, Hdf5Reader } from './hdf5-reader.ts';

const deflate = 1;
const shuffle = 2;
const fletcher32 = 3;

/**
 * Reads a chunk into the array that it is a part of.
 * @param out the bytes of the whole array.
 * @throws FormatError when it is damaged, went through an unknown filter, or lies outside.
 */
export async function readChunk(
  reader: Hdf5Reader,
  chunk: ChunkPlace,
  dataset: {
    readonly shape: readonly number[];
    readonly layout: Extract<Layout, { kind: 'chunked' }>;
    readonly filters: readonly Filter[];
  },
  out: Uint8Array,
  place: FormatPlace,
): Promise<void> {
  const { shape, layout, filters } = dataset;
  const { dims, itemSize } = layout;
  const plain = dims.reduce((a, b) => a * b, itemSize);
  const start = reader.base + chunk.address;
  if (!(start + chunk.size <= reader.access.size)) {
    throw new FormatError(place, `a chunk of ${chunk.size} bytes`, `a file of ${reader.access.size}`);
  }
  // Deflate shrinks to a 1032nd at most: a larger chunk is never made.
  if (plain > 1032 * (chunk.size + 16))
    throw new FormatError(place, `a chunk of ${plain} bytes`, `${chunk.size}`);
  let bytes = await reader.access.read(start, start + chunk.size);
  for (let i = filters.length - 1; i >= 0; i--) {
    if ((chunk.mask >>> i) & 1) continue;
    const { id, values } = filters[i]!;
    if (id === deflate) bytes = inflate(bytes, plain, place);
    else if (id === shuffle) bytes = unshuffle(bytes, values[0] ?? itemSize);
    else if (id === fletcher32) bytes = checked(bytes, place);
    else {
      const advice = 'Write it with gzip, or without compression.';
      throw new FormatError(place, 'chunks of deflate, shuffle or fletcher32', `HDF5 filter ${id}`, advice);
    }
  }
  if (bytes.length !== plain) throw new FormatError(place, `a chunk of ${plain} bytes`, `${bytes.length}`);
  if (chunk.offset.some((at, axis) => !(at < shape[axis]!) || at % dims[axis]! !== 0)) {
    throw new FormatError(
      place,
      `a chunk within (${shape.join(', ')})`,
      `one at (${chunk.offset.join(', ')})`,
    );
  }
  copyRows(bytes, dims, chunk.offset, out, shape, itemSize);
}

function inflate(
  packed: Uint8Array<ArrayBuffer>,
  plain: number,
  place: FormatPlace,
): Uint8Array<ArrayBuffer> {
  // Filters that come before may add a few bytes; one more than that shows a chunk that is too long.
  const room = new Uint8Array(plain + 5);
  try {
    // zlib: two bytes of header before the deflated data, four of checksum behind.
    return inflateSync(packed.subarray(2, Math.max(2, packed.length - 4)), {
      out: room,
    }) as Uint8Array<ArrayBuffer>;
  } catch (error) {
    throw new FormatError(place, 'deflated data', `damage (${(error as Error).message})`, undefined, error);
  }
}

/** Turns "all first bytes, all second bytes, ..." into items again. */
function unshuffle(bytes: Uint8Array<ArrayBuffer>, size: number): Uint8Array<ArrayBuffer> {
  const count = Math.floor(bytes.length / size);
  if (size < 2 || count < 2) return bytes;
  const out = bytes.slice();
  for (let k = 0; k < size; k++) {
    for (let i = 0; i < count; i++) out[i * size + k] = bytes[k * count + i]!;
  }
  return out;
}

/** Takes Fletcher's checksum off. */
function checked(bytes: Uint8Array<ArrayBuffer>, place: FormatPlace): Uint8Array<ArrayBuffer> {
  const body = bytes.subarray(0, Math.max(0, bytes.length - 4));
  let [a, b] = [0, 0];
  for (let i = 0; i < body.length; i += 2) {
    // Words, the high byte first; an odd byte at the end is a high one.
    a = (a + ((body[i]! << 8) | (body[i + 1] ?? 0))) % 65535;
    b = (b + a) % 65535;
  }
  const tail = bytes.subarray(body.length);
  const stored = tail.reduce((sum, byte, i) => sum + byte * 2 ** (8 * i), 0);
  const sum = b * 65536 + a;
  // 65535 and 0 are the same in this sum; HDF5 writes one where this has the other.
  const same = (x: number, y: number) => x % 65535 === y % 65535;
  if (
    tail.length !== 4 ||
    !same(sum % 65536, stored % 65536) ||
    !same(Math.floor(sum / 65536), Math.floor(stored / 65536))
  ) {
    throw new FormatError(place, `checksum ${sum.toString(16)}`, stored.toString(16));
  }
  return body;
}

/** Copies the part of a chunk that lies within the array, row by row. */
function copyRows(
  chunk: Uint8Array,
  dims: readonly number[],
  offset: readonly number[],
  out: Uint8Array,
  shape: readonly number[],
  itemSize: number,
): void {
  const rank = dims.length;
  const within = dims.map((dim, axis) => Math.min(dim, shape[axis]! - offset[axis]!));
  const row = (within[rank - 1] ?? 1) * itemSize;
  const rows = within.slice(0, -1).reduce((a, b) => a * b, 1);
  const index = new Array<number>(Math.max(0, rank - 1)).fill(0);
  for (let r = 0; r < rows; r++) {
    let from = 0;
    let to = 0;
    for (let axis = 0; axis < rank; axis++) {
      const i = index[axis] ?? 0;
      from = from * dims[axis]! + i;
      to = to * shape[axis]! + offset[axis]! + i;
    }
    out.set(chunk.subarray(from * itemSize, from * itemSize + row), to * itemSize);
    for (let axis = rank - 2; axis >= 0; axis--) {
      if (++index[axis]! < within[axis]!) break;
      index[axis] = 0;
    }
  }
}
