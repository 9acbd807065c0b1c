/** Entries of snapshots: small values with a getter and a setter, checked as they are loaded. */
import { InvalidArgumentError, type Random, type SerialEntry } from '@chaingrad/core';

/** The entries of a map without those whose value an earlier name has: an alias is stored once. */
export const distinct = <T>(map: ReadonlyMap<string, T>): ReadonlyMap<string, T> => {
  const names = new Map<T, string>();
  for (const [name, value] of map) if (!names.has(value)) names.set(value, name);
  return new Map([...names].map(([value, name]) => [name, value]));
};

/** A maker of entries of one type: what it is called in messages, how it is recognized, and its shape. */
const entryOf =
  <T extends number | boolean | string | Int32Array>(
    expected: string,
    is: (value: unknown) => value is T,
    shapeOf?: (value: T) => readonly number[],
  ) =>
  (key: string, get: () => T, set: (value: T) => void): SerialEntry => ({
    key,
    kind: 'state',
    shape: shapeOf?.(get()) ?? [],
    read: get,
    write: (value) => {
      if (!is(value)) throw new InvalidArgumentError(key, expected, value);
      set(value);
    },
  });

export const integerEntry = entryOf('an integer', (value): value is number => Number.isSafeInteger(value));
export const numberEntry = entryOf('a number', (value): value is number => typeof value === 'number');
export const flagEntry = entryOf('true or false', (value): value is boolean => typeof value === 'boolean');
const textEntry = entryOf('JSON text', (value): value is string => typeof value === 'string');

/** Integers of a fixed count. */
export const integersEntry = entryOf(
  'integers',
  (value): value is Int32Array => value instanceof Int32Array,
  ({ length }) => [length],
);

/** The state of a random generator. */
export const randomEntry = (key: string, rng: () => Random): SerialEntry =>
  integersEntry(
    key,
    () => Int32Array.from(rng().state),
    (state) => {
      rng().state = [state[0]!, state[1]!, state[2]!, state[3]!];
    },
  );

/** Anything that JSON holds, and the numbers that it does not: NaN and infinities. */
export const jsonEntry = <T>(key: string, get: () => T, set: (value: T) => void): SerialEntry =>
  textEntry(
    key,
    () => toJson(get()),
    (text) => set(fromJson(text) as T),
  );

const nonFinite = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** JSON in which NaN and infinities are the strings 'NaN', 'Infinity', '-Infinity': JSON itself has no such numbers. */
export const toJson = (value: unknown, indent?: number): string =>
  JSON.stringify(
    value,
    (_, v: unknown) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v),
    indent,
  );

const fromJson = (text: string): unknown =>
  JSON.parse(text, (_, v: unknown) => (typeof v === 'string' ? (nonFinite.get(v) ?? v) : v));
