/** Paths of a dataset: '/' between the parts, and names that compare equal in whatever way they were written. */

const IMAGE_ENDING = /\.(jpe?g|jfif|png|webp|bmp|gif|tiff?|avif|hei[cf])$/i;

/** Whether a file is a picture by its name. Names with a dot in front are leftovers of systems, e.g. `._a.jpg` of macOS. */
export const isImageName = (name: string): boolean => IMAGE_ENDING.test(name) && !name.startsWith('.');

export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** '' for a file of the folder itself. */
export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** The name without its ending. */
export const stemOf = (name: string): string => name.replace(/\.[^./]*$/, '');

/** The name without the ending of a picture or of an annotation; dots that belong to the name stay. */
export const withoutEnding = (name: string): string =>
  isImageName(name) || /\.(xml|txt|json)$/i.test(name) ? stemOf(name) : name;

/** Parts put together; '.', '..' and '\' resolved. */
export function joinPath(...parts: readonly string[]): string {
  const out: string[] = [];
  for (const part of parts.join('/').replaceAll('\\', '/').split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && out.length > 0 && out.at(-1) !== '..') out.pop();
    else out.push(part);
  }
  return out.join('/');
}

/** A name by which the two Unicode forms of a letter, and capitals and small letters, are the same. */
const loose = (name: string): string => name.normalize('NFC').toLowerCase();

/** Values by a name that may have been written in another Unicode form, or in other capitals. */
export class NameIndex<T> {
  readonly #byName = new Map<string, { readonly name: string; readonly value: T }[]>();

  add(name: string, value: T): void {
    const key = loose(name);
    const entries = this.#byName.get(key);
    if (entries === undefined) this.#byName.set(key, [{ name, value }]);
    else entries.push({ name, value });
  }

  /** Those of the very name; where there are none, of its other Unicode form; then in other capitals. */
  get(name: string): readonly T[] {
    const entries = this.#byName.get(loose(name)) ?? [];
    const same = (form: (text: string) => string) =>
      entries.filter((entry) => form(entry.name) === form(name)).map(({ value }) => value);
    for (const form of [(text: string) => text, (text: string) => text.normalize('NFC'), loose]) {
      const found = same(form);
      if (found.length > 0) return found;
    }
    return [];
  }

  has(name: string): boolean {
    return this.#byName.has(loose(name));
  }
}
