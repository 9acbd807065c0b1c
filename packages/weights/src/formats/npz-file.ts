/** NumPy's archive of named arrays, which is also Chainer's: a zip of npy files, `l1/W` lying in `l1/W.npy`. */
import {
  type ArrayFile,
  type ArrayInfo,
  FormatError,
  type NamedArray,
  UnknownNameError,
} from '@chaingrad/core';
import { type NpyHeader, npyHeaderLimit, npyParts, readNpy, readNpyHeader } from './npy.ts';
import { maxZipEntries, writeZip, type ZipContent } from './write-zip.ts';
import { readZipDirectory, readZipEntry, readZipEntryStart, type ZipEntry } from './zip.ts';

const suffix = '.npy';

/**
 * Names without a value. Chainer stores a pickled None for each, and a pickle is not for us to write; so they are listed
 * in an entry of their own, which NumPy and Chainer pass over.
 */
const nullEntry = 'chaingrad-null-names.json';
const maxNullLength = 1 << 24;
const nullInfo = { shape: [], dtype: 'object-null', data: null } as const;

/**
 * The arrays of an npz file, each unpacked and decoded when it is asked for.
 * The sizes that the archive and the array's header declare must agree before anything is allocated.
 */
export class NpzFile implements ArrayFile {
  /** Names of entries that are not npy files, and so not arrays. */
  readonly others: readonly string[];
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #entries = new Map<string, ZipEntry>();
  readonly #headers = new Map<string, NpyHeader>();
  readonly #nulls = new Set<string>();

  /**
   * @param bytes the whole file; kept, not copied.
   * @param file the file's name, for messages.
   * @throws FormatError when the archive's directory is damaged.
   */
  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    readonly file: string = 'npz',
  ) {
    this.#bytes = bytes;
    const others: string[] = [];
    for (const entry of readZipDirectory(bytes, file)) {
      if (entry.name.endsWith(suffix)) this.#entries.set(entry.name.slice(0, -suffix.length), entry);
      else if (entry.name === nullEntry) this.#readNulls(entry);
      else others.push(entry.name);
    }
    this.others = others;
    for (const key of this.#nulls) {
      if (this.#entries.has(key)) throw new FormatError({ file, key }, 'an array or None', 'both');
    }
  }

  keys(): string[] {
    return [...this.#entries.keys(), ...this.#nulls];
  }

  has(key: string): boolean {
    return this.#entries.has(key) || this.#nulls.has(key);
  }

  /** @throws FormatError for a damaged header; UnknownNameError when there is no such array. */
  info(key: string): ArrayInfo {
    if (this.#nulls.has(key)) return nullInfo;
    let header = this.#headers.get(key);
    if (header === undefined) {
      header = this.#readHeader(key);
      this.#headers.set(key, header);
    }
    return header;
  }

  /** @throws FormatError for damaged content; UnknownNameError when there is no such array. */
  read(key: string): NamedArray {
    if (this.#nulls.has(key)) return nullInfo;
    this.info(key);
    return readNpy(readZipEntry(this.#bytes, this.#entry(key), this.file), { file: this.file, key });
  }

  #readNulls(entry: ZipEntry): void {
    const place = { file: this.file, key: entry.name };
    if (entry.size > maxNullLength)
      throw new FormatError(place, `at most ${maxNullLength} bytes`, `${entry.size}`);
    const text = new TextDecoder().decode(readZipEntry(this.#bytes, entry, this.file));
    let names: unknown;
    try {
      names = JSON.parse(text);
    } catch (error) {
      throw new FormatError(place, 'JSON', (error as Error).message, undefined, error);
    }
    if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
      throw new FormatError(place, 'a list of names', text.slice(0, 100));
    }
    for (const name of names) this.#nulls.add(name);
  }

  #readHeader(key: string): NpyHeader {
    const entry = this.#entry(key);
    const place = { file: this.file, key };
    // Almost every header lies within 128 bytes; only a longer one needs a second look.
    let start = readZipEntryStart(this.#bytes, entry, this.file, 128);
    const declared = start.length < 12 ? 0 : headerEnd(start);
    if (declared > start.length) {
      start = readZipEntryStart(this.#bytes, entry, this.file, Math.min(declared, npyHeaderLimit));
    }
    const header = readNpyHeader(start, place);
    const total = header.dataOffset + header.dataLength;
    if (header.dtype !== 'object-null' && total !== entry.size) {
      const shape = `shape (${header.shape.join(', ')})`;
      throw new FormatError(place, `an entry of ${total} bytes for ${shape}`, `one of ${entry.size}`);
    }
    return header;
  }

  #entry(key: string): ZipEntry {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new UnknownNameError(this.file, key);
    return entry;
  }
}

/** Where the header of an npy file says that it ends. */
function headerEnd(start: Uint8Array): number {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  return start[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
}

/**
 * Opens an npz file.
 * @param bytes the whole file; kept, not copied.
 * @throws FormatError when it is not a sound zip archive.
 */
export const openNpz = (bytes: Uint8Array<ArrayBuffer>, file?: string): NpzFile => new NpzFile(bytes, file);

export interface WriteNpzOptions {
  /** Deflates the arrays, as Chainer does by default. Without it the file is a little larger, and much faster. */
  readonly compression?: boolean;
}

/**
 * Writes an npz file. The same arrays give the same bytes: entries carry the fixed date 1980-01-01, as NumPy's do.
 * None is kept too, without a pickle: readable here, absent for NumPy and Chainer.
 * @param arrays names without `.npy` and without a leading slash.
 * @throws FormatError for a name that comes twice or is empty, more than 65534 arrays, 4 GiB and more, and what an npy file cannot hold.
 */
export function writeNpz(
  arrays: Iterable<readonly [string, NamedArray]>,
  { compression = true }: WriteNpzOptions = {},
): Uint8Array<ArrayBuffer> {
  const entries: ZipContent[] = [];
  const names = new Set<string>();
  const nulls: string[] = [];
  for (const [key, array] of arrays) {
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
