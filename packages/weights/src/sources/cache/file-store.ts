/**
 * The cache in Node: `<root>/<key>/file` and `entry.json`, half downloads in `<root>/partial`.
 *
 * Several processes may use it at once. A folder appears by one rename, whole. A half download belongs to the process
 * that has renamed it to a name of its own, so two never write to one file, whatever becomes of the lock: that is only
 * there to keep them from downloading the same twice.
 */
import type { FileHandle } from 'node:fs/promises';
import { FormatError } from '@chaingrad/core';
import { sleep } from '../download/retry.ts';
import { takeLock } from '../lock-file.ts';
import { type NodeModules, node } from '../node.ts';
import { SourceError } from '../source-error.ts';
import { parseEntry } from './entry.ts';
import type { CacheEntry, CacheStore, PartialFile } from './store.ts';

/** A lock that nobody has touched for so long is left over from a process that died. */
const staleAfter = 12_000;
/** A half download, too; less, because it may have been touched last up to a heartbeat after the lock. */
const idleAfter = 8_000;
const heartbeat = 3_000;
const pollEvery = 150;

/** The folder of a cached file. */
const keyName = /^[0-9a-z]+-[0-9a-f]{64}$/;
/** What the cache itself makes in `partial`, and nobody else: half downloads, what goes with them, locks and trash. */
const workName =
  /^(\.?[0-9a-z]+-[0-9a-f]{64}\.(lock|lock\.\d+\.[0-9a-f-]{36}\.part|[0-9a-f-]{36}(\.idle)?\.part(\.state|\.ready)?)|[0-9a-f-]{36}\.trash)$/;

export class FileStore implements CacheStore {
  readonly #node: NodeModules;

  constructor(readonly location: string) {
    this.#node = node()!;
  }

