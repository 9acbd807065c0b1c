/** The messages of an HDF5 object header: what a dataset is. */
import { type BinaryDtype, FormatError, type FormatPlace, itemSizes } from '@chaingrad/core';

/** Numbers of a message; every access is checked. */
export class Cursor {
  readonly #view: DataView;
  at = 0;

  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly place: FormatPlace,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  /** An unsigned little-endian number. Eight full bytes (no address) are Infinity; what is beyond 2**53 is only large. */
  number(width: number): number {
    const at = this.skip(width);
    if (width === 8) {
      const value = this.#view.getBigUint64(at, true);
      return value === 0xffffffffffffffffn ? Number.POSITIVE_INFINITY : Number(value);
    }
    let value = 0;
    for (let i = width - 1; i >= 0; i--) value = value * 256 + this.bytes[at + i]!;
    return value;
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    const at = this.skip(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Goes on by `length` bytes. @returns where they begin. */
  skip(length: number): number {
    const { at } = this;
    if (!(length >= 0 && at + length <= this.bytes.length)) {
      throw new FormatError(this.place, `${length} bytes of an HDF5 message`, `${this.left}`);
    }
    this.at += length;
    return at;
  }

  /** @throws FormatError unless the next bytes are this text. */
  expect(text: string): void {
    const got = String.fromCharCode(...this.take(text.length));
    if (got !== text) throw new FormatError(this.place, `an HDF5 block '${text}'`, JSON.stringify(got));
  }
}

const maxRank = 32;

/** The shape; [] for a scalar. */
export function parseDataspace(data: Uint8Array<ArrayBuffer>, place: FormatPlace): number[] {
  const cursor = new Cursor(data, place);
  const version = cursor.number(1);
  const rank = cursor.number(1);
  cursor.skip(1);
  const kind = version === 2 ? cursor.number(1) : 1;
  if ((version !== 1 && version !== 2) || rank > maxRank || kind > 1) {
    const got = kind === 2 ? 'no values' : `version ${version}, rank ${rank}`;
    throw new FormatError(place, `an HDF5 dataspace of at most ${maxRank} dimensions`, got);
  }
  if (version === 1) cursor.skip(5);
  return Array.from({ length: rank }, () => cursor.number(8));
}

const floats: Readonly<Record<string, BinaryDtype>> = {
  // size, then: precision, exponent's place and size, mantissa's place and size, bias
  '2:16,10,5,0,10,15': 'float16',
  '4:32,23,8,0,23,127': 'float32',
  '8:64,52,11,0,52,1023': 'float64',
  '2:16,7,8,0,7,127': 'bfloat16',
};

/** The element type, or null for what is no number. */
export function parseDatatype(
  data: Uint8Array<ArrayBuffer>,
  place: FormatPlace,
): { dtype: BinaryDtype; littleEndian: boolean } | null {
  const cursor = new Cursor(data, place);
  const kind = cursor.number(1) & 15;
  const bits = cursor.number(3);
  const size = cursor.number(4);
  if (kind > 1) return null;
  const offset = cursor.number(2);
  const precision = cursor.number(2);
  if (offset !== 0 || precision !== 8 * size) return null;
  const littleEndian = (bits & 1) === 0;
  if (kind === 0) {
    const dtype = `${bits & 8 ? 'int' : 'uint'}${8 * size}`;
    return Object.hasOwn(itemSizes, dtype) ? { dtype: dtype as BinaryDtype, littleEndian } : null;
  }
  const parts = [precision, ...Array.from({ length: 4 }, () => cursor.number(1)), cursor.number(4)];
  const dtype = floats[`${size}:${parts.join(',')}`];
  return dtype === undefined || (bits & 0x40) !== 0 ? null : { dtype, littleEndian };
}

/** How a chunk is found: by a tree, or by the list of a newer file. */
export type ChunkIndex =
  | { readonly kind: 'tree' | 'fixed' | 'implicit'; readonly address: number }
  | {
      readonly kind: 'single';
      readonly address: number;
      readonly size: number | null;
      readonly mask: number;
    };

export type Layout =
  | { readonly kind: 'compact'; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'contiguous'; readonly address: number; readonly size: number }
  | {
      readonly kind: 'chunked';
      /** The shape of a chunk. */
      readonly dims: readonly number[];
      readonly itemSize: number;
      readonly index: ChunkIndex;
    };

export function parseLayout(data: Uint8Array<ArrayBuffer>, place: FormatPlace): Layout {
  const cursor = new Cursor(data, place);
  const version = cursor.number(1);
  if (version === 1 || version === 2) return oldLayout(cursor, place);
  const kind = cursor.number(1);
  if ((version !== 3 && version !== 4) || kind > 2) {
    const advice = 'Write it with h5py and its default settings.';
    throw new FormatError(
      place,
      'an HDF5 layout of version 1 to 4',
      `version ${version}, class ${kind}`,
      advice,
    );
  }
  if (kind === 0) return { kind: 'compact', data: cursor.take(cursor.number(2)) };
  if (kind === 1) return { kind: 'contiguous', address: cursor.number(8), size: cursor.number(8) };
  if (version === 3) {
    const rank = checkedRank(cursor.number(1), place);
    const address = cursor.number(8);
    return chunked(dimensions(cursor, rank, 4), { kind: 'tree', address }, place);
  }
  const flags = cursor.number(1);
  const rank = checkedRank(cursor.number(1), place);
  const width = cursor.number(1);
  if (width < 1 || width > 8) throw new FormatError(place, 'chunk sizes of 1 to 8 bytes', `${width}`);
  const dims = dimensions(cursor, rank, width);
  return chunked(dims, chunkIndex(cursor, flags, place), place);
}

function chunkIndex(cursor: Cursor, flags: number, place: FormatPlace): ChunkIndex {
  const type = cursor.number(1);
  if (type === 1) {
    const filtered = (flags & 2) !== 0;
    const size = filtered ? cursor.number(8) : null;
    const mask = filtered ? cursor.number(4) : 0;
    return { kind: 'single', address: cursor.number(8), size, mask };
  }
  if (type === 2) return { kind: 'implicit', address: cursor.number(8) };
  if (type === 3) {
    cursor.skip(1);
    return { kind: 'fixed', address: cursor.number(8) };
  }
  const advice = "Write it with a fixed size and without libver='latest', or contiguous.";
  throw new FormatError(
    place,
    'chunks in a tree, a list or a single one',
    `HDF5 chunk index ${type}`,
    advice,
  );
}

function oldLayout(cursor: Cursor, place: FormatPlace): Layout {
  const rank = checkedRank(cursor.number(1), place);
  const kind = cursor.number(1);
  cursor.skip(5);
  const address = kind === 0 ? undefined : cursor.number(8);
  const dims = dimensions(cursor, rank, 4);
  if (address === undefined) return { kind: 'compact', data: cursor.take(cursor.number(4)) };
  if (kind === 1) return { kind: 'contiguous', address, size: dims.reduce((a, b) => a * b, 1) };
  return chunked(dims, { kind: 'tree', address }, place);
}

const checkedRank = (rank: number, place: FormatPlace): number => {
  if (rank < 1 || rank > maxRank + 1) throw new FormatError(place, `a rank of at most ${maxRank}`, `${rank}`);
  return rank;
};

const dimensions = (cursor: Cursor, rank: number, width: number): number[] =>
  Array.from({ length: rank }, () => cursor.number(width));

/** The last dimension is the size of an element. */
function chunked(dims: readonly number[], index: ChunkIndex, place: FormatPlace): Layout {
  if (dims.some((dim) => dim < 1) || dims.reduce((a, b) => a * b, 1) > 2 ** 32) {
    throw new FormatError(place, 'chunks of less than 4 GiB', `(${dims.join(', ')})`);
  }
  return { kind: 'chunked', dims: dims.slice(0, -1), itemSize: dims.at(-1)!, index };
}

/** A step that chunks went through when they were written. */
export interface Filter {
  readonly id: number;
  readonly values: readonly number[];
}

export function parseFilters(data: Uint8Array<ArrayBuffer>, place: FormatPlace): Filter[] {
  const cursor = new Cursor(data, place);
  const version = cursor.number(1);
  const count = cursor.number(1);
  if (version !== 1 && version !== 2)
    throw new FormatError(place, 'HDF5 filters of version 1 or 2', `${version}`);
  if (version === 1) cursor.skip(6);
  return Array.from({ length: count }, () => {
    const id = cursor.number(2);
    const nameLength = version === 1 || id >= 256 ? cursor.number(2) : 0;
    cursor.skip(2);
    const valueCount = cursor.number(2);
    cursor.skip(version === 1 ? Math.ceil(nameLength / 8) * 8 : nameLength);
    const values = Array.from({ length: valueCount }, () => cursor.number(4));
    if (version === 1 && valueCount % 2 === 1) cursor.skip(4);
    return { id, values };
  });
}

/** @throws FormatError when chunks would go through the same filter again and again: a few bytes would cost any time. */
export function checkFilters(filters: readonly Filter[], place: FormatPlace): readonly Filter[] {
  if (new Set(filters.map(({ id }) => id)).size < filters.length) {
    throw new FormatError(place, 'every HDF5 filter once', filters.map(({ id }) => id).join(', '));
  }
  return filters;
}

/** The bytes of a value that was never written, or null where none is given. */
export function parseFill(
  data: Uint8Array<ArrayBuffer>,
  size: number,
  place: FormatPlace,
): Uint8Array | null {
  const cursor = new Cursor(data, place);
  const version = cursor.number(1);
  let defined: boolean;
  if (version === 3) defined = (cursor.number(1) & 0x20) !== 0;
  else {
    cursor.skip(2);
    defined = cursor.number(1) !== 0;
    if (version === 1) defined = true;
  }
  if (!defined || cursor.left < 4) return null;
  const length = cursor.number(4);
  if (length === 0) return null;
  if (length !== size) throw new FormatError(place, `a fill value of ${size} bytes`, `${length}`);
  return cursor.take(length);
}
