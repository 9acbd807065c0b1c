import { FormatError } from '@chaingrad/core';
import type { WeightFile } from './formats/weight-file.ts';

/**
 * What the metadata of a file hold under a name, as JSON: the value, its text, and the place for errors; null where there is none.
 * @throws FormatError where it is no JSON.
 */
export function jsonMetadata({ file, metadata }: Pick<WeightFile, 'file' | 'metadata'>, key: string) {
  const text = metadata.get(key);
  if (text === undefined) return null;
  const place = { file, key };
  try {
    return { value: JSON.parse(text) as unknown, text, place };
  } catch (error) {
    throw new FormatError(place, 'JSON', (error as Error).message, undefined, error);
  }
}
