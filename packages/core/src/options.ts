import { InvalidArgumentError, UnknownOptionError } from './errors.ts';

type TypeName = 'number' | 'boolean' | 'string' | 'function' | 'object';

/** What an option may be: a type by name, one of some words, or 'any' where something else checks it. */
export type OptionKind =
  | 'any'
  | TypeName
  | `${TypeName} | null`
  | readonly (string | number | boolean | null)[];

/** The kind of every option of `O`: the compiler asks for each name. */
export type OptionKinds<O> = { readonly [K in keyof Required<O>]: OptionKind };

/**
 * What people write who know an option by another name, e.g. from Chainer: the known name, or the option as it is to be written
 * (`match: 'common'`).
 */
export type OtherNames = Readonly<Record<string, string>>;

/** A value as it stands in a message: a string is quoted, so that '2' is not taken for 2. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `(${value.join(', ')})`;
  if (typeof value === 'function') return `a function ${value.name}`.trim();
  const isObject = typeof value === 'object' && value !== null && String(value) === '[object Object]';
  return isObject ? `an object of ${Object.keys(value).join(', ') || 'nothing'}` : String(value);
}

const articles: Readonly<Record<TypeName, string>> = {
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
 * @param otherNames of options that no likeness of letters leads to.
 * @returns the options.
 * @throws UnknownOptionError, which names the nearest known one; InvalidArgumentError for a value of another kind.
 */
export function checkOptions<O extends object>(
  where: string,
  options: O,
  kinds: OptionKinds<O>,
  otherNames: OtherNames = {},
): O {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const names = Object.keys(kinds).join(', ');
    throw new InvalidArgumentError(where, `an object of the options ${names}`, valueText(options));
  }
  const known: Readonly<Record<string, OptionKind>> = kinds;
  for (const name in options) {
    const value: unknown = options[name];
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) throw unknownOption(where, name, Object.keys(known), otherNames);
    if (value === undefined || kind === 'any') continue;
    if (typeof kind !== 'string') {
      if (kind.includes(value as null)) continue;
      throw new InvalidArgumentError(`${where} ${name}`, kind.map(valueText).join(' | '), valueText(value));
    }
    const [type, orNull] = kind.split(' | ') as [TypeName, 'null'?];
    if (value === null ? orNull === 'null' : typeof value === type) continue;
    const expected = articles[type] + (orNull === undefined ? '' : ' or null');
    throw new InvalidArgumentError(`${where} ${name}`, expected, valueText(value));
  }
  return options;
}

/** The error for an option, or another name, that there is not. */
export function unknownOption(
  where: string,
  name: string,
  known: readonly string[],
  otherNames: OtherNames = {},
): UnknownOptionError {
  const written = Object.hasOwn(otherNames, name) ? otherNames[name]! : null;
  if (written === null) return new UnknownOptionError(where, name, known, nearestName(name, known));
  return new UnknownOptionError(where, name, known, written.replace(/:.*/, ''), written);
}

/** Of an object with more options those that have a kind here, for whom takes only these. */
export function pickOptions<O extends object, K extends object>(
  options: O,
  kinds: K,
): Pick<O, keyof O & keyof K> {
  const given = Object.entries(options).filter(([name]) => Object.hasOwn(kinds, name));
  return Object.fromEntries(given) as Pick<O, keyof O & keyof K>;
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
