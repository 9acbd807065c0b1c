/**
 * A zip archive, read through its central directory: `np.savez` writes 0xffffffff for the sizes in the local headers, so
 * only the directory tells the truth. Stored and deflated entries, zip64.
 *
 * Each step takes only the bytes that it needs: `findZipDirectory` (its last bytes), `parseZipDirectory`, `locateZipEntry` (a local header).
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */

import { FormatError, type FormatPlace } from '@chaingrad/core';

/** What the directory says of an entry. */
export interface ZipRecord {
  readonly name: string;
  readonly deflated: boolean;
  readonly crc: number;
  /** Length of the content. */
  readonly size: number;
  /** Length of the stored or deflated bytes. */
  readonly packedSize: number;
  /** Where the entry's local header lies in the archive. */
  readonly local: number;
  /** Length of the name in bytes, which the local header must repeat. */
  readonly nameLength: number;
}

export interface ZipEntry extends ZipRecord {
  /** Where the stored or deflated bytes lie in the archive. */
  readonly start: number;
  readonly end: number;
}

/** Where the directory lies, and how many entries it has. */
export interface ZipDirectory {
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

/** Deflate cannot shrink more than this: 258 bytes from 2 bits. A larger claim is a lie, and is never allocated. */
const maxDeflateRatio = 1032;

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;

/** No archive of weights has more; a directory of so many is an attack on time. */
const maxEntries = 1 << 20;

/** How many bytes from the end `findZipDirectory` needs: the end record, the longest comment, the zip64 records. */
export const zipTailLength = 22 + 0xffff + 20 + 56;

/** How many bytes of a local header `locateZipEntry` needs for a record. */
export const zipLocalLength = ({ nameLength }: ZipRecord): number => 30 + nameLength;

/**
 * Finds the directory by the records at the end of an archive.
 * @param tail the last `zipTailLength` bytes of the archive, or all of a shorter one.
 * @param tailStart where they begin in the archive.
 * @throws FormatError when there is none, or it lies elsewhere than before its end record.
 */
export function findZipDirectory(tail: Uint8Array, tailStart: number, file: string): ZipDirectory {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const size = view.byteLength;
  // The record is 22 bytes and a comment of at most 65535, which must reach exactly to the end of the file.
  for (let at = size - 22; at >= Math.max(0, size - 22 - 0xffff); at--) {
    if (view.getUint32(at, true) !== endSignature || at + 22 + view.getUint16(at + 20, true) !== size)
      continue;
    let count = view.getUint16(at + 10, true);
    let length = view.getUint32(at + 12, true);
    let start = view.getUint32(at + 16, true);
    let limit = tailStart + at;
    if (at >= 20 && view.getUint32(at - 20, true) === locator64Signature) {
      limit = readOffset(view, at - 12);
      const end64 = limit - tailStart;
      if (end64 < 0 || end64 + 56 > at - 20 || view.getUint32(end64, true) !== end64Signature) {
        throw new FormatError({ file }, 'a zip64 end record', `none at byte ${limit}`);
      }
      count = readOffset(view, end64 + 32);
      length = readOffset(view, end64 + 40);
      start = readOffset(view, end64 + 48);
    }
    if (start + length > limit) {
      throw new FormatError({ file }, `a zip directory before byte ${limit}`, `${length} bytes at ${start}`);
    }
    if (count > maxEntries || count * 46 > length) {
      const most = Math.min(maxEntries, Math.floor(length / 46));
      throw new FormatError({ file }, `at most ${most} zip directory entries`, `${count}`);
    }
    return { start, end: start + length, count };
  }
  throw new FormatError({ file }, 'a zip archive (npz)', 'no zip directory at the end of the file');
}

/** A 64-bit number; beyond 2**53 it is only known to be too large, which every check then finds. */
const readOffset = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

/**
 * The entries that a directory lists, folders left out.
 * @param bytes the directory alone.
 * @throws FormatError as `readZipDirectory`, as far as the directory tells.
 */
export function parseZipDirectory(bytes: Uint8Array, directory: ZipDirectory, file: string): ZipRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: ZipRecord[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== entrySignature) {
      throw new FormatError({ file }, `${directory.count} zip directory entries`, `only ${i}`);
    }
    const length =
      46 + view.getUint16(at + 28, true) + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (at + length > bytes.length) {
      throw new FormatError({ file }, 'a zip directory entry within the directory', 'one that is cut off');
    }
    const record = readRecord(bytes, view, at, directory.start, file);
    if (names.has(record.name)) {
      throw new FormatError({ file, key: record.name }, 'every name once', 'the name twice');
    }
    names.add(record.name);
    if (!record.name.endsWith('/')) records.push(record);
    at += length;
  }
  return records;
}

function readRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  directoryStart: number,
  file: string,
): ZipRecord {
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
  if (local + 30 + packedSize > directoryStart) {
    const room = Math.max(0, directoryStart - local - 30);
    throw new FormatError(place, `${packedSize} bytes of content at ${local}`, `room for ${room}`);
  }
  const deflated = method === 8;
  if (deflated ? size > packedSize * maxDeflateRatio : size !== packedSize) {
    throw new FormatError(place, `a size that ${packedSize} bytes can hold`, `${size}`);
  }
  return { name, deflated, crc: view.getUint32(at + 16, true), size, packedSize, local, nameLength };
}

/**
 * Finds the content of an entry by its local header, which must not contradict the directory: readers that believe
 * different ones would see different files.
 * @param header `zipLocalLength(record)` bytes at `record.local`; fewer where the archive ends before.
 * @throws FormatError when it is no local header, or one of another name, compression or size.
 */
export function locateZipEntry(
  record: ZipRecord,
  header: Uint8Array,
  directory: ZipDirectory,
  file: string,
): ZipEntry {
  const place = { file, key: record.name };
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (header.length < 30 || view.getUint32(0, true) !== localSignature) {
    throw new FormatError(place, 'a zip entry', `nothing at byte ${record.local}`);
  }
  const nameLength = view.getUint16(26, true);
  const name = new TextDecoder().decode(header.subarray(30, 30 + nameLength));
  if (nameLength !== record.nameLength || name !== record.name) {
    throw new FormatError(place, 'the same name in the local zip header', `'${name}'`);
  }
  const deflated = view.getUint16(8, true) === 8;
  if (deflated !== record.deflated) {
    throw new FormatError(place, 'the same compression in the local zip header', 'another');
  }
  // Zero where the sizes follow the content (an archive that was written as a stream), full where zip64 has them.
  const sizes = [
    [view.getUint32(18, true), record.packedSize],
    [view.getUint32(22, true), record.size],
  ] as const;
  for (const [told, size] of sizes) {
    if (told !== size && told !== 0xffffffff && (told !== 0 || (view.getUint16(6, true) & 8) === 0)) {
      throw new FormatError(place, `${size} bytes in the local zip header, too`, `${told}`);
    }
  }
  const start = record.local + 30 + nameLength + view.getUint16(28, true);
  const end = start + record.packedSize;
  if (end > directory.start) {
    throw new FormatError(
      place,
      `${record.packedSize} bytes of content`,
      `room for ${Math.max(0, directory.start - start)}`,
    );
  }
  return { ...record, start, end };
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

/**
 * Entries that share bytes let a small file unpack to any size.
 * @param entries where they are not located yet, each takes what its header and content need at least.
 * @throws FormatError when two of them overlap.
 */
export function refuseOverlaps(entries: readonly (ZipRecord | ZipEntry)[], file: string): void {
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.local - b.local)) {
    if (entry.local < end) {
      throw new FormatError(
        { file, key: entry.name },
        'content of its own',
        'content that overlaps another part',
      );
    }
    end = 'end' in entry ? entry.end : entry.local + zipLocalLength(entry) + entry.packedSize;
  }
}
