import { StoreError } from '../errors.ts';
import type { Store, StoredFile } from './store.ts';

/** Files in memory, for tests and for pages that hand them on by themselves. */
export class MemoryStore implements Store {
  readonly location = 'memory';
  readonly #files = new Map<string, { bytes: Uint8Array<ArrayBuffer>; modified: number }>();

  list(): Promise<StoredFile[]> {
    return Promise.resolve([...this.#files].map(([name, { modified }]) => ({ name, modified })));
  }

  read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = this.#files.get(name);
    if (file === undefined)
      return Promise.reject(new StoreError(this.location, name, 'there is no such file.'));
    return Promise.resolve(file.bytes.slice());
  }

  write(name: string, content: Uint8Array | string): Promise<void> {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content);
    this.#files.set(name, { bytes, modified: Date.now() });
    return Promise.resolve();
  }

  remove(name: string): Promise<void> {
    this.#files.delete(name);
    return Promise.resolve();
  }
}
