/** Entries of snapshots: small values with a getter and a setter, checked as they are loaded. */
import { InvalidArgumentError, type Random, type SerialEntry } from '@chaingrad/core';

export function integerEntry(key: string, get: () => number, set: (value: number) => void): SerialEntry {
  return {
    key,
    kind: 'state',
    shape: [],
    read: get,
    write: (value) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
        throw new InvalidArgumentError(key, 'an integer', value);
      }
      set(value);
    },
  };
}

export function numberEntry(key: string, get: () => number, set: (value: number) => void): SerialEntry {
  return {
    key,
    kind: 'state',
    shape: [],
    read: get,
    write: (value) => {
      if (typeof value !== 'number') throw new InvalidArgumentError(key, 'a number', value);
      set(value);
    },
  };
}

export function flagEntry(key: string, get: () => boolean, set: (value: boolean) => void): SerialEntry {
  return {
    key,
    kind: 'state',
    shape: [],
    read: get,
    write: (value) => {
      if (typeof value !== 'boolean') throw new InvalidArgumentError(key, 'true or false', value);
      set(value);
    },
  };
}

/** Integers of a fixed count. */
export function integersEntry(
  key: string,
  get: () => Int32Array,
  set: (value: Int32Array) => void,
): SerialEntry {
  return {
    key,
    kind: 'state',
    shape: [get().length],
    read: get,
    write: (value) => {
      if (!(value instanceof Int32Array)) throw new InvalidArgumentError(key, 'integers', value);
      set(value);
    },
  };
}

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
export function jsonEntry<T>(key: string, get: () => T, set: (value: T) => void): SerialEntry {
  return {
    key,
    kind: 'state',
    shape: [],
    read: () => toJson(get()),
    write: (value) => {
      if (typeof value !== 'string') throw new InvalidArgumentError(key, 'JSON text', value);
      set(fromJson(value) as T);
    },
  };
}

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
