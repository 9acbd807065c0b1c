/** Reading of the NumPy fixtures, and of the values that they must hold. */
import { readFileSync } from 'node:fs';
import type { NamedArray } from '../../../packages/core/src/arrays/named-array.ts';
import { toFloat32Array } from '../../../packages/core/src/arrays/named-array.ts';
import { fixturePath, readJson } from '../../support/goldens.ts';

export interface Expected {
  readonly shape: number[];
  readonly dtype: string;
  /** Numbers as Python prints them; booleans and strings as they are; null for None. */
  readonly values: (string | boolean)[] | null;
}

export const readFixture = (name: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(fixturePath(name)));

export const numpyExpected = () =>
  readJson<Record<string, Expected> & { safetensors: Record<string, Expected> }>('numpy/expected.json');

/** The same form for an array of ours, each value parsed from the text by the array's own type. */
export function asExpected(array: NamedArray, expected: Expected): Expected {
  if (array.data === null) return { shape: [...array.shape], dtype: array.dtype, values: null };
  const halves = array.dtype === 'float16' || array.dtype === 'bfloat16';
  const data: ArrayLike<unknown> = halves ? toFloat32Array(array, { file: 'test' }) : array.data;
  const values = Array.from(data, (value, i) => {
    const text = expected.values?.[i];
    if (array.dtype === 'bool') return value === 1;
    if (array.dtype === 'str') return value as string;
    if (typeof value === 'bigint') return String(value);
    return Object.is(value, parseNumber(text)) ? (text as string) : `${value}`;
  });
  return { shape: [...array.shape], dtype: array.dtype, values };
}

function parseNumber(text: unknown): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  return text === 'nan' ? Number.NaN : Number(text);
}
