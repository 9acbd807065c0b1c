import { FormatError } from '@chaingrad/core';
import type { RandomAccess } from '../sources/random-access.ts';
import { readPieces } from '../sources/read-pieces.ts';
import { crc32 } from './crc32.ts';
import { type Inflater, inflateStep, newInflater } from './inflate.ts';
import { concatenate, regroup } from './pieces.ts';
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

/** How many unpacked bytes come at once. */
const pieceLength = 1 << 18;

/** A zip archive by parts: the directory, then each entry when it is asked for. */
export class ZipFile {
  readonly records: ReadonlyMap<string, ZipRecord>;
  /** Of each entry where the next one begins. */
  readonly #limits = new Map<ZipRecord, number>();

  private constructor(
    readonly access: RandomAccess,
    readonly directory: ZipDirectory,
    records: readonly ZipRecord[],
  ) {
    this.records = new Map(records.map((record) => [record.name, record]));
    let limit = directory.start;
    for (const record of [...records].sort((a, b) => b.local - a.local)) {
      this.#limits.set(record, limit);
      limit = record.local;
    }
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
    // Up to the next entry: the extra field of a local header could push the content into another's.
    const own = { ...directory, start: this.#limits.get(record) ?? directory.start };
    const entry = locateZipEntry(record, bytes, own, access.name);
    const start = entry.start - record.local;
    return {
      entry,
      start: bytes.subarray(Math.min(start, bytes.length), Math.min(bytes.length, entry.end - record.local)),
    };
  }

  /**
   * The content of an entry, unpacked, piece by piece; length and checksum are checked at the end.
   * @yields bytes that are good until the next ones are asked for.
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

  #packed({ start, end }: ZipEntry, step?: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    return readPieces(this.access, start, end, step);
  }

  async *#inflated(entry: ZipEntry): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const place = { file: this.access.name, key: entry.name };
    const inflater = newInflater();
    const unread: unknown[] = [];
    const fed = this.#feed(entry, inflater).catch((error: unknown) => unread.push(error));
    try {
      yield* regroup(inflater.parts, Math.max(1, Math.min(entry.size, pieceLength)));
    } catch (error) {
      await fed;
      // What could not be read is said as it is; the rest is damage.
      if (unread.length > 0) throw unread[0];
      throw new FormatError(place, 'deflated data', `damage (${(error as Error).message})`, undefined, error);
    } finally {
      // A consumer that needs no more stops the feeding, too.
      await inflater.parts.return(undefined);
      await fed;
    }
  }

  /**
   * Gives an inflater the packed bytes; what it does not take, as they are damaged or no one reads any more, shows at its other
   * end.
   * @throws what the file's reader throws.
   */
  async #feed(entry: ZipEntry, inflater: Inflater): Promise<void> {
    try {
      for await (const packed of this.#packed(entry, inflateStep)) {
        if (!(await inflater.write(packed))) return;
      }
    } catch (error) {
      inflater.fail(error as Error);
      throw error;
    }
    inflater.end();
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
