/**
 * A zip archive in memory, read through its central directory: `np.savez` writes 0xffffffff for the sizes in the
 * local headers, so only the directory tells the truth. Stored and deflated entries, zip64.
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import { Inflate, inflateSync } from 'fflate';
import { crc32 } from './crc32.ts';
import { FormatError, type FormatPlace } from './format-error.ts';

export interface ZipEntry {
  readonly name: string;
  readonly deflated: boolean;
  readonly crc: number;
  /** Length of the content. */
  readonly size: number;
  /** Where the stored or deflated bytes lie in the archive. */
  readonly start: number;
  readonly end: number;
}

/** Deflate cannot shrink more than this: 258 bytes from 2 bits. A larger claim is a lie, and is never allocated. */
const maxDeflateRatio = 1032;

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;

/**
 * The entries of an archive, folders left out.
 * @throws FormatError when the directory is missing, is cut off, names an entry twice, or points outside of the file
 * or at overlapping data; and for encrypted entries and other compressions.
 */
export function readZipDirectory(bytes: Uint8Array, file: string): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = findDirectory(view, file);
  const entries: ZipEntry[] = [];
  const names = new Set<string>();
  let at = directory.start;
  for (let i = 0; i < directory.count; i++) {
    if (at + 46 > directory.end || view.getUint32(at, true) !== entrySignature) {
      throw new FormatError({ file }, `${directory.count} zip directory entries`, `only ${i}`);
    }
    const length =
      46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (at + length > directory.end) {
      throw new FormatError({ file }, 'a zip directory entry within the directory', 'one that is cut off');
    }
    const entry = readEntry(bytes, view, at, file);
    if (names.has(entry.name)) {
      throw new FormatError({ file, key: entry.name }, 'every name once', 'the name twice');
    }
    names.add(entry.name);
    if (!entry.name.endsWith('/')) entries.push(entry);
    at += length;
  }
  refuseOverlaps(entries, directory.start, file);
  return entries;
}

function findDirectory(view: DataView, file: string): { start: number; end: number; count: number } {
  const size = view.byteLength;
  // The record is 22 bytes and a comment of at most 65535, which must reach exactly to the end of the file.
  for (let at = size - 22; at >= Math.max(0, size - 22 - 0xffff); at--) {
    if (view.getUint32(at, true) !== endSignature || at + 22 + view.getUint16(at + 20, true) !== size)
      continue;
    let count = view.getUint16(at + 10, true);
    let length = view.getUint32(at + 12, true);
    let start = view.getUint32(at + 16, true);
    let limit = at;
    if (at >= 20 && view.getUint32(at - 20, true) === locator64Signature) {
      limit = readOffset(view, at - 12);
      if (limit + 56 > at - 20 || view.getUint32(limit, true) !== end64Signature) {
        throw new FormatError({ file }, 'a zip64 end record', `none at byte ${limit}`);
      }
      count = readOffset(view, limit + 32);
      length = readOffset(view, limit + 40);
      start = readOffset(view, limit + 48);
    }
    if (start + length > limit) {
      throw new FormatError({ file }, `a zip directory before byte ${limit}`, `${length} bytes at ${start}`);
    }
    return { start, end: start + length, count };
  }
  throw new FormatError({ file }, 'a zip archive (npz)', 'no zip directory at the end of the file');
}

/** A 64-bit number; beyond 2**53 it is only known to be too large, which every check then finds. */
const readOffset = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

