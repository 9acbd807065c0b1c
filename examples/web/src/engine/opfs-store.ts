/** A trainer's store in the origin's private file system: it survives a reload, and no other page sees it. */
import { type Store, type StoredFile, StoreError } from '@chaingrad/training';

export class OpfsStore implements Store {
  readonly location: string;
  readonly #folder: Promise<FileSystemDirectoryHandle>;

  constructor(name: string) {
    this.location = `this browser's storage (${name})`;
    this.#folder = navigator.storage
      .getDirectory()
      .then((root) => root.getDirectoryHandle(name, { create: true }));
  }

  async list(): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    const folder = (await this.#folder) as FileSystemDirectoryHandle & {
      values(): AsyncIterable<FileSystemHandle>;
    };
    for await (const handle of folder.values()) {
      if (handle.kind !== 'file' || handle.name.endsWith('.crswap')) continue;
      const { lastModified } = await (handle as FileSystemFileHandle).getFile();
      files.push({ name: handle.name, modified: lastModified });
    }
    return files;
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    try {
      const handle = await (await this.#folder).getFileHandle(name);
      return new Uint8Array(await (await handle.getFile()).arrayBuffer());
    } catch (error) {
      throw new StoreError(this.location, name, error instanceof Error ? error.message : String(error));
    }
  }

  /** The stream writes into a copy, which takes the file's place when it is closed. */
  async write(name: string, content: Uint8Array | string | Blob): Promise<void> {
    const handle = await (await this.#folder).getFileHandle(name, { create: true });
    const stream = await handle.createWritable();
    try {
      await stream.write(content as FileSystemWriteChunkType);
      await stream.close();
    } catch (error) {
      await stream.abort().catch(() => {});
      throw new StoreError(this.location, name, error instanceof Error ? error.message : String(error));
    }
  }

  async remove(name: string): Promise<void> {
    await (await this.#folder).removeEntry(name).catch((error: DOMException) => {
      if (error.name !== 'NotFoundError') throw error;
    });
  }

  async clear(): Promise<void> {
    for (const { name } of await this.list()) await this.remove(name);
  }
}
