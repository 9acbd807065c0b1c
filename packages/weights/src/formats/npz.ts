/**
 * NumPy's archive of named arrays, which is also Chainer's: a zip of npy files, `l1/W` lying in `l1/W.npy`. It is read by
 * parts: the directory, then of each array its header and its values, unpacked while they are read.
 */
import { type ArrayInfo, FormatError, type NamedArray, UnknownNameError } from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import { inflateStart } from './inflate.ts';
import { type NpyHeader, npyHeaderLimit, npyParts, readNpy, readNpyHeader } from './npy.ts';
import { concatenate, join, numbers } from './pieces.ts';
import type { WeightFile } from './weight-file.ts';
import { maxZipEntries, writeZip, type ZipContent } from './write-zip.ts';
import type { ZipEntry, ZipRecord } from './zip.ts';
import { ZipFile } from './zip-file.ts';

const suffix = '.npy';
/**
 * Names without a value. Chainer stores a pickled None for each, and a pickle is not for us to write; so they are listed
 * in an entry of their own, which NumPy and Chainer pass over.
 */
const nullEntry = 'chaingrad-null-names.json';
const nullInfo = { shape: [], dtype: 'object-null', data: null } as const;

const isNpy = (name: string): boolean => name.endsWith(suffix);

/** The key of an entry that is an array, or null. */
const keyOf = (name: string): string | null => (isNpy(name) ? name.slice(0, -suffix.length) : null);

const notNpz = 'It is a zip archive of something else: unpack it, and open the file of weights in it.';

/** Metadata are arrays of one string whose names begin so: NumPy reads them, Chainer passes over them. */
const isMetadata = (key: string): boolean => key.startsWith('chaingrad.');

/** The most bytes of all texts about a file of a size: deflate could make a thousand times as many of it. */
const textLimit = (size: number): number => 16 * size + (1 << 20);
/** The most bytes of an array of texts: they are no weights, and become many times as many in memory. */
const maxTextArray = 1 << 22;

async function readText(zip: ZipFile, record: ZipRecord, key: string, limit: number): Promise<string> {
  const place = { file: zip.access.name, key };
  const array = readNpy(await zip.small(record, limit), place);
  if (array.dtype !== 'str' || array.data.length !== 1)
    throw new FormatError(place, 'one string', array.dtype);
  return array.data[0]!;
}

/** The arrays of an npz file. */
export class NpzWeights implements WeightFile {
  readonly format = 'npz';
  readonly #zip: ZipFile;
  readonly #records = new Map<string, ZipRecord>();
  readonly #heads = new Map<string, Promise<Head>>();
  readonly #nulls: ReadonlySet<string>;

