/**
 * The safetensors format: eight bytes of length, a JSON header, the values one after the other. No pickle, no
 * compression, and every array lies at a known place. Format: https://github.com/huggingface/safetensors
 */
import {
  type ArrayInfo,
  type BinaryDtype,
  brief,
  bytesOfArray,
  elementCount,
  FormatError,
  type FormatPlace,
  isBinary,
  itemSizes,
  type NamedArray,
  UnknownNameError,
} from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import { readPieces } from '../sources/read-pieces.ts';
import { duplicateKey } from './json-keys.ts';
import { numbers } from './pieces.ts';
import { dequantizeChannels } from './quantize.ts';
import type { WeightFile } from './weight-file.ts';

const codes = {
  uint64: 'U64',
  int64: 'I64',
  float64: 'F64',
  float32: 'F32',
  uint32: 'U32',
  int32: 'I32',
  bfloat16: 'BF16',
  float16: 'F16',
  uint16: 'U16',
  int16: 'I16',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
} as const satisfies Record<BinaryDtype, string>;

/** The order in which the format's own library lays arrays out: by type as above, then by name. */
const rank = new Map(Object.keys(codes).map((dtype, i) => [dtype, i]));
const dtypes = new Map(Object.entries(codes).map(([dtype, code]) => [code as string, dtype as BinaryDtype]));

/**
 * The longest header that is read. The format's own limit is 100 MB; a third of that is room for 300,000 arrays, and
 * what its JSON can unfold to still fits into memory.
 */
const maxHeaderLength = 1 << 25;

/** Where the metadata lists names that have no value (None), which the format itself cannot express. */
const nullMetadata = 'chaingrad.null_names';
const nullInfo = { shape: [], dtype: 'object-null', data: null } as const;

/**
 * Where the scales of an int8 array are: float32, one for each place of its first axis, other axes of length 1 or none. Such an array
 * stands for the float32 values `int8 * scale`, and is read as these.
 */
export const scaleName = (key: string): string => `${key}${SCALE}`;
const SCALE = '_scale';

/** How much of an int8 array is read at once: four times as many bytes come out. */
const scaledLength = 1 << 20;

/** An array by its place behind the header. */
export interface SafetensorsEntry extends ArrayInfo {
  /** As it is stored. */
  readonly dtype: BinaryDtype;
  /** The first byte, counted from the end of the header, and the byte after the last one. */
  readonly begin: number;
  readonly end: number;
}

/** What the header of a file tells. */
export interface SafetensorsHeader {
  /** Free text that the writer added (`__metadata__`). */
  readonly metadata: ReadonlyMap<string, string>;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  /** The scales of int8 arrays, by the names of these. They are no entries of their own. */
  readonly scales: ReadonlyMap<string, SafetensorsEntry>;
  /** Names without a value. */
  readonly nulls: ReadonlySet<string>;
}

/** The arrays of a safetensors file, read by parts: the header, then each array's bytes. */
export class SafetensorsWeights implements WeightFile {
  readonly format = 'safetensors';

  private constructor(
    readonly access: RandomAccess,
    readonly header: SafetensorsHeader,
    readonly dataOffset: number,
  ) {}

  /** @throws FormatError when the header is unsound, or does not describe the rest of the file. */
  static async open(access: RandomAccess): Promise<SafetensorsWeights> {
    const start = await access.read(0, Math.min(8, access.size));
    const dataOffset = safetensorsDataOffset(start, access.size, access.name);
    const json = await access.read(8, dataOffset);
    const header = parseSafetensorsHeader(json, access.size - dataOffset, access.name);
    return new SafetensorsWeights(access, header, dataOffset);
  }

  get file(): string {
    return this.access.name;
  }

  /** Free text that the writer added (`__metadata__`). */
  get metadata(): ReadonlyMap<string, string> {
    return this.header.metadata;
  }

  keys(): string[] {
    return [...this.header.entries.keys(), ...this.header.nulls];
  }

  has(key: string): boolean {
    return this.header.entries.has(key) || this.header.nulls.has(key);
  }

  /** Whether a name is that of scales, which belong to an array. */
  hasScale(name: string): boolean {
    return name.endsWith(SCALE) && this.header.scales.has(name.slice(0, -SCALE.length));
  }

  async info(key: string): Promise<ArrayInfo> {
    if (this.header.nulls.has(key)) return nullInfo;
    const { shape, dtype } = this.#entry(key);
    return { shape, dtype: this.header.scales.has(key) ? 'float32' : dtype };
  }

  async *chunks(key: string): AsyncGenerator<NamedArray> {
    if (this.header.nulls.has(key)) return yield nullInfo;
    const entry = this.#entry(key);
    const scale = this.header.scales.get(key);
    yield* scale === undefined ? this.#stored(entry) : this.#scaled(key, entry, scale);
  }

