/** npz files by parts: the directory, then of each array its header and its values, unpacked while they are read. */
import {
  type ArrayInfo,
  arrayFromBytes,
  FormatError,
  itemSizes,
  type NamedArray,
  UnknownNameError,
} from '@chaingrad/core';
import { Inflate } from 'fflate';
import type { RandomAccess } from '../sources/random-access.ts';
import { crc32 } from './crc32.ts';
import { type NpyHeader, npyHeaderLimit, readNpy, readNpyHeader } from './npy.ts';
import { chunkLength, type WeightFile } from './weight-file.ts';
import {
  findZipDirectory,
  locateZipEntry,
  parseZipDirectory,
  refuseOverlaps,
  type ZipDirectory,
  type ZipEntry,
  type ZipRecord,
  zipLocalLength,
  zipTailLength,
} from './zip.ts';

/** A zip archive by parts. */
export class ZipFile {
  readonly records: ReadonlyMap<string, ZipRecord>;

  private constructor(
    readonly access: RandomAccess,
    readonly directory: ZipDirectory,
    records: readonly ZipRecord[],
  ) {
    this.records = new Map(records.map((record) => [record.name, record]));
  }

  /** @throws FormatError when the directory is missing, or describes what cannot be. */
  static open(access: RandomAccess): Promise<ZipFile> {
    let zip = opened.get(access);
    if (zip === undefined) {
      zip = ZipFile.#read(access);
      opened.set(access, zip);
    }
    return zip;
  }

  static async #read(access: RandomAccess): Promise<ZipFile> {
    const { name, size } = access;
    const { directory, tail, tailStart } = await findDirectory(access);
    const bytes =
      directory.start >= tailStart
        ? tail.subarray(directory.start - tailStart, directory.end - tailStart)
        : await access.read(directory.start, Math.min(directory.end, size));
    const records = parseZipDirectory(bytes, directory, name);
    refuseOverlaps(records, name);
    return new ZipFile(access, directory, records);
  }

  /**
   * Where an entry's content lies, and the first bytes behind its local header.
   * @param ahead how many bytes of the content to read along with the header, if there are so many.
   */
  async locate(record: ZipRecord, ahead = 0): Promise<{ entry: ZipEntry; start: Uint8Array<ArrayBuffer> }> {
    const { access, directory } = this;
    // Extra fields are a few bytes mostly; reading a little more saves asking again.
    const length = zipLocalLength(record) + ahead + (ahead > 0 ? 64 : 0);
    const end = Math.min(record.local + length, directory.start);
    const bytes = await access.read(record.local, end);
    const entry = locateZipEntry(record, bytes, directory, access.name);
    const start = entry.start - record.local;
    return {
      entry,
      start: bytes.subarray(Math.min(start, bytes.length), Math.min(bytes.length, entry.end - record.local)),
    };
  }

  /**
   * The content of an entry, unpacked, piece by piece; length and checksum are checked at the end.
   * @throws FormatError when they are others than declared, as soon as it shows.
   */
  async *content(entry: ZipEntry): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const place = { file: this.access.name, key: entry.name };
    let length = 0;
    let crc = 0;
    for await (const part of entry.deflated ? this.#inflated(entry) : this.#packed(entry)) {
      length += part.length;
      if (length > entry.size) throw new FormatError(place, `${entry.size} bytes of content`, 'more');
      crc = crc32(part, crc);
      yield part;
    }
    if (length !== entry.size) throw new FormatError(place, `${entry.size} bytes of content`, `${length}`);
    if (crc !== entry.crc)
      throw new FormatError(place, `checksum ${entry.crc.toString(16)}`, crc.toString(16));
  }

  async *#packed({ start, end }: ZipEntry, step = chunkLength): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = start; at < end; at += step) yield await this.access.read(at, Math.min(end, at + step));
  }

  async *#inflated(entry: ZipEntry): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const place = { file: this.access.name, key: entry.name };
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let total = 0;
    const inflate = new Inflate((part) => {
      total += part.length;
      // Content that is longer than declared is not kept, however much of it there is.
      if (total <= entry.size + chunkLength) parts.push(part as Uint8Array<ArrayBuffer>);
    });
    let left = entry.end - entry.start;
    for await (const packed of this.#packed(entry)) {
      // In small steps: 16 KiB unpack to 16 MiB at most.
      for (let at = 0; at < packed.length; at += 1 << 14) {
        const piece = packed.subarray(at, at + (1 << 14));
        left -= piece.length;
        try {
          inflate.push(piece, left === 0);
        } catch (error) {
          throw new FormatError(
            place,
            'deflated data',
            `damage (${(error as Error).message})`,
            undefined,
            error,
          );
        }
        if (total > entry.size) throw new FormatError(place, `${entry.size} bytes of content`, 'more');
        yield* parts.splice(0);
      }
    }
  }

  /** An entry that is small enough to be read as a whole. */
  async small(record: ZipRecord, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    if (record.size > limit) {
      const place = { file: this.access.name, key: record.name };
      throw new FormatError(place, `at most ${limit} bytes`, `${record.size}`);
    }
    const { entry } = await this.locate(record);
    return concatenate(this.content(entry), record.size);
  }
}

