/** Shorthands for the page. */

/** The element with this id, which the page must have. */
export function byId<E extends HTMLElement>(id: string): E {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no #${id}.`);
  return element as E;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Hands a file to the user. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  make('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Ten colours that can be told apart on light and dark pictures. */
const colours = [
  '#e6550d',
  '#3182bd',
  '#31a354',
  '#c51b8a',
  '#e6ab02',
  '#6a51a3',
  '#00a6a6',
  '#a6761d',
  '#de2d26',
  '#66a61e',
];
export const colourOf = (label: number): string => colours[label % colours.length]!;

export const listOf = (files: FileList | null | undefined): File[] =>
  [...(files ?? [])].filter(({ type }) => type.startsWith('image/'));

/** Lets an element take dropped files, folders with everything in them included; paths start at what was dropped. */
export function acceptDrops(element: HTMLElement, take: (files: [path: string, file: File][]) => void): void {
  for (const type of ['dragenter', 'dragover'])
    element.addEventListener(type, (event) => {
      event.preventDefault();
      element.classList.add('over');
    });
  element.addEventListener('dragleave', () => element.classList.remove('over'));
  element.addEventListener('drop', async (event) => {
    event.preventDefault();
    element.classList.remove('over');
    const { items, files } = event.dataTransfer!;
    const entries = [...items]
      .map((item) => item.webkitGetAsEntry?.() ?? null)
      .filter((entry) => entry !== null);
    if (!entries.some(({ isDirectory }) => isDirectory)) {
      take([...files].map((file) => [file.name, file]));
      return;
    }
    const found: [string, File][] = [];
    for (const entry of entries) await collect(entry, found);
    take(found);
  });
}

async function collect(entry: FileSystemEntry, into: [string, File][]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    into.push([entry.fullPath.replace(/^\//, ''), file]);
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return;
    for (const each of some) await collect(each, into);
  }
}
