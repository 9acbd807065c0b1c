/** A file of a store. */
export interface StoredFile {
  readonly name: string;
  /** When it was written, in milliseconds since 1970. */
  readonly modified: number;
}

/**
 * Where a trainer keeps its files: snapshots, logs, plots. One flat folder; names contain no slash.
 * Implement it for other places, e.g. a browser's origin private file system or IndexedDB.
 */
export interface Store {
  /** The place, for messages. */
  readonly location: string;
  /** Whole files only, in any order; empty where the place does not exist yet. */
  list(): Promise<StoredFile[]>;
  /** @throws StoreError when there is no such file. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Writes or replaces a file. Whatever happens, also to the machine, there is the old file or the new one. */
  write(name: string, content: Uint8Array | string): Promise<void>;
  /** Adds to the end of a file, which may be torn where the machine stops. Without it the file is read and written anew. */
  append?(name: string, content: Uint8Array): Promise<void>;
  /** Deletes a file; nothing where there is none. */
  remove(name: string): Promise<void>;
  /** Deletes what writers that no longer live have left half-written. */
  removeLeftovers?(): Promise<void>;
}

/** Adds to the end of a file that there is. */
export async function appendTo(store: Store, name: string, content: Uint8Array): Promise<void> {
  if (store.append !== undefined) return await store.append(name, content);
  const file = await store.read(name);
  const longer = new Uint8Array(file.length + content.length);
  longer.set(file);
  longer.set(content, file.length);
  await store.write(name, longer);
}
