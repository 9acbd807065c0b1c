/** Bytes from anywhere: memory, a file, a Blob, a stream, an address; in Node and in a browser page. */
import { checkOptions, InvalidArgumentError, type OptionKinds, pickOptions } from '@chaingrad/core';
import { ByteSink } from './byte-sink.ts';
import { MemoryTarget } from './cache/memory-target.ts';
import { type DownloadOptions, download, downloadKinds } from './download/download.ts';
import { node } from './node.ts';
import { openRegularFile, pathAdvice } from './open-file.ts';
import { DownloadError, SourceError } from './source-error.ts';

/**
 * Where bytes come from. A string is a URL where it has a scheme (`https:`, `file:`, `data:`, `blob:`); otherwise a
 * path in Node, and an address relative to the page in a browser.
 */
export type ByteSource = string | URL | Blob | ArrayBuffer | Uint8Array | ReadableStream<Uint8Array>;

export interface ReadProgress {
  /** Bytes read so far. */
  readonly loaded: number;
  /** Bytes in all, or null where it is not known. */
  readonly total: number | null;
}

export interface ByteRange {
  /** The first byte. */
  readonly start: number;
  /** The byte after the last one; without it, to the end. */
  readonly end?: number;
}

/** Limits of size and time hold for addresses and streams; what is tried again is a whole file of the web. */
export interface ReadBytesOptions extends Omit<DownloadOptions, 'bytes'> {
  /** Only this part; over HTTP only this part is fetched, if the server can. */
  readonly range?: ByteRange | undefined;
}

const { bytes: _, ...limits } = downloadKinds;
const readKinds: OptionKinds<ReadBytesOptions> = { ...limits, range: 'object' };

/**
 * Reads all bytes of a source, or a range of them. What is in memory already is handed on without a copy.
 * @throws SourceError when a file cannot be read or the range reaches beyond the end.
 * @throws DownloadError when the server does not answer, refuses, sends other bytes than asked for, or more than `maxBytes`;
 *   UnknownOptionError.
 */
export async function readBytes(
  source: ByteSource,
  options: ReadBytesOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  checkOptions('readBytes', options, readKinds);
  options.signal?.throwIfAborted();
  checkRange(options.range);
  if (source instanceof ArrayBuffer) return fromMemory(new Uint8Array(source), options);
  if (source instanceof Uint8Array) return fromMemory(unshared(source), options);
  if (source instanceof Blob) return fromBlob(source, options);
  if (source instanceof ReadableStream) return fromStream(source, null, sourceName(source), options);
  const url = source instanceof URL ? source : parseUrl(source);
  return url === null || url.protocol === 'file:'
    ? fromFile(url ?? (source as string), options)
    : fromUrl(url.href, options);
}

/** A name for messages: the path or address, a File's name, or what kind of source it is. */
export function sourceName(source: ByteSource): string {
  if (typeof source === 'string') return source.startsWith('data:') ? 'data:' : source;
  if (source instanceof URL) return source.protocol === 'data:' ? 'data:' : source.href;
  if ('name' in source && typeof source.name === 'string') return source.name;
  if (source instanceof Blob) return 'Blob';
  return source instanceof ReadableStream ? 'stream' : 'bytes';
}

function fromMemory(
  bytes: Uint8Array<ArrayBuffer>,
  { range, onProgress }: ReadBytesOptions,
): Uint8Array<ArrayBuffer> {
  const { start, end } = within(range, bytes.length, 'bytes');
  onProgress?.({ loaded: end - start, total: end - start });
  return bytes.subarray(start, end);
}

/** Memory shared between threads is copied: the text decoder and WebGPU refuse it. */
const unshared = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);

function fromBlob(blob: Blob, options: ReadBytesOptions): Promise<Uint8Array<ArrayBuffer>> {
  const name = sourceName(blob);
  const { start, end } = within(options.range, blob.size, name);
  return fromStream(blob.slice(start, end).stream(), end - start, name, { ...options, range: undefined });
}

async function fromFile(path: string | URL, options: ReadBytesOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, onProgress } = options;
  const name = sourceName(path);
  try {
    const { handle, size } = await openRegularFile(path, name);
    await using file = handle;
    const { start, end } = within(options.range, size, name);
    const bytes = new Uint8Array(end - start);
    for (let at = 0; at < bytes.length; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(bytes, at, Math.min(fileStep, bytes.length - at), start + at);
      if (bytesRead === 0)
        throw new SourceError(name, `${bytes.length} bytes`, `${at}`, 'The file became shorter meanwhile.');
      at += bytesRead;
      onProgress?.({ loaded: at, total: bytes.length });
    }
    return bytes;
  } catch (error) {
    if (error instanceof SourceError || signal?.aborted) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new SourceError(
      name,
      'a readable file',
      code === 'ENOENT' ? 'no such file' : message,
      pathAdvice,
      error,
    );
  }
}

/** How much of a file is read before progress is told and the signal is looked at. */
const fileStep = 1 << 22;

