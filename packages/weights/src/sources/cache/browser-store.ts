/**
 * The cache in the browser, kept by the Cache API: a file is a row of segments and, put in last, its record. So a
 * download can go on where it stopped, and half a file is never found. Tabs wait for each other by Web Locks.
 */
import { FormatError } from '@chaingrad/core';
import { SourceError } from '../source-error.ts';
import { parseEntry } from './entry.ts';
import type { CacheEntry, CacheStore, PartialFile } from './store.ts';

const segmentLength = 8 << 20;
/** The Cache API names things by addresses. This host cannot exist (RFC 6761), so none of a site's own is in the way. */
const base = 'https://chaingrad.invalid/';

/** How far a half download is. */
interface PartState {
  readonly validator: string;
  readonly segments: number;
}

export class BrowserStore implements CacheStore {
  readonly location = 'the cache of the browser';

  constructor(readonly name = 'chaingrad') {}

  async find(key: string): Promise<CacheEntry | null> {
    const response = await (await this.#cache()).match(address(key, 'entry'));
    if (response === undefined) return null;
    try {
      return parseEntry(await response.text(), key);
    } catch (error) {
      if (error instanceof FormatError) return null;
      throw error;
    }
  }

  async open(entry: CacheEntry): Promise<Blob | null> {
    return blobOf(await this.#cache(), entry.key, Math.ceil(entry.bytes / segmentLength));
  }

  async remove(key: string): Promise<void> {
    const cache = await this.#cache();
    // The record first: without it the segments are not found.
    await cache.delete(address(key, 'entry'));
    for (const request of await cache.keys())
      if (request.url.startsWith(address(key, ''))) await cache.delete(request);
  }

  async list(): Promise<CacheEntry[]> {
    const requests = await (await this.#cache()).keys();
    const keys = requests.map(({ url }) => /^([^/]+)\/entry$/.exec(url.slice(base.length))?.[1]);
    const entries = await Promise.all(keys.filter((key) => key !== undefined).map((key) => this.find(key)));
    return entries.filter((entry) => entry !== null);
  }

  async clear(): Promise<number> {
    const freed = (await this.list()).reduce((sum, { bytes }) => sum + bytes, 0);
    await caches.delete(this.name);
    return freed;
  }

  async partial(key: string): Promise<PartialFile> {
    const cache = await this.#cache();
    const state = await cache.match(address(key, 'partial'));
    let part: PartState = { validator: '', segments: 0 };
    try {
      if (state !== undefined) part = (await state.json()) as PartState;
    } catch {
      // Damaged: begin anew.
    }
    const whole =
      part.segments > 0 && (await blobOf(cache, key, part.segments))?.size === part.segments * segmentLength;
    return new BrowserPart(cache, key, whole ? part.validator : null, whole ? part.segments : 0);
  }

  exclusive<T>(
    key: string,
    work: () => Promise<T>,
    { signal }: { signal?: AbortSignal | undefined },
  ): Promise<T> {
    const { locks } = navigator;
    return locks === undefined
      ? work()
      : (locks.request(`${this.name}/${key}`, signal ? { signal } : {}, work) as Promise<T>);
  }

  async #cache(): Promise<Cache> {
    try {
      return await caches.open(this.name);
    } catch (error) {
      throw failure(error);
    }
  }
}

class BrowserPart implements PartialFile {
  #buffer = new Uint8Array(segmentLength);
  #filled = 0;

  constructor(
    readonly cache: Cache,
    readonly key: string,
    public validator: string | null,
    /** Segments that are kept already. */
    public segments: number,
  ) {}

  get length(): number {
    return this.segments * segmentLength + this.#filled;
  }

  async begin(start: number, validator: string | null): Promise<void> {
    // A connection that broke within a segment goes on there; otherwise a file begins anew.
    if (start !== this.length) {
      this.segments = 0;
      this.#filled = 0;
    }
    this.validator = validator;
    await this.#keepState();
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + segmentLength - this.#filled);
      this.#buffer.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === segmentLength) await this.#flush();
    }
  }

  async contents(): Promise<Blob> {
    const kept = await blobOf(this.cache, this.key, this.segments);
    return new Blob([kept ?? '', this.#buffer.subarray(0, this.#filled)]);
  }

  async replay(update: (bytes: Uint8Array) => void): Promise<void> {
    for (let i = 0; i < this.segments; i++) {
      const segment = await this.cache.match(address(this.key, `part/${i}`));
      if (segment === undefined) throw failure(new Error('a half download has lost a part'));
      update(new Uint8Array(await segment.arrayBuffer()));
    }
    update(this.#buffer.subarray(0, this.#filled));
  }

  async commit(entry: CacheEntry): Promise<void> {
    if (this.#filled > 0) await this.#flush();
    await put(this.cache, address(this.key, 'entry'), JSON.stringify(entry));
    await this.cache.delete(address(this.key, 'partial'));
  }

  async suspend(): Promise<void> {
    if (this.validator === null || this.segments === 0) await this.discard();
  }

  async discard(): Promise<void> {
    await this.cache.delete(address(this.key, 'partial'));
    for (let i = 0; i <= this.segments; i++) await this.cache.delete(address(this.key, `part/${i}`));
  }

  async #flush(): Promise<void> {
    await put(this.cache, address(this.key, `part/${this.segments}`), this.#buffer.slice(0, this.#filled));
    this.segments++;
    this.#filled = 0;
    await this.#keepState();
  }

  async #keepState(): Promise<void> {
    const state = address(this.key, 'partial');
    if (this.validator === null || this.segments === 0) await this.cache.delete(state);
    else await put(this.cache, state, JSON.stringify({ validator: this.validator, segments: this.segments }));
  }
}

const address = (key: string, what: string): string => `${base}${key}/${what}`;

/** The segments as one Blob: they stay on the disk. Null when one is missing. */
async function blobOf(cache: Cache, key: string, segments: number): Promise<Blob | null> {
  const parts: Blob[] = [];
  for (let i = 0; i < segments; i++) {
    const segment = await cache.match(address(key, `part/${i}`));
    if (segment === undefined) return null;
    parts.push(await segment.blob());
  }
  return new Blob(parts);
}

async function put(cache: Cache, url: string, body: BodyInit): Promise<void> {
  try {
    await cache.put(url, new Response(body));
  } catch (error) {
    throw failure(error);
  }
}

const failure = (error: unknown): SourceError =>
  new SourceError(
    'the cache of the browser',
    'room for the file',
    (error as Error).message,
    'Free some of the storage of this site, or pass cache: false.',
    error,
  );
