/** A file from an address, downloaded once. */

import { checkOptions, type OptionKinds, type OtherNames, pickOptions } from '@chaingrad/core';
import { type Digest, digestOf, sha256, sha256Text } from '../digest.ts';
import {
  type DownloadOptions,
  type DownloadTarget,
  download,
  downloadKinds,
  WrongFileError,
} from '../download/download.ts';
import { openRandomAccess } from '../random-access.ts';
import type { ByteSource } from '../read-bytes.ts';
import { DownloadError, SourceError } from '../source-error.ts';
import { MemoryTarget } from './memory-target.ts';
import { openCache } from './open-cache.ts';
import type { CacheEntry, CacheStore, PartialFile } from './store.ts';

export interface CacheOptions extends DownloadOptions {
  /** False: nothing is kept. Default: the cache of this machine or page. */
  readonly cache?: CacheStore | false | undefined;
  /** Another folder for the cache, in Node. */
  readonly cacheDir?: string | undefined;
  /** The digest that the file must have, in hexadecimal. */
  readonly sha256?: string | undefined;
  /** The address under which the cache knows the file, where it comes from a mirror. */
  readonly cacheAs?: string | undefined;
  /** False: a cached file is only measured, not read to compare its digest. Default true. */
  readonly verify?: boolean | undefined;
  /** Looks at a new file before it is kept; what it throws, is thrown. */
  readonly check?: ((file: ByteSource) => Promise<void>) | undefined;
  /** Is told what the user should know, e.g. that a damaged file is fetched anew. Default: console.warn. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

export const cacheKinds: OptionKinds<CacheOptions> = {
  ...downloadKinds,
  cache: 'any',
  cacheDir: 'string',
  sha256: 'string',
  cacheAs: 'string',
  verify: 'boolean',
  check: 'function',
  onNotice: 'function',
};

export const otherCacheNames: OtherNames = {
  noCache: 'cache: false',
  refresh: 'cache: false',
  cacheFolder: 'cacheDir',
  folder: 'cacheDir',
  hash: 'sha256',
  digest: 'sha256',
  integrity: 'sha256',
  timeout: 'stallTimeout',
  progress: 'onProgress',
  onWarning: 'onNotice',
};

/**
 * The file of an address: from the cache, or downloaded into it. Offline, a cached file is enough.
 * @returns a path in Node, a Blob in the browser; the bytes, where nothing can be kept.
 * @throws DownloadError when it cannot be had, or is not the file that it must be; UnknownOptionError.
 */
export async function cachedFile(url: string, options: CacheOptions = {}): Promise<ByteSource> {
  checkOptions('cachedFile', options, cacheKinds, otherCacheNames);
  const { cache = openCache(options.cacheDir) ?? false, onNotice = (text: string) => console.warn(text) } =
    options;
  const { signal } = options;
  signal?.throwIfAborted();
  if (cache === false) return uncached(url, options);
  const key = options.sha256 ? `sha256-${options.sha256}` : `url-${await sha256Text(options.cacheAs ?? url)}`;
  const present = async () => {
    const entry = await cache.find(key);
    return entry === null ? null : checkedFile(cache, entry, options, onNotice);
  };
  try {
    return (
      (await present()) ??
      (await cache.exclusive(
        key,
        // Another process may have been faster.
        async () => (await present()) ?? (await fetchInto(cache, key, url, options)),
        { signal, onWait: (loaded) => options.onProgress?.({ loaded, total: options.bytes ?? null }) },
      ))
    );
  } catch (error) {
    if (!isOf(cache, error)) throw error;
    // The file can be had, only not kept.
    onNotice(`${(error as Error).message} Until then ${url} is downloaded each time.`);
    return uncached(url, options);
  }
}

/** A cached file, if it still is what was downloaded. */
async function checkedFile(
  cache: CacheStore,
  entry: CacheEntry,
  { verify = true, signal, onProgress }: CacheOptions,
  onNotice: (text: string) => void,
): Promise<ByteSource | null> {
  const damage = await damageOf(cache, entry, { verify, signal });
  const file = damage === null ? await cache.open(entry) : null;
  if (file === null) {
    onNotice(`The cached file of ${entry.url} is damaged (${damage ?? 'it is gone'}): it is fetched anew.`);
    await cache.remove(entry.key);
    return null;
  }
  onProgress?.({ loaded: entry.bytes, total: entry.bytes });
  return file;
}

/**
 * What is wrong with a cached file, or null.
 * @param options `verify`: whether to compare the digest, for which the whole file is read. Default true.
 * @throws UnknownOptionError; the signal's reason.
 */
export async function damageOf(
  cache: CacheStore,
  entry: CacheEntry,
  options: Pick<CacheOptions, 'verify' | 'signal'> = {},
): Promise<string | null> {
  const { verify = true, signal } = checkOptions('damageOf', options, {
    verify: 'boolean',
    signal: 'object',
  });
  const source = await cache.open(entry);
  if (source === null) return 'it is gone';
  await using file = await openRandomAccess(source, { signal });
  if (file.size !== entry.bytes) return `${file.size} bytes, expected ${entry.bytes}`;
  if (!verify) return null;
  const digest = await digestOf(file, signal);
  // What was known beforehand stands in the key; the record beside the file may be anybody's.
  const expected = /^sha256-(.*)$/.exec(entry.key)?.[1] ?? entry.sha256;
  return digest === expected ? null : `sha256 ${digest}, expected ${expected}`;
}

/** Whether an error is about the cache itself: no rights, no room. */
const isOf = (cache: CacheStore, error: unknown): boolean =>
  error instanceof SourceError && error.source === cache.location;

async function fetchInto(
  cache: CacheStore,
  key: string,
  url: string,
  options: CacheOptions,
): Promise<ByteSource> {
  let part = await cache.partial(key);
  for (;;) {
    const resumed = part.length > 0;
    const target = new HashingTarget(part);
    try {
      await download(url, target, pickOptions(options, downloadKinds));
    } catch (error) {
      // What did come of the right file can be gone on from; on a full disk it would only be in the way.
      await (error instanceof WrongFileError || isOf(cache, error) ? part.discard() : part.suspend());
      throw error;
    }
    const digest = (await target.finish()).hex();
    const expected = options.sha256;
    if (expected === undefined || digest === expected) {
      return keep(
        cache,
        part,
        { key, url, bytes: part.length, sha256: digest, known: expected !== undefined },
        options,
      );
    }
    const { length } = part;
    await part.discard();
    if (!resumed) {
      throw new DownloadError(
        url,
        200,
        `sha256 ${expected}`,
        `${digest} (${length} bytes)`,
        'The file was changed on the way, or the server has another one: try another network or a mirror.',
      );
    }
    // The half that was there may have been the damaged one.
    part = await cache.partial(key);
  }
}

async function keep(
  cache: CacheStore,
  part: PartialFile,
  facts: Omit<CacheEntry, 'fetched'>,
  { check, signal }: CacheOptions,
): Promise<ByteSource> {
  try {
    signal?.throwIfAborted();
    await check?.(await part.contents());
  } catch (error) {
    await (signal?.aborted ? part.suspend() : part.discard());
    throw error;
  }
  const entry = { ...facts, fetched: new Date().toISOString() };
  try {
    await part.commit(entry);
  } catch (error) {
    await part.discard();
    throw error;
  }
  const file = await cache.open(entry);
  if (file === null)
    throw new SourceError(cache.location, 'the file that was written', 'none', 'Is it being cleared?');
  return file;
}

async function uncached(url: string, options: CacheOptions): Promise<Uint8Array<ArrayBuffer>> {
  const memory = new MemoryTarget();
  const target = new HashingTarget(memory);
  await download(url, target, pickOptions(options, downloadKinds));
  const bytes = memory.finish();
  if (options.sha256 !== undefined) {
    const digest = (await target.finish()).hex();
    if (digest !== options.sha256) throw new DownloadError(url, 200, `sha256 ${options.sha256}`, digest);
  }
  await options.check?.(bytes);
  return bytes;
}

/** Computes the digest while the bytes pass. */
class HashingTarget implements DownloadTarget {
  #digest: Digest | null = null;
  #hashed = 0;

  constructor(
    readonly target: DownloadTarget & { replay(update: (bytes: Uint8Array) => void): Promise<void> },
  ) {}

  get length(): number {
    return this.target.length;
  }

  get validator(): string | null {
    return this.target.validator;
  }

  async begin(start: number, validator: string | null, total: number | null): Promise<void> {
    await this.target.begin(start, validator, total);
    if (this.#digest === null || this.#hashed !== this.target.length) await this.#replay();
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.target.write(chunk);
    this.#digest!.update(chunk);
    this.#hashed += chunk.length;
  }

  async finish(): Promise<Digest> {
    if (this.#digest === null || this.#hashed !== this.target.length) await this.#replay();
    return this.#digest!;
  }

  async #replay(): Promise<void> {
    const digest = await sha256();
    await this.target.replay((bytes) => digest.update(bytes));
    this.#digest = digest;
    this.#hashed = this.target.length;
  }
}
