/** Which detector is used: the menu always says what really is. */
import { ask } from '../ask.ts';
import type { Client } from '../client.ts';
import { byId, download, make, passFocus, takeFiles } from '../dom.ts';
import { usePage, usePageZip } from '../project/use-page.ts';
import { BUILT_IN, isBuiltIn, type ModelEntry, type ModelFacts, type SavedFormat } from '../protocol.ts';

const CHOICE = 'chaingrad-studio-model';

export class ModelMenu {
  readonly #client: Client;
  readonly #failed: (error: unknown) => void;
  readonly #changed: () => void;
  #entries: readonly ModelEntry[] = [];
  #facts: ModelFacts | null = null;
  /** Until then the facts are those of the detector before. */
  #used: Promise<void> = Promise.resolve();

  /** @param changed is told when another detector is in use. */
  constructor(client: Client, failed: (error: unknown) => void, changed: () => void) {
    this.#client = client;
    this.#failed = failed;
    this.#changed = changed;
    byId('model').addEventListener('change', () => void this.use(byId<HTMLSelectElement>('model').value));
    byId<HTMLInputElement>('open-model').addEventListener('change', (event) => {
      for (const [, file] of takeFiles(event.target as HTMLInputElement)) void this.open(file);
    });
    byId('rename-model').addEventListener('click', () => void this.#rename().catch(failed));
    byId('remove-model').addEventListener('click', () => void this.#remove().catch(failed));
    for (const button of document.querySelectorAll<HTMLButtonElement>('[data-save]'))
      button.addEventListener(
        'click',
        () => void this.#save(button.dataset['save'] as SavedFormat).catch(failed),
      );
    byId('copy-code').addEventListener('click', () => {
      void navigator.clipboard?.writeText(byId<HTMLTextAreaElement>('use-code').value).catch(failed);
    });
    byId('save-page').addEventListener('click', () => void this.#savePage().catch(failed));
  }

  get facts(): ModelFacts | null {
    return this.#facts;
  }

  /** After a start of the backend: the detector of the last visit, or that of the page. */
  async restore(): Promise<void> {
    this.#entries = await this.#client.call('models', null);
    const wanted = this.#facts?.id ?? localStorage.getItem(CHOICE) ?? BUILT_IN;
    await this.use(this.#entries.some(({ id }) => id === wanted) ? wanted : BUILT_IN);
  }

  use(id: string): Promise<void> {
    this.#used = this.#load(id);
    return this.#used;
  }

  async #load(id: string): Promise<void> {
    try {
      this.#take(await this.#client.call('loadModel', id));
    } catch (error) {
      this.#failed(error);
    }
    this.#show();
  }

  /** A model that the worker has put into use by itself. */
  async noticed(entry: ModelEntry): Promise<void> {
    this.#entries = await this.#client.call('models', null);
    if (!this.#entries.some(({ id }) => id === entry.id)) this.#entries = [...this.#entries, entry];
    await this.use(entry.id);
  }

  async open(file: File): Promise<void> {
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      await this.noticed(await this.#client.call('openModel', { name: file.name, bytes }));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#failed(new Error(why.includes(file.name) ? why : `${file.name}: ${why}`));
    }
  }

  #take(facts: ModelFacts): void {
    const isOther = facts.id !== this.#facts?.id;
    this.#facts = facts;
    localStorage.setItem(CHOICE, facts.id);
    if (!isOther) return;
    // A score of one detector says something else than that of another.
    const threshold = byId<HTMLInputElement>('threshold');
    threshold.value = String(facts.threshold);
    threshold.dispatchEvent(new Event('input'));
    this.#changed();
  }

  #show(): void {
    const facts = this.#facts;
    if (facts === null) return;
    const focused = document.activeElement;
    const select = byId<HTMLSelectElement>('model');
    select.replaceChildren(
      ...this.#entries.map(({ id, name, labelNames }) =>
        make('option', { value: id, textContent: `${name} (${labelNames.length})` }),
      ),
    );
    select.value = facts.id;
    byId('model-note').textContent =
      `${facts.className === facts.note.replace(/\s/g, '') ? facts.note : `${facts.className}, ${facts.note}`}, ${(facts.params / 1e6).toFixed(1)} million numbers`;
    byId('class-list').replaceChildren(...facts.labelNames.map((name) => make('li', { textContent: name })));
    const isOwn = !isBuiltIn(facts.id) && facts.id !== 'unkept';
    for (const button of document.querySelectorAll<HTMLButtonElement>('[data-save]'))
      button.hidden = !facts.formats.includes(button.dataset['save'] as SavedFormat);
    byId('use-in-page').hidden = !facts.formats.includes('safetensors');
    byId('rename-model').hidden = byId('remove-model').hidden = !isOwn;
    byId<HTMLTextAreaElement>('use-code').value = usePage(facts.name, facts.className, this.#threshold);
    passFocus(focused, 'model');
  }

  get #threshold(): number {
    return Number(byId<HTMLInputElement>('threshold').value);
  }

  async #rename(): Promise<void> {
    await this.#used;
    const { id, name } = this.#facts!;
    const next = await ask('Another name for this detector:', 'Rename', name);
    if (next === null || next === '') return;
    this.#entries = await this.#client.call('renameModel', { id, name: next });
    if (this.#facts!.id === id) this.#facts = { ...this.#facts!, name: next };
    this.#show();
  }

  async #remove(): Promise<void> {
    await this.#used;
    const { id, name } = this.#facts!;
    if ((await ask(`Delete the detector “${name}”? There is no way back.`, 'Delete')) === null) return;
    this.#entries = await this.#client.call('removeModel', id);
    await this.use(this.#facts!.id === id ? BUILT_IN : this.#facts!.id);
  }

  get #fileName(): string {
    return (this.#facts?.name ?? 'detector').replace(/[^\p{L}\p{N}_-]+/gu, '-').toLowerCase();
  }

  async #save(format: SavedFormat): Promise<void> {
    const bytes = await this.#client.call('save', format);
    download(`${this.#fileName}.${format}`, new Blob([bytes]));
  }

  async #savePage(): Promise<void> {
    const model = await this.#client.call('save', 'safetensors');
    const fetchFile = async (name: string) => {
      const response = await fetch(name);
      if (!response.ok) throw new Error(`${name} cannot be read: HTTP ${response.status}.`);
      return new Uint8Array(await response.arrayBuffer());
    };
    const { name, className } = this.#facts!;
    download(
      `${this.#fileName}-page.zip`,
      new Blob([await usePageZip(name, className, this.#threshold, model, fetchFile)]),
    );
  }
}
