/** Keras 3's `.keras`: a zip archive of the model's configuration, and its weights as an HDF5 file. */
import { FormatError } from '@chaingrad/core';
import { PartAccess, type RandomAccess } from '../sources/random-access.ts';
import { ZipFile } from './zip-file.ts';

const weightsName = 'model.weights.h5';

export const isKerasArchive = (names: ReadonlyMap<string, unknown>): boolean => names.has(weightsName);

/**
 * The weights within an archive; the file itself where it is none.
 * @throws FormatError for an archive without them, or with deflated ones: Keras stores them as they are.
 */
export async function kerasWeights(access: RandomAccess): Promise<RandomAccess> {
  const start = await access.read(0, Math.min(2, access.size));
  if (start[0] !== 0x50 || start[1] !== 0x4b) return access;
  const place = { file: access.name, key: weightsName };
  const zip = await ZipFile.open(access);
  const record = zip.records.get(weightsName);
  if (record === undefined) throw new FormatError(place, 'an entry of this name', 'none');
  if (record.deflated)
    throw new FormatError(place, 'a stored entry', 'a deflated one', `Unpack it, and open it.`);
  const { entry } = await zip.locate(record);
  return new PartAccess(access, entry.start, entry.end);
}
