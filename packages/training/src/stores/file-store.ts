import { StoreError } from '../errors.ts';
import type { Store, StoredFile } from './store.ts';

/** Node's modules, or undefined in a page. Not imports: bundlers for the browser would follow them, and fail. */
const builtin = <K extends keyof Modules>(name: K): Modules[K] | undefined =>
  typeof process === 'undefined' ? undefined : (process.getBuiltinModule?.(name) as Modules[K] | undefined);

interface Modules {
  'node:fs/promises': typeof import('node:fs/promises');
  'node:path': typeof import('node:path');
}

/** `.name.123.uuid.part`: the process that writes it, so that others know whether it still lives. */
const partName = /^\..*\.(\d+)\.[0-9a-f-]{36}\.part$/;

/** A folder, in Node. It is made when the first file is written. */
export class FileStore implements Store {
  readonly location: string;
  readonly #fs: Modules['node:fs/promises'];
  readonly #path: Modules['node:path'];

  /** @throws StoreError in a page. */
  constructor(folder: string) {
    const fs = builtin('node:fs/promises');
    const path = builtin('node:path');
    if (fs === undefined || path === undefined) {
      throw new StoreError(
        folder,
        '',
        'a page has no folders: give the trainer another store, e.g. a MemoryStore.',
      );
    }
    this.location = folder;
    this.#fs = fs;
    this.#path = path;
  }

  async list(): Promise<StoredFile[]> {
    const names = await this.#names();
    const files = await Promise.all(
      names
        .filter((name) => !partName.test(name))
        .map(async (name) => {
          // A file may be deleted between the listing and this look at it.
          const stat = await this.#fs.stat(this.#file(name)).catch(() => null);
          return stat?.isFile() ? [{ name, modified: stat.mtimeMs }] : [];
        }),
    );
    return files.flat();
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return new Uint8Array(await this.#fs.readFile(this.#file(name)));
    } catch (error) {
      throw this.#problem(name, error);
    }
  }

  async write(name: string, content: Uint8Array | string): Promise<void> {
    const part = this.#file(`.${name}.${process.pid}.${crypto.randomUUID()}.part`);
    try {
      await this.#fs.mkdir(this.location, { recursive: true });
      await this.#fs.writeFile(part, content, { flush: true });
      await this.#fs.rename(part, this.#file(name));
      await this.#syncFolder();
    } catch (error) {
      await this.#fs.rm(part, { force: true }).catch(() => {});
      throw this.#problem(name, error);
    }
  }

  async remove(name: string): Promise<void> {
    try {
      await this.#fs.rm(this.#file(name), { force: true });
    } catch (error) {
      throw this.#problem(name, error);
    }
  }

  async removeLeftovers(): Promise<void> {
    for (const name of await this.#names()) {
      const pid = partName.exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) await this.remove(name);
    }
  }

  async #names(): Promise<string[]> {
    try {
      return await this.#fs.readdir(this.location);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw this.#problem('', error);
    }
  }

  /** The rename itself must be on the disk, too, or a power cut could bring the old file back. */
  async #syncFolder(): Promise<void> {
    try {
      await using folder = await this.#fs.open(this.location, 'r');
      await folder.sync();
    } catch {
      // Windows cannot open folders, some network drives cannot sync them: there the rename is as safe as it gets.
    }
  }

  #file(name: string): string {
    if (name === '' || name !== this.#path.basename(name)) {
      throw new StoreError(this.location, name, 'a name of a file, without folders, was expected.');
    }
    return this.#path.join(this.location, name);
  }

  #problem(name: string, error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    return new StoreError(this.location, name, code === 'ENOENT' ? 'there is no such file.' : message, error);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