  private constructor(
    zip: ZipFile,
    nulls: ReadonlySet<string>,
    readonly metadata: ReadonlyMap<string, string>,
  ) {
    this.#zip = zip;
    this.#nulls = nulls;
    for (const [name, record] of zip.records) {
      const key = keyOf(name);
      if (key !== null && !isMetadata(key)) this.#records.set(key, record);
    }
    for (const key of nulls) {
      if (this.#records.has(key)) throw new FormatError({ file: this.file, key }, 'an array or None', 'both');
    }
  }

  /** @throws FormatError when it is no sound archive. */
  static async open(access: RandomAccess): Promise<NpzWeights> {
    const zip = await ZipFile.open(access);
    const nulls = zip.records.get(nullEntry);
    const metadata = new Map<string, string>();
    let room = textLimit(access.size);
    for (const [name, record] of zip.records) {
      const key = keyOf(name);
      if (key === null || !isMetadata(key)) continue;
      metadata.set(key, await readText(zip, record, key, room));
      room -= record.size;
    }
    if (zip.records.size > 0 && nulls === undefined && ![...zip.records.keys()].some(isNpy)) {
      const found = [...zip.records.keys()].slice(0, 8).join(', ');
      throw new FormatError({ file: access.name }, 'an npz archive (entries *.npy)', found, notNpz);
    }
    return new NpzWeights(zip, nulls === undefined ? new Set() : await readNulls(zip, nulls, room), metadata);
  }

  get file(): string {
    return this.#zip.access.name;
  }

  keys(): string[] {
    return [...this.#records.keys(), ...this.#nulls];
  }

  has(key: string): boolean {
    return this.#records.has(key) || this.#nulls.has(key);
  }

  async info(key: string): Promise<ArrayInfo> {
    if (this.#nulls.has(key)) return nullInfo;
    const { shape, dtype } = (await this.#head(key)).header;
    return { shape, dtype };
  }

  async *chunks(key: string): AsyncGenerator<NamedArray> {
    if (this.#nulls.has(key)) return yield nullInfo;
    const { header, entry } = await this.#head(key);
    const { dtype, fortranOrder, shape } = header;
    const content = this.#zip.content(entry);
    if (dtype === 'str' || dtype === 'object-null' || (fortranOrder && shape.length > 1)) {
      if (dtype === 'str' && entry.size > maxTextArray) {
        const place = { file: this.file, key };
        throw new FormatError(place, `texts of at most ${maxTextArray} bytes`, `${entry.size}`, 'Ignore it.');
      }
      // What is not in the order of the values, or not of a fixed size, is decoded as a whole.
      const array = readNpy(await concatenate(content, entry.size), { file: this.file, key });
      yield array.dtype === 'str' || array.dtype === 'object-null'
        ? array
        : ({ ...array, shape: [array.data.length] } as NamedArray);
      return;
    }
    yield* numbers(content, dtype, header.littleEndian, header.dataOffset);
  }

  close(): Promise<void> {
    return this.#zip.access.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #head(key: string): Promise<Head> {
    let head = this.#heads.get(key);
    if (head === undefined) {
      head = this.#readHead(key);
      this.#heads.set(key, head);
    }
    return head;
  }

  async #readHead(key: string): Promise<Head> {
    const record = this.#records.get(key);
    if (record === undefined) throw new UnknownNameError(this.file, key);
    const place = { file: this.file, key };
    const { entry, start } = await this.#zip.locate(record, headAhead);
    // Almost every header lies within 128 bytes; only a longer one needs a second look.
    let bytes = entry.deflated ? inflateStart(start) : start;
    const needed = Math.min(headerEnd(bytes), npyHeaderLimit, entry.size);
    if (needed > bytes.length || bytes.length < 12)
      bytes = await this.#beginning(entry, Math.max(needed, 12));
    const header = readNpyHeader(bytes, place);
    const total = header.dataOffset + header.dataLength;
    if (header.dtype !== 'object-null' && total !== entry.size) {
      throw new FormatError(
        place,
        `an entry of ${total} bytes for shape (${header.shape.join(', ')})`,
        `one of ${entry.size}`,
      );
    }
    return { header, entry };
  }

  async #beginning(entry: ZipEntry, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let got = 0;
    for await (const part of this.#zip.content(entry)) {
      parts.push(part.slice());
      got += part.length;
      if (got >= length) break;
    }
    return join(parts, got);
  }
}

interface Head {
  readonly header: NpyHeader;
  readonly entry: ZipEntry;
}

/** How many packed bytes are read along with a local header: an npy header mostly has 128. */
const headAhead = 256;

/** Where the header of an npy file says that it ends. */
function headerEnd(start: Uint8Array): number {
  if (start.length < 12) return 12;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  return start[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
}

async function readNulls(zip: ZipFile, record: ZipRecord, limit: number): Promise<Set<string>> {
  const place = { file: zip.access.name, key: record.name };
  const text = new TextDecoder().decode(await zip.small(record, limit));
  let names: unknown = null;
  try {
    names = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    throw new FormatError(place, 'a list of names', text.slice(0, 100));
  }
  return new Set(names);
}

export interface WriteNpzOptions {
  /** Deflates the arrays, as Chainer does by default. Without it the file is a little larger, and much faster. */
  readonly compression?: boolean | undefined;
  /** Free text to carry along; each name begins with `chaingrad.`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes an npz file. The same arrays give the same bytes: entries carry the fixed date 1980-01-01, as NumPy's do.
 * None is kept too, without a pickle: readable here, absent for NumPy and Chainer.
 * @param arrays names without `.npy` and without a leading slash.
 * @throws FormatError for a name that comes twice or is empty, more than 65534 arrays, 4 GiB and more, and what an npy file cannot hold.
 */
export function writeNpz(
  arrays: Iterable<readonly [string, NamedArray]>,
  { compression = true, metadata = {} }: WriteNpzOptions = {},
): Uint8Array<ArrayBuffer> {
  const entries: ZipContent[] = [];
  const names = new Set<string>();
  const nulls: string[] = [];
  const texts = Object.entries(metadata).map(([key, text]): [string, NamedArray] => {
    if (!isMetadata(key))
      throw new FormatError({ file: 'npz', key }, "a name like 'chaingrad.about'", `'${key}'`);
    return [key, { shape: [], dtype: 'str', data: [text] }];
  });
  for (const [key, array] of [...arrays, ...texts]) {
    const place = { file: 'npz', key };
    if (key === '' || names.has(key)) {
      throw new FormatError(place, 'names that are not empty and differ', `'${key}'`, 'Rename it.');
    }
    names.add(key);
    // One entry is for the nulls.
    if (names.size >= maxZipEntries)
      throw new FormatError(place, `at most ${maxZipEntries - 1} arrays`, 'more', 'Split them.');
    if (array.dtype === 'object-null') nulls.push(key);
    else entries.push({ name: key + suffix, parts: npyParts(array, place) });
  }
  if (nulls.length > 0) {
    entries.push({ name: nullEntry, parts: [new TextEncoder().encode(JSON.stringify(nulls))] });
  }
  return writeZip(entries, { compression });
}