  #stored({ dtype, begin, end }: Omit<SafetensorsEntry, 'shape'>, step?: number): AsyncGenerator<NamedArray> {
    const [from, to] = [begin + this.dataOffset, end + this.dataOffset];
    return numbers(readPieces(this.access, from, to, step), dtype, true);
  }

  /** Scales and what they are for, both piece by piece. */
  async *#scaled(
    key: string,
    { shape, dtype, begin }: SafetensorsEntry,
    scale: SafetensorsEntry,
  ): AsyncGenerator<NamedArray> {
    const place = { file: this.file, key: scaleName(key) };
    const length = elementCount(shape.slice(1), place);
    let at = begin;
    for await (const piece of this.#stored(scale)) {
      const scales = piece.data as Float32Array<ArrayBuffer>;
      const wrong = scales.find((value) => !(Number.isFinite(value) && value >= 0));
      if (wrong !== undefined)
        throw new FormatError(place, 'scales that are finite and not negative', `${wrong}`);
      const end = at + scales.length * length;
      let from = 0;
      for await (const { data } of this.#stored({ dtype, begin: at, end }, scaledLength)) {
        const part = { data: data as Int8Array<ArrayBuffer>, scales };
        yield { shape: [part.data.length], dtype: 'float32', data: dequantizeChannels(part, length, from) };
        from += part.data.length;
      }
      at = end;
    }
  }

  close(): Promise<void> {
    return this.access.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #entry(key: string) {
    const entry = this.header.entries.get(key);
    if (entry === undefined) throw new UnknownNameError(this.file, key);
    return entry;
  }
}

/**
 * Where the values of a file begin.
 * @param start its first eight bytes.
 * @param size its length in all.
 * @throws FormatError when the header would be longer than the file, or longer than any sound one.
 */
export function safetensorsDataOffset(start: Uint8Array, size: number, file: string): number {
  if (start.length < 8) throw new FormatError({ file }, 'a safetensors file', `${start.length} bytes`);
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const length = Number(view.getBigUint64(0, true));
  if (length > maxHeaderLength || 8 + length > size) {
    const limit = Math.min(maxHeaderLength, size - 8);
    throw new FormatError({ file }, `a safetensors header of at most ${limit} bytes`, `${length}`);
  }
  return 8 + length;
}

/**
 * Reads and checks a header: every array has exactly the bytes of its shape, and together they fill the file.
 * @param bytes the header's JSON.
 * @param dataLength how many bytes follow it in the file.
 * @throws FormatError when anything else is the case.
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  dataLength: number,
  file: string,
): SafetensorsHeader {
  const json = parseHeader(bytes, { file });
  const metadata = new Map<string, string>();
  const entries = new Map<string, SafetensorsEntry>();
  for (const [key, value] of Object.entries(json)) {
    if (key !== '__metadata__') entries.set(key, parseEntry(value, { file, key }));
    else for (const [name, text] of metadataPairs(value, file)) metadata.set(name, text);
  }
  const nulls = readNulls(metadata.get(nullMetadata), entries, file);
  // It is no text of the writer's, and would be wrong in another file.
  metadata.delete(nullMetadata);
  checkLayout(entries, dataLength, file);
  const scales = scalesOf(entries, file);
  for (const key of scales.keys()) entries.delete(scaleName(key));
  return { metadata, entries, scales, nulls };
}

/**
 * The scales of int8 arrays, by the names of these.
 * @throws FormatError for others than one float32 for each place of the first axis.
 */
function scalesOf<E extends ArrayInfo>(entries: ReadonlyMap<string, E>, file: string): Map<string, E> {
  const scales = new Map<string, E>();
  for (const [key, { shape, dtype }] of entries) {
    const scale = dtype === 'int8' ? entries.get(scaleName(key)) : undefined;
    if (scale === undefined) continue;
    const [channels = 'channels'] = shape;
    const [first, ...others] = scale.shape;
    if (scale.dtype !== 'float32' || first !== channels || others.some((size) => size !== 1)) {
      throw new FormatError(
        { file, key: scaleName(key) },
        `float32 of shape (${channels}), the scales of '${key}', int8 of shape (${shape.join(', ')})`,
        `${scale.dtype} of shape (${scale.shape.join(', ')})`,
      );
    }
    scales.set(key, scale);
  }
  return scales;
}

function parseHeader(bytes: Uint8Array, place: FormatPlace): object {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    throw new FormatError(place, 'a JSON header', (error as Error).message, undefined, error);
  }
  if (!isObject(json) || !text.startsWith('{')) {
    throw new FormatError(place, 'a JSON object as header', text.slice(0, 40));
  }
  const twice = duplicateKey(text);
  if (twice !== null) throw new FormatError({ ...place, key: twice }, 'every name once', 'the name twice');
  return json;
}

function metadataPairs(value: unknown, file: string): [string, string][] {
  // The format's own library takes null for none.
  if (value === null) return [];
  const pairs = isObject(value) ? Object.entries(value) : null;
  if (pairs === null || pairs.some(([, text]) => typeof text !== 'string')) {
    throw new FormatError({ file, key: '__metadata__' }, 'an object of strings', brief(value));
  }
  return pairs;
}

