/** Deflated data, unpacked by the platform's own zlib in threads of its own: Node's, elsewhere that of the web's streams. */
import { nodeModule } from '@chaingrad/core';
import { Inflate } from 'fflate';
import { freeBuffer } from '../sources/free-buffer.ts';
import { join } from './pieces.ts';

/** How many packed bytes are unpacked at once: they become at most 1032 times as many. */
export const inflateStep = 1 << 18;

/** What takes packed bytes and gives unpacked ones. */
export interface Inflater {
  /**
   * Takes packed bytes, as fast as `parts` are read.
   * @returns whether they were taken, and so their memory is free again; not where they are damaged, or no one reads any more.
   */
  write(packed: Uint8Array<ArrayBuffer>): Promise<boolean>;
  /** Says that there are no more packed bytes. */
  end(): void;
  /** Says that there are no more packed bytes to be had; `parts` ends with an error. */
  fail(error: Error): void;
  /** The unpacked bytes. Each part is good until the next one is asked for. @throws Error for damage. */
  readonly parts: AsyncGenerator<Uint8Array<ArrayBuffer>>;
}

/** Node's web streams are built on the same zlib, but copy everything once more, into memory that cannot be freed at once. */
export function newInflater(zlib = nodeModule<typeof import('node:zlib')>('node:zlib')): Inflater {
  return zlib === null ? webInflater() : nodeInflater(zlib);
}

function nodeInflater(zlib: typeof import('node:zlib')): Inflater {
  // As objects: bytes would be joined by the stream when several parts wait.
  const options = { chunkSize: inflateStep, readableObjectMode: true, readableHighWaterMark: 1 };
  const stream = zlib.createInflateRaw(options);
  // It is told to the one who reads, too.
  stream.on('error', () => {});
  const closed = new Promise<boolean>((resolve) => stream.once('close', () => resolve(false)));
  async function* parts(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    let last: ArrayBuffer | null = null;
    for await (const part of stream as AsyncIterable<Uint8Array<ArrayBuffer>>) {
      const { buffer, byteOffset, byteLength } = part;
      yield part;
      // The parts fill a buffer one after another; zlib is done with one that is full.
      const full = byteOffset + byteLength === buffer.byteLength;
      if (full) freeBuffer(buffer);
      last = full ? null : buffer;
    }
    if (last !== null) freeBuffer(last);
  }
  return {
    write: (packed) =>
      Promise.race([
        closed,
        new Promise<boolean>((resolve) => stream.write(packed, (error) => resolve(error == null))),
      ]),
    end: () => stream.end(),
    fail: (error) => stream.destroy(error),
    parts: parts(),
  };
}

function webInflater(): Inflater {
  const { readable, writable } = new DecompressionStream('deflate-raw');
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  async function* parts(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const reader = readable.getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        const part = next.value as Uint8Array<ArrayBuffer>;
        const { buffer, byteLength } = part;
        yield part;
        if (byteLength === buffer.byteLength) freeBuffer(buffer);
      }
    } finally {
      await reader.cancel().catch(() => {});
    }
  }
  return {
    write: (packed) =>
      // A copy: some say that they have written what they still are to read (Node's).
      writer.write(packed.slice()).then(
        () => true,
        () => false,
      ),
    end: () => void writer.close().catch(() => {}),
    fail: (error) => void writer.abort(error).catch(() => {}),
    parts: parts(),
  };
}

/**
 * What the first packed bytes unpack to, as far as they reach; nothing where they are damaged, which shows when the whole is
 * read.
 */
export function inflateStart(
  packed: Uint8Array,
  zlib = nodeModule<typeof import('node:zlib')>('node:zlib'),
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  try {
    // Z_SYNC_FLUSH: an end that is missing is no damage.
    if (zlib !== null) {
      return new Uint8Array(
        zlib.inflateRawSync(packed, { finishFlush: zlib.constants.Z_SYNC_FLUSH, chunkSize: 1024 }),
      );
    }
    new Inflate((part) => parts.push(part as Uint8Array<ArrayBuffer>)).push(packed, false);
  } catch {
    return new Uint8Array(0);
  }
  return join(
    parts,
    parts.reduce((length, part) => length + part.length, 0),
  );
}
