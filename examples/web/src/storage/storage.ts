/**
 * What survives a reload: files in IndexedDB, which a page has under plain http too, where the origin's private file system and
 * `navigator.storage` are missing. Where it is refused, files are kept in memory, and `why` says so.
 */
import { MemoryStore, type Store, type StoredFile, StoreError } from '@chaingrad/training';

const DATABASE = 'chaingrad-studio';
const FILES = 'files';

export type Area = 'project' | 'models' | 'training';

export interface Storage {
  /** Why nothing is kept; '' where it is. */
  readonly why: string;
  area(name: Area): Store;
  clear(): Promise<void>;
}

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const reason = (error: unknown): string =>
  error instanceof DOMException && error.name === 'QuotaExceededError'
    ? 'the browser has no more room for this page.'
    : error instanceof Error
      ? error.message
      : String(error);

interface Row {
  readonly content: Blob;
  readonly modified: number;
}

class DatabaseStore implements Store {
  readonly location = "this browser's storage";
  constructor(
    readonly database: IDBDatabase,
    readonly area: Area,
  ) {}

  async #run<T>(
    mode: IDBTransactionMode,
    work: (files: IDBObjectStore) => IDBRequest<T>,
    name = '',
  ): Promise<T> {
    try {
      const transaction = this.database.transaction(FILES, mode);
      const ended = new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = transaction.onerror = () => reject(transaction.error);
      });
      const [result] = await Promise.all([done(work(transaction.objectStore(FILES))), ended]);
      return result;
    } catch (error) {
      throw new StoreError(this.location, name, reason(error), error);
    }
  }

  get #range(): IDBKeyRange {
    return IDBKeyRange.bound([this.area], [this.area, []]);
  }

  async list(): Promise<StoredFile[]> {
    const keys = await this.#run('readonly', (files) => files.getAllKeys(this.#range));
    const names = (keys as [Area, string][]).map(([, name]) => name);
    return Promise.all(names.map(async (name) => ({ name, modified: (await this.#row(name)).modified })));
  }

  async #row(name: string): Promise<Row> {
    const row: Row | undefined = await this.#run('readonly', (files) => files.get([this.area, name]), name);
    if (row === undefined) throw new StoreError(this.location, name, 'there is no such file.');
    return row;
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await (await this.#row(name)).content.arrayBuffer());
  }

  async write(name: string, content: Uint8Array | string): Promise<void> {
    const row: Row = { content: new Blob([content as BlobPart]), modified: Date.now() };
    await this.#run('readwrite', (files) => files.put(row, [this.area, name]), name);
  }

  async remove(name: string): Promise<void> {
    await this.#run('readwrite', (files) => files.delete([this.area, name]), name);
  }
}

async function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(FILES);
  return done(request);
}

/** A fresh storage that forgets. */
export function memoryStorage(why: string): Storage {
  const stores = new Map<Area, Store>();
  const area = (name: Area) => {
    const store = stores.get(name) ?? new MemoryStore();
    stores.set(name, store);
    return store;
  };
  return { why, area, clear: async () => stores.clear() };
}

/** @param why of a page that has found out already that there is none: kept in memory. */
export async function openStorage(why = ''): Promise<Storage> {
  if (why !== '') return memoryStorage(why);
  try {
    const database = await open();
    const storage: Storage = {
      why: '',
      area: (name) => new DatabaseStore(database, name),
      async clear() {
        const transaction = database.transaction(FILES, 'readwrite');
        await done(transaction.objectStore(FILES).clear());
      },
    };
    // Some browsers open a database and refuse blobs, or any writing, in private windows.
    const probe = storage.area('project');
    await probe.write('probe', 'ok');
    await probe.remove('probe');
    return storage;
  } catch (error) {
    return memoryStorage(reason((error as Error).cause ?? error));
  }
}

/** A store that goes on when writing fails: what is there is told once, nothing is stopped. */
export function forgiving(store: Store, failed: (why: string) => void): Store {
  let told = false;
  return {
    location: store.location,
    list: () => store.list(),
    read: (name) => store.read(name),
    remove: (name) => store.remove(name),
    async write(name, content) {
      try {
        await store.write(name, content);
      } catch (error) {
        if (!told) failed(reason(error));
        told = true;
      }
    },
  };
}