  #path(...parts: string[]): string {
    return this.#node.path.join(this.location, ...parts);
  }

  async find(key: string): Promise<CacheEntry | null> {
    try {
      return parseEntry(await this.#node.fs.readFile(this.#path(key, 'entry.json'), 'utf8'), key);
    } catch (error) {
      // Not there, or damaged: as good as not there.
      if (error instanceof FormatError || isMissing(error)) return null;
      throw this.#failure('read', error);
    }
  }

  async open(entry: CacheEntry): Promise<string | null> {
    const file = this.#path(entry.key, 'file');
    return (await this.#size(file)) === null ? null : file;
  }

  async remove(key: string): Promise<void> {
    const { fs } = this.#node;
    // Out of sight by one rename, so that no one finds half a folder.
    const trash = this.#path('partial', `${crypto.randomUUID()}.trash`);
    try {
      await fs.mkdir(this.#path('partial'), { recursive: true });
      await fs.rename(this.#path(key), trash);
    } catch (error) {
      if (isMissing(error)) return;
      throw this.#failure('remove', error);
    }
    await fs.rm(trash, { recursive: true, force: true });
  }

  async list(): Promise<CacheEntry[]> {
    const names = await this.#node.fs.readdir(this.location).catch(() => []);
    const entries = await Promise.all(
      names.filter((name) => keyName.test(name)).map((name) => this.find(name)),
    );
    return entries.filter((entry) => entry !== null);
  }

  async clear(): Promise<number> {
    let freed = 0;
    for (const { key, bytes } of await this.list()) {
      await this.remove(key);
      freed += bytes;
    }
    const parts = await this.#node.fs.readdir(this.#path('partial')).catch(() => []);
    for (const name of parts) {
      if (!workName.test(name)) continue;
      const file = this.#path('partial', name);
      freed += (await this.#size(file)) ?? 0;
      await this.#node.fs.rm(file, { recursive: true, force: true });
    }
    return freed;
  }

  async partial(key: string): Promise<PartialFile> {
    const { fs } = this.#node;
    const own = this.#path('partial', `${key}.${crypto.randomUUID()}.part`);
    try {
      await fs.mkdir(this.#path('partial'), { recursive: true });
      const validator = await this.#adopt(key, own);
      const file = await fs.open(own, validator === null ? 'w+' : 'r+');
      const length = validator === null ? 0 : (await file.stat()).size;
      return new FilePart(this.#node, this.location, own, file, validator, length);
    } catch (error) {
      throw this.#failure('write to', error);
    }
  }

  /** Makes the longest half download that nobody is at our own. @returns the state of the file that it is of, or null. */
  async #adopt(key: string, own: string): Promise<string | null> {
    const { fs } = this.#node;
    const names = (await fs.readdir(this.#path('partial'))).filter(
      (name) => name.startsWith(`${key}.`) && name.endsWith('.part'),
    );
    const parts: { file: string; size: number }[] = [];
    for (const name of names) {
      const file = this.#path('partial', name);
      const stat = await fs.stat(file).catch(() => null);
      const idle =
        name.includes('.idle.') || (stat !== null && Math.abs(Date.now() - stat.mtimeMs) > idleAfter);
      if (stat !== null && idle) parts.push({ file, size: stat.size });
    }
    parts.sort((a, b) => b.size - a.size);
    for (const { file } of parts) {
      try {
        const validator = await fs.readFile(`${file}.state`, 'utf8');
        await fs.rename(file, own);
        await fs.rm(`${file}.state`, { force: true });
        await fs.writeFile(`${own}.state`, validator);
        return validator;
      } catch {
        // Another process was faster, or its state was never written: it cannot be gone on from.
        await fs.rm(file, { force: true }).catch(() => {});
      }
    }
    return null;
  }

  async exclusive<T>(
    key: string,
    work: () => Promise<T>,
    { signal, onWait }: { signal?: AbortSignal | undefined; onWait?: ((loaded: number) => void) | undefined },
  ): Promise<T> {
    const { fs } = this.#node;
    const lock = this.#path('partial', `${key}.lock`);
    await fs.mkdir(this.#path('partial'), { recursive: true }).catch((error) => {
      throw this.#failure('write to', error);
    });
    for (;;) {
      signal?.throwIfAborted();
      // Processes of several machines may share the folder: of those only the time tells whether they live.
      const taken = await takeLock(lock, staleAfter);
      if ('release' in taken) {
        try {
          return await work();
        } finally {
          await taken.release();
        }
      }
      if (onWait !== undefined) onWait(await this.#longest(key));
      await sleep(pollEvery, signal);
    }
  }

  async #longest(key: string): Promise<number> {
    const names = await this.#node.fs.readdir(this.#path('partial')).catch(() => []);
    const own = names.filter((name) => name.startsWith(`${key}.`) && name.endsWith('.part'));
    const sizes = await Promise.all(own.map((name) => this.#size(this.#path('partial', name))));
    return Math.max(0, ...sizes.map((size) => size ?? 0));
  }

  async #size(file: string): Promise<number | null> {
    const stat = await this.#node.fs.stat(file).catch(() => null);
    return stat?.isFile() ? stat.size : null;
  }

  #failure(what: string, error: unknown): SourceError {
    return cacheFailure(this.location, what, error);
  }
}

class FilePart implements PartialFile {
  /** Keeps the file young while a slow server is waited for, so that no other process takes it for left over. */
  readonly #alive: ReturnType<typeof setInterval>;
  #written = 0;

  constructor(
    readonly modules: NodeModules,
    readonly root: string,
    readonly path: string,
    readonly file: FileHandle,
    public validator: string | null,
    public length: number,
  ) {
    this.#alive = setInterval(() => {
      const now = new Date();
      modules.fs.utimes(path, now, now).catch(() => {});
    }, heartbeat);
    this.#alive.unref();
  }

  async begin(start: number, validator: string | null): Promise<void> {
    await this.#guard(async () => {
      if (start < this.length) await this.file.truncate(start);
      this.length = start;
      this.validator = validator;
      const state = `${this.path}.state`;
      if (validator === null) await this.modules.fs.rm(state, { force: true });
      else await this.modules.fs.writeFile(state, validator);
    });
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#guard(async () => {
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten } = await this.file.write(chunk, at, chunk.length - at, this.length);
        at += bytesWritten;
        this.length += bytesWritten;
      }
      this.#written += chunk.length;
    });
  }

  async contents(): Promise<string> {
    return this.path;
  }

  async replay(update: (bytes: Uint8Array) => void): Promise<void> {
    const buffer = new Uint8Array(1 << 20);
    for (let at = 0; at < this.length; ) {
      const { bytesRead } = await this.file.read(buffer, 0, Math.min(buffer.length, this.length - at), at);
      if (bytesRead === 0) throw cacheFailure(this.root, 'read', new Error('a half download became shorter'));
      update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  }

  async commit(entry: CacheEntry): Promise<void> {
    const { fs, path } = this.modules;
    const staging = `${this.path}.ready`;
    const target = path.join(this.root, entry.key);
    await this.#guard(async () => {
      await this.file.sync();
      await this.#close();
      await fs.mkdir(staging);
      await fs.rename(this.path, path.join(staging, 'file'));
      await fs.writeFile(path.join(staging, 'entry.json'), `${JSON.stringify(entry, null, 1)}\n`, {
        flush: true,
      });
      for (let attempt = 0; ; attempt++) {
        try {
          await fs.rename(staging, target);
          break;
        } catch (error) {
          // Something is there: an older or a damaged file, or the same from a process that was faster.
          if (
            attempt === 3 ||
            !['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(`${(error as NodeJS.ErrnoException).code}`)
          )
            throw error;
          const trash = path.join(this.root, 'partial', `${crypto.randomUUID()}.trash`);
          await fs.rename(target, trash).catch(() => {});
          await fs.rm(trash, { recursive: true, force: true });
        }
      }
      await fs.rm(`${this.path}.state`, { force: true });
    });
  }

  async suspend(): Promise<void> {
    const { fs } = this.modules;
    await this.#close();
    if (this.validator === null || this.length === 0) return this.#remove();
    // Under a name that says that nobody is at it.
    const idle = this.path.replace(/\.part$/, '.idle.part');
    await fs.rename(`${this.path}.state`, `${idle}.state`).catch(() => {});
    await fs.rename(this.path, idle).catch(() => {});
  }

  async discard(): Promise<void> {
    await this.#close();
    await this.#remove();
  }

  async #remove(): Promise<void> {
    for (const file of [this.path, `${this.path}.state`, `${this.path}.ready`]) {
      await this.modules.fs.rm(file, { recursive: true, force: true });
    }
  }

  async #close(): Promise<void> {
    clearInterval(this.#alive);
    await this.file.close().catch(() => {});
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw cacheFailure(this.root, 'write to', error);
    }
  }
}

/** A full disk or missing rights: the files there cannot be used, and another folder may help. */
function cacheFailure(location: string, what: string, error: unknown): SourceError {
  const { code, message } = error as NodeJS.ErrnoException;
  const got = code === 'ENOSPC' ? 'no space left on the disk' : message;
  return new SourceError(
    location,
    `a folder to ${what}`,
    got,
    'Make room, or choose another folder: CHAINGRAD_CACHE, or the option cacheDir.',
    error,
  );
}

const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(`${(error as NodeJS.ErrnoException).code}`);
