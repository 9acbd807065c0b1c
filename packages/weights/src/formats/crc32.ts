/** Checksums of zip entries and PNG files (Node's own, nine times as fast; elsewhere by tables), and of TensorFlow's records. */
import { nodeModule } from '@chaingrad/core';

/** A checksum by tables of a polynomial (bits reversed): eight bytes a step. */
function crcByTables(polynomial: number): (bytes: Uint8Array, before?: number) => number {
  let tables: Uint32Array[] | undefined;
  return (bytes, before = 0) => {
    tables ??= makeTables(polynomial);
    const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
    ];
    let c = before ^ 0xffffffff;
    let i = 0;
    for (; i + 8 <= bytes.length; i += 8) {
      c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
      c =
        t7[c & 0xff]! ^
        t6[(c >>> 8) & 0xff]! ^
        t5[(c >>> 16) & 0xff]! ^
        t4[c >>> 24]! ^
        t3[bytes[i + 4]!]! ^
        t2[bytes[i + 5]!]! ^
        t1[bytes[i + 6]!]! ^
        t0[bytes[i + 7]!]!;
    }
    for (; i < bytes.length; i++) c = t0[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
    return (c ^ 0xffffffff) >>> 0;
  };
}

function makeTables(polynomial: number): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    first[n] = c;
  }
  const all = [first];
  for (let k = 1; k < 8; k++) {
    const previous = all[k - 1]!;
    all.push(first.map((_, n) => first[previous[n]! & 0xff]! ^ (previous[n]! >>> 8)));
  }
  return all;
}

/** `crc32` where the platform has none. */
export const crc32ByTables = crcByTables(0xedb88320);

/** Castagnoli's checksum, of TensorFlow's records. */
export const crc32c: (bytes: Uint8Array) => number = crcByTables(0x82f63b78);

const native = nodeModule<typeof import('node:zlib')>('node:zlib')?.crc32;

/**
 * CRC-32 of some bytes.
 * @param before the checksum of the bytes before these, of content that comes in pieces.
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  if (native === undefined) return crc32ByTables(bytes, before);
  // Node forgets what came before where there is nothing to add.
  return bytes.length === 0 ? before : native(bytes, before);
}
