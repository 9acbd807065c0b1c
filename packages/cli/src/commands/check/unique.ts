/** Every image of a folder once, whatever lists it is in. */
import {
  type DatasetProblem,
  type DetectionDataset,
  type DetectionLayout,
  partNameOf,
} from '@chaingrad/vision';
import { type DataOptions, openParts } from '../../detection-data.ts';

/** Files of the images by the part that they are in. */
export type PartFiles = ReadonlyMap<string, readonly string[]>;

/** Lists of one class (cat_train) say nothing that the others do not. */
const isPurpose = (name: string): boolean => name === '' || name === 'trainval' || partNameOf(name) !== null;

export async function openUnique(
  options: DataOptions,
  { parts }: DetectionLayout,
): Promise<{ dataset: DetectionDataset; parts: PartFiles; problems: DatasetProblem[] }> {
  const purposes = parts.filter(({ name }) => isPurpose(name));
  const chosen = purposes.length > 0 ? purposes : parts;
  const all = await openParts(options, chosen);
  const files = new Map<string, string[]>();
  for (const name of new Set(chosen.map((part) => part.name))) {
    const named = chosen.filter((part) => part.name === name);
    const part = chosen.length === named.length ? all : await openParts(options, named);
    files.set(
      name,
      part.records.map(({ file }) => file),
    );
  }
  // A picture of several lists has one record in each, and each tells the same problems.
  const first = new Map(all.records.map(({ file }, i) => [file, i] as const).reverse());
  const told = new Map(all.problems.map((problem) => [JSON.stringify(problem), problem]));
  const dataset = all.subset([...first.values()].sort((a, b) => a - b));
  return { dataset, parts: files, problems: [...told.values()] };
}
