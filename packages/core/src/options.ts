import { InvalidArgumentError, UnknownOptionError } from './errors.ts';

/** What an option may be: a type by name, one of some words, or 'any' where something else checks it. */
export type OptionKind =
  | 'any'
  | 'number'
  | 'boolean'
  | 'string'
  | 'function'
  | 'object'
  | readonly (string | number | boolean | null)[];

/** The kind of every option of `O`: the compiler asks for each name. */
export type OptionKinds<O> = { readonly [K in keyof Required<O>]: OptionKind };

/** A value as it stands in a message: a string is quoted, so that '2' is not taken for 2. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `(${value.join(', ')})`;
  if (typeof value === 'function') return `a function ${value.name}`.trim();
  const isObject = typeof value === 'object' && value !== null && String(value) === '[object Object]';
  return isObject ? `an object of ${Object.keys(value).join(', ') || 'nothing'}` : String(value);
}

const articles: Readonly<Record<string, string>> = {
  number: 'a number',
  boolean: 'true or false',
  string: 'a string',
  function: 'a function',
  object: 'an object',
};

/**
 * Checks an object of options, in JavaScript too: every name is known, and every value is of its kind or undefined, which
 * stands for the default.
 *
 * ```ts
 * const { nobias = false } = checkOptions('Linear', options, { nobias: 'boolean', initialW: 'any', initialBias: 'any' });
 * ```
 *
 * @param where who takes the options, for messages.
 * @returns the options.
 * @throws UnknownOptionError, which names the nearest known one; InvalidArgumentError for a value of another kind.
 */
export function checkOptions<O extends object>(where: string, options: O, kinds: OptionKinds<O>): O {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const names = Object.keys(kinds).join(', ');
    throw new InvalidArgumentError(where, `an object of the options ${names}`, valueText(options));
  }
  const known: Readonly<Record<string, OptionKind>> = kinds;
  for (const name in options) {
    const value: unknown = options[name];
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined)
      throw new UnknownOptionError(where, name, Object.keys(known), nearestName(name, Object.keys(known)));
    if (value === undefined || kind === 'any') continue;
    const fits =
      typeof kind === 'string' ? typeof value === kind && value !== null : kind.includes(value as null);
    if (fits) continue;
    const expected = typeof kind === 'string' ? articles[kind]! : kind.map(valueText).join(' | ');
    throw new InvalidArgumentError(`${where} ${name}`, expected, valueText(value));
  }
  return options;
}

/** The name among `known` that was probably meant by `name`; null where none is near. */
export function nearestName(name: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = 0.6;
  for (const candidate of known) {
    const d = initials(name) === candidate ? 0.2 : distance(plain(name), plain(candidate));
    if (d < least) [best, least] = [candidate, d];
  }
  return best;
}

/** `no_bias`, `noBias` and `nobias` are one word. */
const plain = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** `lr` of `learningRate`. */
const initials = (name: string) => [name[0], ...name.matchAll(/[A-Z]/g)].join('').toLowerCase();

/** How far two words are apart, from 0 (equal) to 1: by letters to change, less where one begins with the other. */
function distance(a: string, b: string): number {
  if (a === b) return 0;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  if (short.length > 1 && long.startsWith(short)) return 0.1;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]! / long.length;
}
