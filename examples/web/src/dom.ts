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

/** Ten colours that can be told apart on light and dark pictures, and bear white letters. */
const colours = [
  '#c2410c',
  '#1d6fb8',
  '#23803a',
  '#b0136f',
  '#8a6400',
  '#5b45a8',
  '#00787a',
  '#855a10',
  '#c42026',
  '#4b7a0f',
];
export const colourOf = (label: number): string => colours[label % colours.length]!;

/** A file with its path, from the folder that was chosen or dropped. */
export type PathedFile = readonly [path: string, file: File];

/** What an input of files has; it is emptied, so that the same can be chosen again. */
export function takeFiles(input: HTMLInputElement): PathedFile[] {
  const files = [...(input.files ?? [])].map((file) => [file.webkitRelativePath || file.name, file] as const);
  input.value = '';
  return files;
}

/** Buttons of which one has the focus: arrow keys, Home and End go on. */
export function arrowKeys(group: HTMLElement): void {
  group.addEventListener('keydown', (event) => {
    const buttons = [...group.querySelectorAll<HTMLButtonElement>('button:not(:disabled)')].filter(
      (button) => button.dataset['aside'] === undefined,
    );
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (at < 0) return;
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: -1,
    };
    const next = steps[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    buttons.at(next % buttons.length)!.focus();
  });
}

/** Whether an element can have the keyboard. */
const isUsable = (element: Element): boolean =>
  element.isConnected && !(element as HTMLButtonElement).disabled && element.checkVisibility();

/**
 * Hands the keyboard on when a change has hidden, disabled or removed what had it: else the next key would begin at the top of the page.
 * @param focused what had it before the change.
 * @param next the first of these that can have it gets it.
 */
export function passFocus(focused: Element | null, ...next: readonly string[]): void {
  const now = document.activeElement;
  if (focused === null || focused === document.body || isUsable(focused)) return;
  // It has been given to another one already.
  if (now !== null && now !== document.body && now !== focused) return;
  next
    .map((id) => byId(id))
    .find(isUsable)
    ?.focus();
}

/** Lets an element take dropped files, folders with everything in them included; paths start at what was dropped. */
export function acceptDrops(element: HTMLElement, take: (files: PathedFile[]) => void): void {
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
    const found: PathedFile[] = [];
    for (const entry of entries) await collect(entry, found);
    take(found);
  });
}

async function collect(entry: FileSystemEntry, into: PathedFile[]): Promise<void> {
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
