/** NumPy's archive of named arrays, which is also Chainer's: a zip of npy files, `l1/W` lying in `l1/W.npy`. */
import { zipSync } from 'fflate';
import { UnknownNameError } from '../errors.ts';
import { FormatError } from './format-error.ts';
import type { ArrayFile, NamedArray } from './named-array.ts';
import { type NpyHeader, npyHeaderLimit, readNpy, readNpyHeader, writeNpy } from './npy.ts';
import { readZipDirectory, readZipEntry, readZipEntryStart, type ZipEntry } from './zip.ts';

const suffix = '.npy';

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
      else others.push(entry.name);
    }
    this.others = others;
  }

  keys(): string[] {
    return [...this.#entries.keys()];
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** @throws FormatError for a damaged header; UnknownNameError when there is no such array. */
  info(key: string): NpyHeader {
    let header = this.#headers.get(key);
    if (header === undefined) {
      header = this.#readHeader(key);
      this.#headers.set(key, header);
    }
    return header;
  }

  /** @throws FormatError for damaged content; UnknownNameError when there is no such array. */
  read(key: string): NamedArray {
    this.info(key);
    return readNpy(readZipEntry(this.#bytes, this.#entry(key), this.file), { file: this.file, key });
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
  /** `stored` is larger but fast to write and to read. Default `deflate`, as in Chainer. */
  readonly compression?: 'deflate' | 'stored';
}

/** The format's limits without zip64, which no JavaScript array of bytes would outgrow by much. */
const maxEntries = 0xffff;

/**
 * Writes an npz file. The same arrays give the same bytes: entries carry the fixed date 1980-01-01, as NumPy's do.
 * @param arrays names without `.npy` and without a leading slash.
 * @throws FormatError for a name that comes twice or is empty, more than 65535 arrays, and what an npy file cannot hold.
 */
export function writeNpz(
  arrays: Iterable<readonly [string, NamedArray]>,
  { compression = 'deflate' }: WriteNpzOptions = {},
): Uint8Array<ArrayBuffer> {
  const files: Record<string, Uint8Array> = Object.create(null);
  let count = 0;
  for (const [key, array] of arrays) {
    const place = { file: 'npz', key };
    const name = key + suffix;
    if (key === '' || name in files) {
      throw new FormatError(place, 'names that are not empty and differ', `'${key}'`, 'Rename it.');
    }
    if (++count > maxEntries)
      throw new FormatError(place, `at most ${maxEntries} arrays`, 'more', 'Split them.');
    files[name] = writeNpy(array, place);
  }
  const level = compression === 'stored' ? 0 : 6;
  return zipSync(files, { level, mtime: new Date(1980, 0, 1) }) as Uint8Array<ArrayBuffer>;
}
