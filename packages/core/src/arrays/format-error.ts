/** The error of every file reader: the bytes are not what the format says they must be. */
import { ChaingradError } from '../errors.ts';

/** The most characters of a file's content in a message. */
const longest = 500;

/** The beginning of a text, where it is too long for a message. */
const clipped = (text: string): string =>
  text.length <= longest ? text : `${text.slice(0, longest)}... (${text.length} characters)`;

/** Where in which file something is wrong. */
export interface FormatPlace {
  /** The file's name, as far as it is known. */
  readonly file: string;
  /** The array, entry or table inside the file. */
  readonly key?: string;
}

/** A weight file is damaged, lies about its sizes, or holds something that is not read on purpose. */
export class FormatError extends ChaingradError {
  readonly file: string;
  readonly key: string | undefined;

  readonly expected: string;
  readonly got: string;

  constructor(
    place: FormatPlace,
    expected: string,
    got: string,
    readonly advice = 'The file is damaged or was not written in this format: fetch or write it again.',
    cause?: unknown,
  ) {
    const where = place.key === undefined ? place.file : `${place.file}, '${clipped(place.key)}'`;
    super(`${where}: expected ${clipped(expected)}, got ${clipped(got)}. ${advice}`);
    this.expected = clipped(expected);
    this.got = clipped(got);
    this.file = place.file;
    this.key = place.key;
    if (cause !== undefined) this.cause = cause;
  }
}

/** The most characters of a value in a message, and the deepest nesting that is shown. */
const briefLength = 200;
const briefDepth = 8;

/**
 * A value of a file for a message: the beginning of its JSON. The work is bounded by the length of the message, not by the value,
 * which may be nested deeply, or share its parts so that it unfolds to any size.
 */
export function brief(value: unknown): string {
  const text = new BriefText();
  text.add(value, 0);
  return text.result();
}

class BriefText {
  #text = '';

  get isFull(): boolean {
    return this.#text.length >= briefLength;
  }

  result(): string {
    return this.#text.slice(0, briefLength);
  }

  add(value: unknown, depth: number): void {
    if (typeof value === 'string') this.#text += JSON.stringify(value.slice(0, briefLength));
    else if (value === undefined) this.#text += depth === 0 ? 'nothing' : 'null';
    else if (typeof value !== 'object' || value === null) this.#text += String(value);
    else if (depth >= briefDepth) this.#text += '...';
    else if (Array.isArray(value)) this.#list('[]', value, (item) => this.add(item, depth + 1));
    else {
      const entries = value instanceof Map ? value : Object.entries(value);
      this.#list('{}', entries, ([key, item]) => {
        this.add(key, depth + 1);
        this.#text += ':';
        this.add(item, depth + 1);
      });
    }
  }

  #list<T>(brackets: string, items: Iterable<T>, add: (item: T) => void): void {
    this.#text += brackets[0];
    let first = true;
    for (const item of items) {
      if (this.isFull) return;
      if (!first) this.#text += ',';
      first = false;
      add(item);
    }
    this.#text += brackets[1];
  }
}

/** Names for a message, of which there may be any number: the first of them, and how many more there are. */
export function listNames(names: readonly string[], most = 20): string {
  const first = names.slice(0, most).map((name) => name.slice(0, briefLength));
  return first.join(', ') + (names.length > most ? ` and ${names.length - most} more` : '');
}
