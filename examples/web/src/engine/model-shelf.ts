/** The models that are kept: a file and a description each. */
import type { Store } from '@chaingrad/training';
import type { ModelEntry } from '../protocol.ts';

const description = /^(.*)\.json$/;

interface Kept extends ModelEntry {
  /** Whose ending says the format. */
  readonly file: string;
}

export class ModelShelf {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async list(): Promise<Kept[]> {
    const files = (await this.#store.list()).filter(({ name }) => description.test(name));
    files.sort((a, b) => a.modified - b.modified);
    const entries: Kept[] = [];
    for (const { name } of files) {
      const bytes = await this.#store.read(name).catch(() => null);
      if (bytes !== null) entries.push(JSON.parse(new TextDecoder().decode(bytes)));
    }
    return entries;
  }

  async read(id: string): Promise<{ entry: Kept; bytes: Uint8Array<ArrayBuffer> }> {
    const entry = (await this.list()).find((each) => each.id === id);
    if (entry === undefined) throw new Error('This model is not kept any more.');
    return { entry, bytes: await this.#store.read(entry.file) };
  }

  /** @returns the entry; a name that is taken gets a number. */
  async add(
    wanted: string,
    about: Pick<ModelEntry, 'labelNames' | 'note'>,
    bytes: Uint8Array,
    ending: string,
  ): Promise<ModelEntry> {
    const names = new Set((await this.list()).map(({ name }) => name));
    let name = wanted;
    for (let n = 2; names.has(name); n++) name = `${wanted} ${n}`;
    const id = crypto.getRandomValues(new Uint32Array(2)).join('-');
    const entry: Kept = { id, name, ...about, file: `${id}.${ending}` };
    await this.#store.write(entry.file, bytes);
    await this.#describe(entry);
    return entry;
  }

  async rename(id: string, name: string): Promise<void> {
    const entry = (await this.list()).find((each) => each.id === id);
    if (entry !== undefined) await this.#describe({ ...entry, name });
  }

  async remove(id: string): Promise<void> {
    const entry = (await this.list()).find((each) => each.id === id);
    if (entry === undefined) return;
    await this.#store.remove(`${id}.json`);
    await this.#store.remove(entry.file);
  }

  #describe(entry: Kept): Promise<void> {
    return this.#store.write(`${entry.id}.json`, JSON.stringify(entry));
  }
}
