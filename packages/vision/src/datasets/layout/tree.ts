/** The folders of a data set with the files in them, and pictures found by what annotations call them. */
import type { DatasetFiles } from '../files.ts';
import { baseName, folderOf, isImageName, joinPath, NameIndex, stemOf, withoutEnding } from '../paths.ts';

/** Folders deeper than this are not looked into. */
const DEPTH = 5;
/** Folders that never hold labelled pictures: systems' leftovers, masks. */
const PASSED_OVER = /^(\..*|__MACOSX|node_modules|SegmentationClass|SegmentationObject)$/;

export interface TreeFolder {
  readonly path: string;
  readonly images: readonly string[];
  /** Every file that is not hidden, pictures too. */
  readonly files: readonly string[];
}

export class Tree {
  readonly #folders: ReadonlyMap<string, TreeFolder>;
  readonly #byPath = new NameIndex<string>();
  readonly #byName = new NameIndex<string>();
  readonly #stems = new Map<string, NameIndex<string>>();

  private constructor(folders: readonly TreeFolder[]) {
    this.#folders = new Map(folders.map((folder) => [folder.path, folder]));
    for (const { path, images } of folders) {
      const stems = new NameIndex<string>();
      this.#stems.set(path, stems);
      for (const name of images) {
        const file = joinPath(path, name);
        stems.add(stemOf(name), file);
        this.#byPath.add(file, file);
        this.#byName.add(name, file);
      }
    }
  }

  /** @param more folders that are looked into also where they lie outside, e.g. '../pictures'. */
  static async read(files: DatasetFiles, more: readonly string[] = []): Promise<Tree> {
    const folders: TreeFolder[] = [];
    const visit = async (path: string, depth: number): Promise<void> => {
      const entries = await files.list(path);
      const visible = entries.files.filter((name) => !name.startsWith('.'));
      folders.push({ path, files: visible, images: visible.filter(isImageName) });
      if (depth === 0) return;
      for (const name of entries.folders) {
        if (!PASSED_OVER.test(name)) await visit(joinPath(path, name), depth - 1);
      }
    };
    await visit('', DEPTH);
    for (const path of more) if (!folders.some((folder) => folder.path === path)) await visit(path, 0);
    return new Tree(folders);
  }

  get folders(): readonly TreeFolder[] {
    return [...this.#folders.values()];
  }

  folder(path: string): TreeFolder | undefined {
    return this.#folders.get(path);
  }

  /** Files of a folder with an ending, e.g. '.xml', in capitals too. */
  filesWith(path: string, ending: string): string[] {
    return (this.folder(path)?.files ?? []).filter((name) => name.toLowerCase().endsWith(ending));
  }

  /** Pictures of a folder by their name without its ending. */
  imagesOfStem(folder: string, stem: string): readonly string[] {
    return this.#stems.get(folder)?.get(stem) ?? [];
  }

  /**
   * The picture that an annotation calls `name`: below `base`; else the same file name in `base`, or in the only folder that
   * has one; else with another ending.
   */
  imageNamed(name: string, base: string): string | null {
    const whole = joinPath(name);
    const file = baseName(whole);
    const nearest = (files: readonly string[]) =>
      files.length === 1 ? files[0]! : (files.find((path) => folderOf(path) === base) ?? null);
    return (
      this.#byPath.get(joinPath(base, whole))[0] ??
      this.#byPath.get(joinPath(base, file))[0] ??
      nearest(this.#byName.get(file)) ??
      this.imagesOfStem(base, withoutEnding(file))[0] ??
      null
    );
  }

  /** The folder that most of the names lead to, and how many do: near `near`, where several are equal. */
  folderOfNames(names: readonly string[], near: string): { folder: string; found: number } | null {
    return this.#best(near, (folder) => {
      const inFolder = (name: string) =>
        this.#byPath.has(joinPath(folder, name)) ||
        this.#byPath.has(joinPath(folder, baseName(joinPath(name))));
      return names.filter(inFolder).length;
    });
  }

  /** As `folderOfNames`, by names without endings. */
  folderOfStems(stems: readonly string[], near: string): { folder: string; found: number } | null {
    return this.#best(near, (folder) => {
      const index = this.#stems.get(folder)!;
      return stems.filter((stem) => index.has(stem)).length;
    });
  }

  #best(near: string, count: (folder: string) => number): { folder: string; found: number } | null {
    const found = this.folders
      .map(({ path }) => ({ folder: path, found: count(path), distance: distance(path, near) }))
      .filter((entry) => entry.found > 0);
    if (found.length === 0) return null;
    const most = Math.max(...found.map((entry) => entry.found));
    // A far folder that has a few more of the names is not the one that is meant.
    const enough = found.filter((entry) => entry.found >= most / 2);
    enough.sort((a, b) => a.distance - b.distance || b.found - a.found);
    return enough[0]!;
  }
}

/** Steps from one folder to the other; a twin under another parent, as annotations/train of images/train, is near. */
function distance(a: string, b: string): number {
  if (a === b) return 0;
  const [from, to] = [a, b].map((path) => path.split('/').filter((step) => step !== ''));
  let shared = 0;
  while (shared < from!.length && from![shared] === to![shared]) shared++;
  const steps = from!.length + to!.length - 2 * shared;
  return from!.length > 0 && from!.at(-1) === to!.at(-1) ? steps - 0.5 : steps;
}
