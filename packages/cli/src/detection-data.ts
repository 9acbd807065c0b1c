/** Images with boxes for training and evaluation, from a folder in one of the layouts that are known. */
import { isAbsolute, relative } from 'node:path';
import {
  type DatasetProblem,
  type DetectionDataset,
  type DetectionLayout,
  describeProblems,
  FolderLayoutError,
  findCocoPart,
  findLayout,
  type LayoutPart,
  openLabelledFolder,
  type ProblemPolicy,
  partNameOf,
} from '@chaingrad/vision';
import { CliError } from './errors.ts';
import { decodeImage } from './images.ts';

export interface DataOptions {
  /** The folder. */
  readonly data: string;
  /** Folder of the pictures, from `data`, where it cannot be told from the names. */
  readonly images?: string | undefined;
  /** Default 'auto': those that occur. */
  readonly labelNames?: readonly string[] | undefined;
  readonly onProblem: ProblemPolicy;
}

/** What the user says about which images are for what: a list, a part of the folder, or a JSON file of COCO. */
interface Splits {
  readonly trainSplit?: string | null | undefined;
  readonly valSplit?: string | null | undefined;
  readonly testSplit?: string | null | undefined;
}

/** The problems of a folder, by what the images are for. */
export interface DataProblems {
  readonly train: readonly DatasetProblem[];
  readonly val: readonly DatasetProblem[];
  readonly test: readonly DatasetProblem[];
}

const decode = async (bytes: Uint8Array, file: string) => (await decodeImage(file, bytes)).img;

const refuse =
  (data: string) =>
  ({ file, message, kind }: DatasetProblem) => {
    throw new CliError(
      `${data}: ${file}: ${message} (${kind}). Mend the file, or go on without it: leave --strict out.`,
    );
  };

/**
 * The layout of a folder.
 * @throws CliError when it has none that is known.
 */
export async function layoutOf({
  data,
  images,
}: Pick<DataOptions, 'data' | 'images'>): Promise<DetectionLayout> {
  try {
    return await findLayout(data, { images: fromData(data, images) });
  } catch (error) {
    if (!(error instanceof FolderLayoutError)) throw error;
    throw new CliError(`${error.message} Where the pictures are elsewhere: --images DIR.`);
  }
}

const fromData = (data: string, images: string | undefined): string | undefined =>
  images !== undefined && isAbsolute(images) ? relative(data, images) : images;

/** Images are not decoded yet; those without objects are kept. */
export const openParts = (
  { data, labelNames, onProblem }: DataOptions,
  parts: readonly LayoutPart[],
): Promise<DetectionDataset> =>
  openLabelledFolder(data, parts, {
    decode,
    keepEmpty: true,
    // The library's own error would speak of its options, not of those of the command.
    onProblem: onProblem === 'refuse' ? refuse(data) : onProblem,
    labelNames: labelNames ?? 'auto',
  });

/** The parts of a folder, looked for when they are first needed: JSON files that the user names need no layout. */
class DataFolder {
  #layout: DetectionLayout | null = null;

  constructor(
    readonly options: DataOptions,
    readonly say: (text: string) => void,
  ) {}

