/** Images with boxes for training and evaluation, from a folder in one of the layouts that are known. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type DatasetProblem,
  type DetectionDataset,
  describeProblems,
  openCocoDataset,
  openVocDataset,
  type ProblemPolicy,
} from '@chaingrad/vision';
import { CliError } from './errors.ts';
import { decodeImage } from './images.ts';

/** Which images of a folder. */
export interface DataOptions {
  /** The folder. */
  readonly data: string;
  /** A list in ImageSets/Main; for COCO the JSON file. Without it: `fallback`, or every image where there is no list. */
  readonly split?: string | undefined;
  readonly fallback: string;
  /** Default 'auto': those that occur, in alphabetical order. */
  readonly labelNames?: readonly string[] | undefined;
  readonly onProblem: ProblemPolicy;
}

const decode = async (bytes: Uint8Array, file: string) => (await decodeImage(file, bytes)).img;

/** Whether a folder says itself which images are for what. */
export const hasLists = (data: string): boolean => existsSync(join(data, 'ImageSets/Main'));

const refuse =
  (data: string) =>
  ({ file, message, kind }: DatasetProblem) => {
    throw new CliError(
      `${data}: ${file}: ${message} (${kind}). Mend the file, or go on without it: leave --strict out.`,
    );
  };

/**
 * Opens a folder in the layout of Pascal VOC, or of COCO when `split` is a JSON file in it. Images are not decoded yet.
 *
 * @throws CliError when the folder is neither; the errors of `openVocDataset` and `openCocoDataset`.
 */
export async function openData({
  data,
  split,
  fallback,
  labelNames = undefined,
  onProblem,
}: DataOptions): Promise<DetectionDataset> {
  const options = {
    decode,
    // The library's own error would speak of its options, not of those of the command.
    onProblem: onProblem === 'refuse' ? refuse(data) : onProblem,
    labelNames: labelNames ?? ('auto' as const),
  };
  if (split?.endsWith('.json')) {
    const images = ['images', 'JPEGImages'].find((name) => existsSync(join(data, name))) ?? '';
    return openCocoDataset(data, { ...options, annotations: split, images });
  }
  if (!existsSync(join(data, 'Annotations'))) {
    throw new CliError(
      `${data}: expected the folders Annotations and JPEGImages of the Pascal VOC layout; for COCO pass its JSON files as lists`,
    );
  }
  return openVocDataset(data, { ...options, split: split ?? (hasLists(data) ? fallback : null) });
}

/** Every fifth image apart, for folders that do not say what to test with. */
export function heldOut(dataset: DetectionDataset): [train: DetectionDataset, test: DetectionDataset] {
  const all = Array.from({ length: dataset.length }, (_, i) => i);
  return [dataset.subset(all.filter((i) => i % 5 !== 4)), dataset.subset(all.filter((i) => i % 5 === 4))];
}

/** What was left out, on stderr. */
export function tellProblems(dataset: DetectionDataset): void {
  const text = describeProblems(dataset.problems);
  if (text !== '') process.stderr.write(`${dataset.files.name}: ${text}\n`);
}