function readEntry(bytes: Uint8Array, view: DataView, at: number, file: string): ZipEntry {
  const nameLength = view.getUint16(at + 28, true);
  const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
  const place = { file, key: name };
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  if (flags & 1) throw new FormatError(place, 'no encryption', 'an encrypted entry', 'Write it without.');
  if (method !== 0 && method !== 8) {
    throw new FormatError(
      place,
      'a stored or deflated entry',
      `compression ${method}`,
      'Write it with np.savez.',
    );
  }
  const packed = view.getUint32(at + 20, true);
  const plain = view.getUint32(at + 24, true);
  const offset = view.getUint32(at + 42, true);
  const extraStart = at + 46 + nameLength;
  const wide = new Zip64Fields(view, extraStart, extraStart + view.getUint16(at + 30, true));
  // The order is the format's: plain size, packed size, offset; each only where the 32-bit field is full.
  const size = plain === 0xffffffff ? wide.next(place) : plain;
  const packedSize = packed === 0xffffffff ? wide.next(place) : packed;
  const local = offset === 0xffffffff ? wide.next(place) : offset;
  if (local + 30 > view.byteLength || view.getUint32(local, true) !== localSignature) {
    throw new FormatError(place, 'a zip entry', `nothing at byte ${local}`);
  }
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const end = start + packedSize;
  if (end > view.byteLength) {
    throw new FormatError(place, `${packedSize} bytes of content`, `${Math.max(0, view.byteLength - start)}`);
  }
  const deflated = method === 8;
  if (deflated ? size > packedSize * maxDeflateRatio : size !== packedSize) {
    throw new FormatError(place, `a size that ${packedSize} bytes can hold`, `${size}`);
  }
  return { name, deflated, crc: view.getUint32(at + 16, true), size, start, end };
}

/** The 64-bit numbers of a directory entry's extra field 0x0001, one after the other. */
class Zip64Fields {
  #at = 0;
  #end = 0;

  constructor(
    readonly view: DataView,
    start: number,
    end: number,
  ) {
    for (let at = start; at + 4 <= end; at += 4 + view.getUint16(at + 2, true)) {
      if (view.getUint16(at, true) !== 1) continue;
      this.#at = at + 4;
      this.#end = Math.min(end, at + 4 + view.getUint16(at + 2, true));
      return;
    }
  }

  next(place: FormatPlace): number {
    if (this.#at + 8 > this.#end) throw new FormatError(place, 'zip64 sizes', 'none');
    this.#at += 8;
    return readOffset(this.view, this.#at - 8);
  }
}

/** Entries that share bytes let a small file unpack to any size. */
function refuseOverlaps(entries: readonly ZipEntry[], directoryStart: number, file: string): void {
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.start - b.start)) {
    // Every entry has 30 bytes of header at least before its content.
    if (entry.start - 30 < end || entry.end > directoryStart) {
      throw new FormatError(
        { file, key: entry.name },
        'content of its own',
        'content that overlaps another part',
      );
    }
    end = entry.end;
  }
}

/**
 * The content of an entry, its length and checksum checked. Stored entries share the archive's memory.
 * @throws FormatError when the deflated data is damaged, longer or shorter than declared, or has another checksum.
 */
export function readZipEntry(
  bytes: Uint8Array<ArrayBuffer>,
  entry: ZipEntry,
  file: string,
): Uint8Array<ArrayBuffer> {
  const place = { file, key: entry.name };
  const packed = bytes.subarray(entry.start, entry.end);
  let content = packed;
  if (entry.deflated) {
    try {
      // One byte more than declared, so that content that is too long shows.
      content = inflateSync(packed, { out: new Uint8Array(entry.size + 1) }) as Uint8Array<ArrayBuffer>;
    } catch (error) {
      throw damaged(place, error);
    }
  }
  if (content.length !== entry.size) {
    const got = content.length > entry.size ? 'more' : `${content.length}`;
    throw new FormatError(place, `${entry.size} bytes of content`, got);
  }
  const crc = crc32(content);
  if (crc !== entry.crc) {
    throw new FormatError(place, `checksum ${entry.crc.toString(16)}`, crc.toString(16));
  }
  return content;
}

/** The first bytes of an entry, at least `length` of them if there are so many; unpacks no more than it must. */
export function readZipEntryStart(
  bytes: Uint8Array,
  entry: ZipEntry,
  file: string,
  length: number,
): Uint8Array {
  const packed = bytes.subarray(entry.start, entry.end);
  if (!entry.deflated) return packed.subarray(0, length);
  const parts: Uint8Array[] = [];
  let got = 0;
  const inflate = new Inflate((part) => {
    parts.push(part);
    got += part.length;
  });
  const step = 512;
  try {
    for (let at = 0; at < packed.length && got < length; at += step) {
      inflate.push(packed.subarray(at, at + step), at + step >= packed.length);
    }
  } catch (error) {
    throw damaged({ file, key: entry.name }, error);
  }
  const out = new Uint8Array(got);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const damaged = (place: FormatPlace, error: unknown): FormatError =>
  new FormatError(place, 'deflated data', `damage (${(error as Error).message})`, undefined, error);