  async layout(): Promise<DetectionLayout> {
    if (this.#layout === null) {
      this.#layout = await layoutOf(this.options);
      this.say(`${this.options.data}: ${this.#layout.description}`);
      for (const note of this.#layout.notes) this.say(`${this.options.data}: ${note}`);
    }
    return this.#layout;
  }

  /** What the user has named. @throws CliError that lists what there is. */
  async named(option: string, split: string): Promise<readonly LayoutPart[]> {
    const { data, images } = this.options;
    if (split.toLowerCase().endsWith('.json')) {
      const part = await findCocoPart(data, split, { images: fromData(data, images) });
      this.say(
        `${data}: COCO in ${part.annotations}, images in ${part.images === '' ? 'the folder itself' : `${part.images}/`}`,
      );
      return [part];
    }
    const { parts } = await this.layout();
    const folder = split.replace(/\/+$/, '');
    for (const fits of [
      (part: LayoutPart) => part.name === split,
      (part: LayoutPart) => part.annotations === folder || part.images === folder,
      (part: LayoutPart) => part.name === partNameOf(split),
    ]) {
      const found = parts.filter(fits);
      if (found.length > 0) return found;
    }
    const known = [...new Set(parts.map(({ name }) => name))].filter((name) => name !== '').sort();
    const there = known.length === 0 ? 'no lists and no parts' : known.join(', ');
    throw new CliError(
      `${data}: ${option} ${split}: the folder has ${there}; a JSON file of COCO may be named too`,
    );
  }

  /** The first of the names that the folder has. */
  async first(names: readonly string[]): Promise<readonly LayoutPart[] | null> {
    const { parts } = await this.layout();
    for (const name of names) {
      const found = parts.filter((part) => part.name === name);
      if (found.length > 0) return found;
    }
    return null;
  }

  async training(): Promise<readonly LayoutPart[]> {
    const { parts } = await this.layout();
    const has = (name: string) => parts.some((part) => part.name === name);
    // trainval holds val: where that is all there is to test with, it must not be learnt.
    const names = has('train') && has('val') && !has('test') ? ['train'] : ['trainval', 'train', ''];
    const found = await this.first(names);
    if (found !== null) return found;
    const known = [...new Set(parts.map(({ name }) => name))].sort().join(', ');
    throw new CliError(
      `${this.options.data}: expected a part for training, got only ${known}: pass --train-split with one of them`,
    );
  }
}

/** Every fifth image apart, for folders that do not say what to test with. */
export function heldOut(dataset: DetectionDataset): [train: DetectionDataset, test: DetectionDataset] {
  const all = Array.from({ length: dataset.length }, (_, i) => i);
  return [dataset.subset(all.filter((i) => i % 5 !== 4)), dataset.subset(all.filter((i) => i % 5 === 4))];
}

/** What the images of a training are for. */
export interface TrainingParts {
  readonly train: DetectionDataset;
  /** By these the best model is chosen, so that the test images choose nothing; null where there are too few to spare some. */
  readonly val: DetectionDataset | null;
  readonly test: DetectionDataset;
}

/** From so many training images on each tenth is spared to choose by. */
const SPARED_FROM = 200;

/** Each tenth image apart, where there are enough. */
function spared(dataset: DetectionDataset): Pick<TrainingParts, 'train' | 'val'> {
  if (dataset.length < SPARED_FROM) return { train: dataset, val: null };
  const all = Array.from({ length: dataset.length }, (_, i) => i);
  return {
    train: dataset.subset(all.filter((i) => i % 10 !== 9)),
    val: dataset.subset(all.filter((i) => i % 10 === 9)),
  };
}

/**
 * Opens what to learn from, to choose the best model by, and to test with. Images are not decoded yet.
 *
 * Without `trainSplit` the list trainval, the part train, or the whole folder; without `testSplit` test, or val, or each fifth
 * image; without `valSplit` val where all three are there, else each tenth image of many.
 *
 * @param say is told the layout, and the problems of the training part before anything can go wrong with the other.
 * @throws CliError when the folder has no layout, or not the part; the errors of `openLabelledFolder`.
 */
export async function openTraining(
  options: DataOptions & Splits,
  say: (text: string) => void,
): Promise<TrainingParts> {
  const folder = new DataFolder(options, say);
  const { trainSplit = null, valSplit = null, testSplit = null } = options;
  const trained =
    trainSplit === null ? await folder.training() : await folder.named('--train-split', trainSplit);
  const all = await openParts(options, trained);
  const names = new Set(trained.map(({ name }) => name));
  const chosenAlone = trainSplit?.toLowerCase().endsWith('.json') ?? false;
  let tested: readonly LayoutPart[] | null = null;
  try {
    if (testSplit !== null) tested = await folder.named('--test-split', testSplit);
    else if (!chosenAlone && !names.has('')) {
      tested = await folder.first(['test', 'val'].filter((name) => !names.has(name)));
    }
    const others = { ...options, labelNames: all.labelNames };
    let [train, test] = [all, null as DetectionDataset | null];
    if (tested === null) [train, test] = heldOut(all);
    test ??= await openParts(others, tested!);
    let chosen: readonly LayoutPart[] | null = null;
    if (valSplit !== null) chosen = await folder.named('--val-split', valSplit);
    else if (names.has('train') && tested?.some(({ name }) => name === 'test')) {
      chosen = await folder.first(['val']);
    }
    if (chosen === null) return { ...spared(train), test };
    return { train, val: await openParts(others, chosen), test };
  } catch (error) {
    tellProblems(options.data, all.problems, say);
    throw error;
  }
}

/**
 * Opens what to test with: `split`, or the part test, or val, or each fifth image, which `finetune` has held out.
 *
 * @throws as `openTraining`.
 */
export async function openTest(
  options: DataOptions & { readonly split?: string | undefined },
  say: (text: string) => void,
): Promise<DetectionDataset> {
  const folder = new DataFolder(options, say);
  if (options.split !== undefined) return openParts(options, await folder.named('--split', options.split));
  const tested = await folder.first(['test', 'val']);
  return tested === null
    ? heldOut(await openParts(options, await folder.training()))[1]
    : openParts(options, tested);
}

/** What was left out, and why. */
export function tellProblems(
  data: string,
  problems: readonly DatasetProblem[],
  say: (text: string) => void,
): void {
  const text = describeProblems(problems, TOLD);
  if (text === '') return;
  say(`${data}: ${text}${problems.length > TOLD ? `: all of them are told by chaingrad check ${data}` : ''}`);
}

/** Problems that are told one by one. */
const TOLD = 20;

/**
 * Makes sure that images hold something to learn, or to find.
 *
 * @param purpose e.g. 'to learn from'.
 * @throws CliError that says what is missing.
 */
export function expectObjects(data: string, dataset: DetectionDataset, purpose: string): void {
  if (dataset.length === 0) throw new CliError(`${data}: there are no images ${purpose}`);
  const objects = dataset.records.some(({ difficult }) => difficult.some((flag) => flag === 0));
  if (objects) return;
  const images = dataset.length === 1 ? 'the only image' : `none of the ${dataset.length} images`;
  const crowds = dataset.records.some(({ label }) => label.length > 0);
  throw new CliError(
    `${data}: ${images} ${purpose} has ${dataset.length === 1 ? 'no' : 'an'} object${
      crowds ? ' that counts: all are difficult, or crowds' : ''
    }: label some, or choose other images with --train-split, --test-split or --split`,
  );
}
