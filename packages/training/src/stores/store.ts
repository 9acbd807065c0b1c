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
  /** Deletes a file; nothing where there is none. */
  remove(name: string): Promise<void>;
  /** Deletes what writers that no longer live have left half-written. */
  removeLeftovers?(): Promise<void>;
}
