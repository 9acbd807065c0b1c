/** What a cache of downloads must be able to do; one kind lies in the file system, another in the browser. */

import type { DownloadTarget } from '../download/download.ts';
import type { ByteSource } from '../read-bytes.ts';

/** A file in the cache. */
export interface CacheEntry {
  /** The name that the cache finds it by: the digest that was asked for, or else that of its address. */
  readonly key: string;
  /** Where it came from. */
  readonly url: string;
  readonly bytes: number;
  /** The digest of what was downloaded, in hexadecimal. */
  readonly sha256: string;
  /** Whether the digest was known beforehand, or only recorded at the download. */
  readonly known: boolean;
  /** When it was downloaded, in ISO 8601. */
  readonly fetched: string;
}

/** A download that is under way. Nobody else writes to it. */
export interface PartialFile extends DownloadTarget {
  /** What is there so far, for a look at it before it is taken in. */
  contents(): Promise<ByteSource>;
  /** Feeds what was there before this download to `update`. */
  replay(update: (bytes: Uint8Array) => void): Promise<void>;
  /** Takes the file into the cache, under its entry's key: whole, or not at all. */
  commit(entry: CacheEntry): Promise<void>;
  /** Stops; what is there stays for the next attempt. */
  suspend(): Promise<void>;
  /** Stops, and throws away what is there. */
  discard(): Promise<void>;
}

export interface CacheStore {
  /** Where it is, for people. */
  readonly location: string;
  find(key: string): Promise<CacheEntry | null>;
  /** The file of an entry: a path in Node, a Blob in the browser. Null when it is not there (any more). */
  open(entry: CacheEntry): Promise<ByteSource | null>;
  remove(key: string): Promise<void>;
  list(): Promise<CacheEntry[]>;
  /** Removes everything, half downloads included. @returns how many bytes were freed. */
  clear(): Promise<number>;
  /** Goes on with a half download of the key, or begins one. */
  partial(key: string): Promise<PartialFile>;
  /**
   * Runs `work` while no other process or tab does the same for this key. While it waits, it tells how far the other is.
   */
  exclusive<T>(
    key: string,
    work: () => Promise<T>,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly onWait?: ((loaded: number) => void) | undefined;
    },
  ): Promise<T>;
}
