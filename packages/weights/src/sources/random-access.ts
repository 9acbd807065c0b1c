/** Any part of a file, read when it is needed: memory, a Blob, a file on the disk, a server that can send ranges. */

import { checkOptions } from '@chaingrad/core';
import { openRegularFile, pathAdvice } from './open-file.ts';
import { type ByteSource, sourceName } from './read-bytes.ts';
import { SourceError } from './source-error.ts';

export interface RandomAccess extends AsyncDisposable {
  /** The file's name, for messages. */
  readonly name: string;
  readonly size: number;
  /**
   * The bytes from `start` up to before `end`. They may share the file's memory: they are not to be changed.
   * @param memory where they may be put, at its start; not done where they are in memory already, or come in memory of their own.
   * @throws SourceError when they are not all there.
   */
  read(
    start: number,
    end: number,
    signal?: AbortSignal,
    memory?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/**
 * Opens a local source; a stream is read into memory.
 * @param source no address of the web: see `openHttpRanges`, `cachedFile`.
 * @throws SourceError when it cannot be opened; UnknownOptionError.
 */
export async function openRandomAccess(
  source: ByteSource,
  options: { signal?: AbortSignal | undefined; name?: string } = {},
): Promise<RandomAccess> {
  const { signal, name = sourceName(source) } = checkOptions('openRandomAccess', options, {
    signal: 'object',
    name: 'string',
  });
  signal?.throwIfAborted();
  if (source instanceof ArrayBuffer) return new BytesAccess(new Uint8Array(source), name);
  if (source instanceof Uint8Array) {
    // Memory shared between threads is copied: the text decoder and WebGPU refuse it.
    const own =
      source.buffer instanceof ArrayBuffer ? (source as Uint8Array<ArrayBuffer>) : new Uint8Array(source);
    return new BytesAccess(own, name);
  }
  if (source instanceof Blob) return new BlobAccess(source, name);
  if (source instanceof ReadableStream) return new BytesAccess(await collect(source, signal), name);
  return openFile(source, name);
}

abstract class Access implements RandomAccess {
  constructor(
    readonly name: string,
    readonly size: number,
  ) {}

  async read(
    start: number,
    end: number,
    signal?: AbortSignal,
    memory?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    signal?.throwIfAborted();
    if (!(start >= 0 && start <= end && end <= this.size)) {
      throw new SourceError(
        this.name,
        `bytes ${start} to ${end}`,
        `only ${this.size} bytes`,
        'The file is cut off.',
      );
    }
    return this.readChecked(start, end, memory);
  }

  protected abstract readChecked(
    start: number,
    end: number,
    memory?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>;

  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class BytesAccess extends Access {
  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    name: string,
  ) {
    super(name, bytes.length);
  }

  protected async readChecked(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.bytes.subarray(start, end);
  }
}

class BlobAccess extends Access {
  constructor(
    readonly blob: Blob,
    name: string,
  ) {
    super(name, blob.size);
  }

  protected async readChecked(start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return new Uint8Array(await this.blob.slice(start, end).arrayBuffer());
    } catch (error) {
      // A File whose file on the disk has changed or gone.
      throw new SourceError(
        this.name,
        'a readable file',
        (error as Error).message,
        'Choose the file again.',
        error,
      );
    }
  }
}

async function openFile(path: string | URL, name: string): Promise<RandomAccess> {
  const local = typeof path === 'string' && /^file:/i.test(path) ? new URL(path) : path;
  try {
    const { handle, size } = await openRegularFile(local, name);
    return new FileAccess(handle, name, size);
  } catch (error) {
    if (error instanceof SourceError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    const got = code === 'ENOENT' ? 'no such file' : message;
    throw new SourceError(name, 'a readable file', got, pathAdvice, error);
  }
}

class FileAccess extends Access {
  constructor(
    readonly handle: import('node:fs/promises').FileHandle,
    name: string,
    size: number,
  ) {
    super(name, size);
  }

  protected async readChecked(
    start: number,
    end: number,
    memory = new Uint8Array(end - start),
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = memory.subarray(0, end - start);
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await this.handle.read(bytes, at, bytes.length - at, start + at);
      if (bytesRead === 0) {
        throw new SourceError(
          this.name,
          `${this.size} bytes`,
          `${start + at}`,
          'The file became shorter meanwhile.',
        );
      }
      at += bytesRead;
    }
    return bytes;
  }

  override close(): Promise<void> {
    return this.handle.close();
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', stop, { once: true });
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      parts.push(value);
      length += value.length;
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    await reader.cancel().catch(() => {});
  }
  const out = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A part of a file as a file. */
export class PartAccess implements RandomAccess {
  readonly name: string;
  readonly size: number;

  constructor(
    readonly whole: RandomAccess,
    readonly start: number,
    end: number,
  ) {
    this.name = whole.name;
    this.size = end - start;
  }

  read(
    start: number,
    end: number,
    signal?: AbortSignal,
    memory?: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.whole.read(this.start + start, this.start + end, signal, memory);
  }

  close(): Promise<void> {
    return this.whole.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
