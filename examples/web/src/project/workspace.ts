/** The project that is open: its changes, its pictures, and their way into the browser's storage. */
import type { Store } from '@chaingrad/training';
import { type Imported, importPicture } from '../pictures.ts';
import { History } from './history.ts';
import {
  addPictures,
  emptyProject,
  type LabelledBox,
  type Picture,
  type Project,
  setBoxes,
} from './project.ts';

const FILE = 'project.json';
/** Along the longer side: twice what the network sees of a part that is enlarged. */
const MAX_SIDE = 1280;

const imageName = (id: string) => `picture-${id}`;
const thumbnailName = (id: string) => `thumbnail-${id}`;
const newId = () => [...crypto.getRandomValues(new Uint32Array(2))].map((n) => n.toString(36)).join('');

interface Content {
  readonly image: Blob;
  /** The address of a small picture. */
  readonly thumbnail: string;
}

export interface ToAdd {
  readonly file: File;
  readonly part?: Picture['part'];
  /** In shares of the picture's sides. */
  readonly boxes?: readonly LabelledBox[];
}

export class Workspace {
  readonly #store: Store;
  readonly #contents = new Map<string, Content>();
  readonly #listeners: (() => void)[] = [];
  #history = new History(emptyProject);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** @param store one that goes on when writing fails. */
  constructor(store: Store) {
    this.#store = store;
  }

  get project(): Project {
    return this.#history.present;
  }

  get canUndo(): boolean {
    return this.#history.canUndo;
  }

  get canRedo(): boolean {
    return this.#history.canRedo;
  }

  listen(listener: () => void): void {
    this.#listeners.push(listener);
  }

  image(id: string): Blob {
    return this.#contents.get(id)!.image;
  }

  thumbnail(id: string): string {
    return this.#contents.get(id)!.thumbnail;
  }

  /** @param kind changes of one kind that follow each other are undone together. */
  change(next: Project, kind: string | null = null): void {
    if (next === this.project) return;
    this.#history.push(next, kind);
    this.#changed();
  }

  undo(): void {
    if (this.#history.undo()) this.#changed();
  }

  redo(): void {
    if (this.#history.redo()) this.#changed();
  }

  #changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), 300);
    for (const listener of this.#listeners) listener();
  }

  /** Writes what is not written yet. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    const text = JSON.stringify(this.project);
    this.#saving = this.#saving.then(() => this.#store.write(FILE, text));
    return this.#saving;
  }

  /** What an earlier visit has left. */
  async restore(): Promise<void> {
    const names = new Set((await this.#store.list()).map(({ name }) => name));
    if (!names.has(FILE)) return;
    const project = JSON.parse(new TextDecoder().decode(await this.#store.read(FILE))) as Project;
    const kept: Picture[] = [];
    for (const picture of project.pictures) {
      const { id } = picture;
      // A picture for which there was no room is gone.
      if (!names.has(imageName(id)) || !names.has(thumbnailName(id))) continue;
      this.#put(id, await this.#blob(imageName(id)), await this.#blob(thumbnailName(id)));
      kept.push(picture);
    }
    // Pictures that were removed could be brought back until now.
    const used = new Set(project.pictures.map(({ id }) => id));
    for (const name of names)
      if (/^(picture|thumbnail)-/.test(name) && !used.has(name.replace(/^\w+-/, '')))
        await this.#store.remove(name);
    this.#history = new History({ ...project, pictures: kept });
    for (const listener of this.#listeners) listener();
  }

  async #blob(name: string): Promise<Blob> {
    return new Blob([await this.#store.read(name)]);
  }

  #put(id: string, image: Blob, thumbnail: Blob): void {
    this.#contents.set(id, { image, thumbnail: URL.createObjectURL(thumbnail) });
  }

  async #keep(id: string, { image, thumbnail }: Pick<Imported, 'image' | 'thumbnail'>): Promise<void> {
    this.#put(id, image, thumbnail);
    await this.#store.write(imageName(id), new Uint8Array(await image.arrayBuffer()));
    await this.#store.write(thumbnailName(id), new Uint8Array(await thumbnail.arrayBuffer()));
  }

  /**
   * Adds pictures one after the other, so that only one is decoded at a time.
   * @returns what is wrong with those that were left out, each by its name.
   */
  async add(files: readonly ToAdd[], progress: (done: number) => void = () => {}): Promise<string[]> {
    const problems: string[] = [];
    for (const [i, { file, part = 'auto', boxes = [] }] of files.entries()) {
      try {
        const imported = await importPicture(file, MAX_SIDE);
        const id = newId();
        await this.#keep(id, imported);
        const { width, height } = imported;
        const scaled = boxes.map(({ label, box: [top, left, bottom, right] }) => ({
          label,
          box: [top * height, left * width, bottom * height, right * width] as const,
        }));
        this.change(
          addPictures(this.project, [{ id, name: file.name, width, height, part, boxes: scaled }]),
          'add',
        );
      } catch (error) {
        problems.push((error as Error).message);
      }
      progress(i + 1);
    }
    return problems;
  }

  setBoxes(id: string, boxes: readonly LabelledBox[], kind: string | null = null): void {
    this.change(setBoxes(this.project, id, boxes), kind);
  }

  /** Takes the place of everything; can be undone. */
  async replace(project: Project, contents: ReadonlyMap<string, Uint8Array>): Promise<void> {
    // Two projects may come from one: the pictures get names of their own.
    const pictures: Picture[] = [];
    for (const picture of project.pictures) {
      const bytes = contents.get(picture.id)! as Uint8Array<ArrayBuffer>;
      const type = bytes[0] === 0x89 ? 'image/png' : 'image/jpeg';
      const imported = await importPicture(new File([bytes], picture.name, { type }), MAX_SIDE);
      const id = newId();
      await this.#keep(id, imported);
      pictures.push({ ...picture, id });
    }
    this.change({ ...project, pictures });
  }

  /** Forgets everything, without a way back. */
  async clear(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#saving;
    for (const { thumbnail } of this.#contents.values()) URL.revokeObjectURL(thumbnail);
    this.#contents.clear();
    this.#history = new History(emptyProject);
    for (const { name } of await this.#store.list()) await this.#store.remove(name);
    for (const listener of this.#listeners) listener();
  }
}
