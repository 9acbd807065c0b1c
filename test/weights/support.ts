/** The files that other programs have written, and the values they hold. */
import { type NamedArray, readArray } from '@chaingrad/core';
import type { WeightFile } from '@chaingrad/weights';
import { readJson } from '../support/goldens.ts';
import { asExpected, type Expected } from './formats/fixtures.ts';

export type ExpectedArrays = Readonly<Record<string, Expected>>;

/** What PyTorch and h5py say is in the files of `fixtures/weights`, by their names there. */
export const weightsExpected = () =>
  readJson<Readonly<Record<string, ExpectedArrays>>>('weights/expected.json');

/** Every array of a file in the form of `expected`. */
export async function everyArray(file: WeightFile, expected: ExpectedArrays): Promise<ExpectedArrays> {
  const all: Record<string, Expected> = {};
  for (const key of file.keys()) {
    const array = await readArray(file, key);
    all[key] = asExpected(array, expected[key] ?? { shape: [], dtype: '', values: [] });
  }
  return all;
}

export const floats = (shape: readonly number[], fill: (i: number) => number = (i) => i): NamedArray => ({
  shape,
  dtype: 'float32',
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => fill(i)),
});
