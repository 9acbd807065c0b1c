/** Builds zip archives by hand, honest or lying: every field of every record can be given. */
import { deflateSync } from 'fflate';
import { crc32 } from '../../../packages/weights/src/formats/crc32.ts';

export interface EntrySpec {
  readonly name: string;
  readonly content: Uint8Array;
  readonly deflate?: boolean;
  /** What the directory claims, where it is not the truth. */
  readonly claims?: {
    readonly size?: number;
    readonly packedSize?: number;
    readonly crc?: number;
    readonly offset?: number;
    readonly method?: number;
    readonly flags?: number;
  };
  /** Puts the sizes and the offset into the zip64 extra field. */
  readonly zip64?: boolean;
  /** The name in the local header, where it is another. As long as the name. */
  readonly localName?: string;
  /** How long the local header says that its extra field is; there is none. */
  readonly localExtra?: number;
  /** The bytes to store in place of the deflated content. */
  readonly packed?: Uint8Array;
}

class Writer {
  readonly bytes: number[] = [];
  u16 = (...values: number[]) => {
    for (const v of values) this.bytes.push(v & 255, (v >>> 8) & 255);
    return this;
  };
  u32 = (...values: number[]) => {
    for (const v of values) this.u16(v & 0xffff, (v >>> 16) & 0xffff);
    return this;
  };
  u64 = (...values: number[]) => {
    for (const v of values) this.u32(v >>> 0, Math.floor(v / 2 ** 32));
    return this;
  };
  put = (data: Uint8Array) => {
    for (const byte of data) this.bytes.push(byte);
    return this;
  };
}

/** The archive; `end` overrides what the end record says, `comment` follows it. */
export function buildZip(
  entries: readonly EntrySpec[],
  end: { count?: number; size?: number; offset?: number; zip64?: boolean; comment?: string } = {},
): Uint8Array<ArrayBuffer> {
  const out = new Writer();
  const directory = new Writer();
  for (const {
    name,
    content,
    deflate = false,
    claims = {},
    zip64 = false,
    packed,
    localExtra = 0,
    localName = name,
  } of entries) {
    const body = packed ?? (deflate ? deflateSync(content) : content);
    const path = new TextEncoder().encode(name);
    const offset = claims.offset ?? out.bytes.length;
    const crc = claims.crc ?? crc32(content);
    const method = claims.method ?? (deflate ? 8 : 0);
    // Like np.savez: the local header does not know the sizes.
    out
      .u32(0x04034b50)
      .u16(45, 0, method, 0, 33)
      .u32(crc, 0xffffffff, 0xffffffff)
      .u16(path.length, localExtra)
      .put(new TextEncoder().encode(localName));
    out.put(body);
    const [size, packedSize] = [claims.size ?? content.length, claims.packedSize ?? body.length];
    directory
      .u32(0x02014b50)
      .u16(45, 45, claims.flags ?? 0, method, 0, 33)
      .u32(crc);
    if (zip64) directory.u32(0xffffffff, 0xffffffff);
    else directory.u32(packedSize, size);
    // An unknown extra field comes first, as archives may have several.
    directory
      .u16(path.length, zip64 ? 34 : 0, 0, 0, 0)
      .u32(0, zip64 ? 0xffffffff : offset)
      .put(path);
    if (zip64) directory.u16(0x5455, 2, 7, 1, 24).u64(size, packedSize, offset);
  }
  const start = out.bytes.length;
  out.put(Uint8Array.from(directory.bytes));
  const count = end.count ?? entries.length;
  const size = end.size ?? directory.bytes.length;
  const offset = end.offset ?? start;
  if (end.zip64) {
    const at = out.bytes.length;
    out.u32(0x06064b50).u64(44).u16(45, 45).u32(0, 0).u64(count, count, size, offset);
    out.u32(0x07064b50, 0).u64(at).u32(1);
    out.u32(0x06054b50).u16(0, 0, 0xffff, 0xffff).u32(0xffffffff, 0xffffffff);
  } else {
    out.u32(0x06054b50).u16(0, 0, count, count).u32(size, offset);
  }
  const comment = new TextEncoder().encode(end.comment ?? '');
  return Uint8Array.from(out.u16(comment.length).put(comment).bytes);
}
