/** Writes zip archives. Stored content is copied once, from where it lies into the archive: snapshots are large and frequent. */

import { FormatError } from '@chaingrad/core';
import { deflateSync } from 'fflate';
import { crc32 } from './crc32.ts';

export interface ZipContent {
  readonly name: string;
  /** The content, in pieces that follow each other. */
  readonly parts: readonly Uint8Array[];
}

/** The format's limits without zip64, which no JavaScript array of bytes would outgrow by much. */
export const maxZipEntries = 0xffff;
const maxLength = 0xffffffff;

const localLength = 30;
const directoryLength = 46;
const endLength = 22;

/** Days, months and years since 1980 in bit fields: the first of January 1980. */
const date = (1 << 5) | 1;
const version = 20;
const namesAreUtf8 = 0x800;

const lengthOf = (parts: readonly Uint8Array[]): number => parts.reduce((sum, { length }) => sum + length, 0);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * A zip archive; the same entries give the same bytes, dated 1980-01-01.
 * @param entries names that differ, at most `maxZipEntries`.
 * @throws FormatError when the archive would have 4 GiB or more, or a name more than 65535 bytes.
 */
export function writeZip(
  entries: readonly ZipContent[],
  { compression }: { readonly compression: boolean },
): Uint8Array<ArrayBuffer> {
  let end = 0;
  const records = entries.map((entry) => {
    const name = new TextEncoder().encode(entry.name);
    if (name.length > 0xffff) {
      throw new FormatError(
        { file: 'zip', key: entry.name },
        'a name of at most 65535 bytes',
        `${name.length}`,
      );
    }
    const packed = compression ? [deflateSync(joined(entry.parts), { level: 6 })] : entry.parts;
    const packedSize = lengthOf(packed);
    const local = end;
    end += localLength + name.length + packedSize;
    const crc = entry.parts.reduce((before, part) => crc32(part, before), 0);
    return { name, packed, packedSize, size: lengthOf(entry.parts), crc, local };
  });
  const directory = end;
  for (const { name } of records) end += directoryLength + name.length;
  const total = end + endLength;
  if (total >= maxLength) {
    throw new FormatError(
      { file: 'zip' },
      'less than 4 GiB',
      `${total} bytes`,
      'Write safetensors, or split it.',
    );
  }

  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const u16 = (...values: number[]) => {
    for (const value of values) {
      view.setUint16(at, value, true);
      at += 2;
    }
  };
  const u32 = (...values: number[]) => {
    for (const value of values) {
      view.setUint32(at, value, true);
      at += 4;
    }
  };
  const put = (part: Uint8Array) => {
    bytes.set(part, at);
    at += part.length;
  };
  /** What a local header and the directory say alike. */
  const describe = ({ name, crc, packedSize, size }: (typeof records)[number]) => {
    u16(version, namesAreUtf8, compression ? 8 : 0, 0, date);
    u32(crc, packedSize, size);
    u16(name.length, 0);
  };
  for (const record of records) {
    u32(0x04034b50);
    describe(record);
    put(record.name);
    for (const part of record.packed) put(part);
  }
  for (const record of records) {
    u32(0x02014b50);
    u16(version);
    describe(record);
    u16(0, 0, 0);
    u32(0, record.local);
    put(record.name);
  }
  u32(0x06054b50);
  u16(0, 0, records.length, records.length);
  u32(at - 12 - directory, directory);
  u16(0);
  return bytes;
}
