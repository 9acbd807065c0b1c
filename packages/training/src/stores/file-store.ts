import { nodeModule } from '@chaingrad/core';
import { isAlive, partName, SourceError, writeFile } from '@chaingrad/weights';
import { StoreError } from '../errors.ts';
import type { Store, StoredFile } from './store.ts';

/** A folder, in Node. It is made when the first file is written. */
export class FileStore implements Store {
  readonly location: string;
  readonly #fs: typeof import('node:fs/promises');
  readonly #path: typeof import('node:path');

  /** @throws StoreError in a page. */
  constructor(folder: string) {
    const fs = nodeModule<typeof import('node:fs/promises')>('node:fs/promises');
    const path = nodeModule<typeof import('node:path')>('node:path');
    if (fs === null || path === null) {
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
    try {
      await this.#fs.mkdir(this.location, { recursive: true });
      await writeFile(this.#file(name), content);
    } catch (error) {
      throw this.#problem(name, error);
    }
  }

  async append(name: string, content: Uint8Array): Promise<void> {
    try {
      await this.#fs.appendFile(this.#file(name), content);
    } catch (error) {
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

  #file(name: string): string {
    if (name === '' || name !== this.#path.basename(name)) {
      throw new StoreError(this.location, name, 'a name of a file, without folders, was expected.');
    }
    return this.#path.join(this.location, name);
  }

  #problem(name: string, error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    const { code, message } = (error instanceof SourceError ? error.cause : error) as NodeJS.ErrnoException;
    return new StoreError(this.location, name, code === 'ENOENT' ? 'there is no such file.' : message, error);
  }
}