/** Archives by their files: what a file is, and what is in it, is found in the same directory. */
const opened = new WeakMap<RandomAccess, Promise<ZipFile>>();

/** Almost every archive ends without a comment: its last bytes are enough, and a remote file sends no more. */
const shortTail = 8192;

async function findDirectory(access: RandomAccess) {
  const { name, size } = access;
  for (const length of [shortTail, zipTailLength]) {
    const tailStart = Math.max(0, size - length);
    const tail = await access.read(tailStart, size);
    try {
      return { directory: findZipDirectory(tail, tailStart, name), tail, tailStart };
    } catch (error) {
      if (length === zipTailLength || tailStart === 0) throw error;
    }
  }
  throw new FormatError({ file: name }, 'a zip archive', 'no zip directory');
}

const suffix = '.npy';
/** What `writeNpz` keeps names without a value in. */
const nullEntry = 'chaingrad-null-names.json';
const nullInfo = { shape: [], dtype: 'object-null', data: null } as const;

/** The arrays of an npz file. */
export class NpzWeights implements WeightFile {
  readonly format = 'npz';
  readonly #zip: ZipFile;
  readonly #records = new Map<string, ZipRecord>();
  readonly #heads = new Map<string, Promise<Head>>();
  readonly #nulls: ReadonlySet<string>;

  private constructor(zip: ZipFile, nulls: ReadonlySet<string>) {
    this.#zip = zip;
    this.#nulls = nulls;
    for (const [name, record] of zip.records) {
      if (name.endsWith(suffix)) this.#records.set(name.slice(0, -suffix.length), record);
    }
    for (const key of nulls) {
      if (this.#records.has(key)) throw new FormatError({ file: this.file, key }, 'an array or None', 'both');
    }
  }

  /** @throws FormatError when it is no sound archive. */
  static async open(access: RandomAccess): Promise<NpzWeights> {
    const zip = await ZipFile.open(access);
    const record = zip.records.get(nullEntry);
    return new NpzWeights(zip, record === undefined ? new Set() : await readNulls(zip, record));
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
      parts.push(part);
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

const headAhead = 256;

/** What the first bytes of deflated content unpack to. */
function inflateStart(packed: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let got = 0;
  const inflate = new Inflate((part) => {
    parts.push(part as Uint8Array<ArrayBuffer>);
    got += part.length;
  });
  try {
    inflate.push(packed, false);
  } catch {
    // Damage shows when the whole is read.
  }
  return join(parts, got);
}

/** Where the header of an npy file says that it ends. */
function headerEnd(start: Uint8Array): number {
  if (start.length < 12) return 12;
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  return start[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
}

async function readNulls(zip: ZipFile, record: ZipRecord): Promise<Set<string>> {
  const place = { file: zip.access.name, key: record.name };
  const text = new TextDecoder().decode(await zip.small(record, 1 << 24));
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

/**
 * Bytes of any division as flat arrays, each of whole elements.
 * @param skip how many bytes at the beginning are no values.
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

/** Collects pieces whose length in all is known. */
export async function concatenate(
  parts: AsyncIterable<Uint8Array<ArrayBuffer>>,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const all: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of parts) all.push(part);
  return join(all, length);
}

export function join(parts: readonly Uint8Array<ArrayBuffer>[], length: number): Uint8Array<ArrayBuffer> {
  if (parts.length === 1 && parts[0]!.length === length) return parts[0]!;
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