function readNulls(
  text: string | undefined,
  entries: ReadonlyMap<string, unknown>,
  file: string,
): Set<string> {
  let names: unknown = [];
  try {
    if (text !== undefined) names = JSON.parse(text);
  } catch {
    names = null;
  }
  if (!Array.isArray(names) || names.some((name) => typeof name !== 'string' || entries.has(name))) {
    throw new FormatError(
      { file, key: nullMetadata },
      'a list of names that have no values',
      `${text}`.slice(0, 200),
    );
  }
  return new Set(names as string[]);
}

function parseEntry(value: unknown, place: FormatPlace): SafetensorsEntry {
  const {
    dtype: code,
    shape,
    data_offsets: offsets,
  } = isObject(value) ? (value as Record<string, unknown>) : {};
  if (typeof code !== 'string' || !isIndices(shape) || !isIndices(offsets) || offsets.length !== 2) {
    throw new FormatError(place, "'dtype', 'shape' and 'data_offsets'", brief(value));
  }
  const dtype = dtypes.get(code);
  if (dtype === undefined) {
    const advice = 'Convert the array first.';
    throw new FormatError(place, `an element type among ${[...dtypes.keys()].join(', ')}`, code, advice);
  }
  const [begin, end] = offsets as [number, number];
  const length = elementCount(shape, place) * itemSizes[dtype];
  if (end - begin !== length) {
    throw new FormatError(place, `${length} bytes for shape (${shape.join(', ')})`, `${end - begin}`);
  }
  return { dtype, shape, begin, end };
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isIndices = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

function checkLayout(entries: ReadonlyMap<string, SafetensorsEntry>, length: number, file: string): void {
  let at = 0;
  for (const [key, { begin, end }] of [...entries].sort(
    ([, a], [, b]) => a.begin - b.begin || a.end - b.end,
  )) {
    if (begin !== at) {
      const what = begin < at ? 'overlaps another array' : 'leaves a hole before it';
      throw new FormatError({ file, key }, `values that start at byte ${at}`, `${begin}, which ${what}`);
    }
    at = end;
  }
  if (at !== length) throw new FormatError({ file }, `${at} bytes of values`, `${length}`);
}

/**
 * Writes a safetensors file, byte for byte as the format's own library does. Names without a value are kept in the
 * metadata.
 * @param metadata free text to carry along.
 * @throws FormatError for a name that comes twice, for strings, which the format does not have, and for scales that do not fit.
 */
export function writeSafetensors(
  arrays: Iterable<readonly [string, NamedArray]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const { sorted, nulls } = sortForWriting(arrays);
  // What could not be read again is not written.
  scalesOf(new Map(sorted), 'safetensors');
  const text = nulls.length === 0 ? metadata : { ...metadata, [nullMetadata]: JSON.stringify(nulls) };
  const parts: string[] = [];
  if (Object.keys(text).length > 0) parts.push(`"__metadata__":${JSON.stringify(text)}`);
  let offset = 0;
  for (const [key, array] of sorted) {
    const end = offset + array.data.byteLength;
    const entry = { dtype: codes[array.dtype], shape: array.shape, data_offsets: [offset, end] };
    // By hand, as an object would put names that are integers first.
    parts.push(`${JSON.stringify(key)}:${JSON.stringify(entry)}`);
    offset = end;
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`);
  const headerLength = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + headerLength + offset).fill(0x20, 8, 8 + headerLength);
  new DataView(out.buffer).setBigUint64(0, BigInt(headerLength), true);
  out.set(json, 8);
  let at = 8 + headerLength;
  for (const [, array] of sorted) {
    out.set(bytesOfArray(array), at);
    at += array.data.byteLength;
  }
  return out;
}

type BinaryArray = Extract<NamedArray, { dtype: BinaryDtype }>;

function sortForWriting(arrays: Iterable<readonly [string, NamedArray]>): {
  sorted: (readonly [string, BinaryArray])[];
  nulls: string[];
} {
  const names = new Set<string>();
  const sorted: (readonly [string, BinaryArray])[] = [];
  const nulls: string[] = [];
  for (const [key, array] of arrays) {
    const place = { file: 'safetensors', key };
    if (names.has(key) || key === '__metadata__') {
      throw new FormatError(place, 'names that differ', `'${key}' again`, 'Rename it.');
    }
    names.add(key);
    if (array.dtype === 'object-null') {
      nulls.push(key);
      continue;
    }
    if (!isBinary(array)) {
      throw new FormatError(place, 'numbers or booleans', 'strings', 'Save it as npz, or leave it out.');
    }
    const count = elementCount(array.shape, place);
    if (array.data.length !== count) {
      throw new FormatError(
        place,
        `${count} values for shape (${array.shape.join(', ')})`,
        `${array.data.length}`,
      );
    }
    sorted.push([key, array]);
  }
  sorted.sort(([a, { dtype: p }], [b, { dtype: q }]) => rank.get(p)! - rank.get(q)! || (a < b ? -1 : 1));
  return { sorted, nulls };
}