async function fromUrl(url: string, options: ReadBytesOptions): Promise<Uint8Array<ArrayBuffer>> {
  const { signal, range } = options;
  if (range === undefined && /^https?:/i.test(url)) {
    const target = new MemoryTarget();
    await download(url, target, pickOptions(options, limits));
    return target.finish();
  }
  const name = sourceName(url);
  let status: number | null = null;
  try {
    const response = await fetch(url, {
      signal: signal ?? null,
      headers: range ? { Range: rangeHeader(range) } : {},
    });
    status = response.status;
    if (!response.ok) throw refusal(name, response, range);
    const body = response.body ?? new Blob([]).stream();
    const length = contentLength(response);
    // A server may answer a range with the whole file (200): then the part is cut out here.
    if (range === undefined || status !== 206) return await fromStream(body, length, name, options);
    checkContentRange(response, range, name);
    const bytes = await fromStream(body, length, name, { ...options, range: undefined });
    if (range.end !== undefined && bytes.length !== range.end - range.start) {
      throw new DownloadError(name, status, `${range.end - range.start} bytes`, `${bytes.length}`);
    }
    return bytes;
  } catch (error) {
    if (error instanceof DownloadError || signal?.aborted) throw error;
    if (error instanceof SourceError) throw new DownloadError(name, status, error.expected, error.got);
    // `fetch` says "fetch failed" and hides the reason in the cause.
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? `${message} (${cause.message})` : message;
    throw new DownloadError(name, status, 'the whole file', reason, undefined, error);
  }
}

const rangeHeader = ({ start, end }: ByteRange): string =>
  `bytes=${start}-${end === undefined ? '' : end - 1}`;

function refusal(url: string, response: Response, range: ByteRange | undefined): DownloadError {
  const got = `${response.status} ${response.statusText}`.trim();
  if (range === undefined || response.status !== 416)
    return new DownloadError(url, response.status, 'the file', got);
  return new DownloadError(url, 416, rangeHeader(range), got, 'The file is shorter than that.');
}

/** The length of the body, or null where it is not told or is that of a compressed transfer. */
function contentLength(response: Response): number | null {
  const length = response.headers.get('content-length');
  if (length === null || isEncoded(response)) return null;
  return /^\d+$/.test(length) ? Number(length) : null;
}

const isEncoded = ({ headers }: Response): boolean =>
  (headers.get('content-encoding') ?? 'identity') !== 'identity';

/** A server that answers a range (206) says which one; across origins a page may not see it, and counts the bytes. */
function checkContentRange(response: Response, { start, end }: ByteRange, url: string): void {
  const header = response.headers.get('content-range');
  const match = /^bytes (\d+)-(\d+)\/(?:\d+|\*)$/.exec(header ?? '');
  const wrong =
    match === null || Number(match[1]) !== start || (end !== undefined && Number(match[2]) !== end - 1);
  if ((header !== null && wrong) || isEncoded(response)) {
    const got = isEncoded(response) ? 'a compressed part' : `${header}`;
    throw new DownloadError(url, response.status, `bytes ${start}-${end === undefined ? '' : end - 1}`, got);
  }
}

/** Collects a stream; of a range, no more is read than it needs. */
async function fromStream(
  stream: ReadableStream<Uint8Array>,
  length: number | null,
  name: string,
  { signal, range, onProgress, maxBytes = 2 ** 33 }: ReadBytesOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const start = range?.start ?? 0;
  const end = range?.end ?? Number.POSITIVE_INFINITY;
  const sink = new ByteSink(range === undefined ? length : Number.isFinite(end) ? end - start : null);
  const reader = stream.getReader();
  const stop = () => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', stop, { once: true });
  try {
    let loaded = 0;
    while (loaded < end) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      const from = Math.min(Math.max(start - loaded, 0), value.length);
      sink.push(value.subarray(from, Math.min(value.length, end - loaded)));
      loaded += value.length;
      if (loaded > maxBytes)
        throw new SourceError(name, `at most ${maxBytes} bytes`, 'more', 'Raise maxBytes if this is meant.');
      onProgress?.({ loaded, total: length !== null && loaded <= length ? length : null });
    }
    if (loaded < start || (range?.end !== undefined && loaded < end)) {
      throw new SourceError(
        name,
        `bytes ${start} to ${range?.end ?? 'the end'}`,
        `only ${loaded} bytes`,
        'Ask for less.',
      );
    }
    return sink.finish();
  } finally {
    signal?.removeEventListener('abort', stop);
    // Lets the connection go when the reading stopped early; of a finished stream it does nothing.
    await reader.cancel().catch(() => {});
  }
}

/** A string as a URL, or null where it is a path of Node. One letter before a colon is a Windows drive. */
function parseUrl(text: string): URL | null {
  const absolute = /^[a-z][a-z0-9+.-]+:/i.test(text);
  if (!absolute && node() !== null) return null;
  try {
    return new URL(text, absolute ? undefined : (globalThis.document?.baseURI ?? globalThis.location?.href));
  } catch (error) {
    throw new SourceError(text, 'an address', 'something else', 'Give a whole URL.', error);
  }
}

function checkRange(range: ByteRange | undefined): void {
  if (range === undefined) return;
  const { start, end = start } = range;
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end < start) {
    throw new InvalidArgumentError('readBytes', 'a range of integers, 0 <= start <= end', `${start}..${end}`);
  }
}

/** The range, or all, of a source of known size. */
function within(range: ByteRange | undefined, size: number, name: string): { start: number; end: number } {
  const { start, end = Math.max(start, size) } = range ?? { start: 0 };
  if (end > size) {
    throw new SourceError(
      name,
      `bytes ${start} to ${range?.end ?? 'the end'}`,
      `only ${size} bytes`,
      'Ask for less.',
    );
  }
  return { start, end };
}
