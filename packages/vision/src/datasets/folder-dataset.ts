import { checkOptions, listNames } from '@chaingrad/core';
import type { SliceableDataset } from '@chaingrad/training';
import { VisionOptionError } from '../errors.ts';
import type { Image } from '../image/index.ts';
import { type DatasetSource, openFiles } from './files.ts';
import {
  asksFor,
  type DatasetOptions,
  datasetKinds,
  decoderOf,
  ImageDataset,
  type ImageRecord,
} from './image-dataset.ts';
import { ProblemLog } from './problems.ts';

/** An image of one class. */
export interface LabelExample {
  /** RGB, 0..255. */
  readonly img: Image;
  /** Counting from 0. */
  readonly label: number;
}

export interface FolderDatasetOptions extends DatasetOptions {
  /** The classes in the order of the labels; 'auto' (the default) takes the folders, in alphabetical order. */
  readonly labelNames?: readonly string[] | 'auto';
  /** What the names of images end with. */
  readonly extensions?: readonly string[];
}

const IMAGE_EXTENSIONS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.bmp', '.gif'];

interface LabelRecord extends ImageRecord {
  readonly label: number;
}

/** Images in one folder a class: what `openFolderDataset` gives. */
export class FolderDataset extends ImageDataset<LabelRecord> implements SliceableDataset<LabelExample> {
  /** @throws DatasetError when the image cannot be decoded; RangeError outside the list. */
  async get(i: number): Promise<LabelExample> {
    const record = this.record(i);
    const img = record.img ?? (await this.load(record, this.log.withPolicy('refuse')))!.img;
    return { img, label: record.label };
  }

  /** What of an example is asked for: the image is decoded for 'img' only. */
  async getKeys<K extends keyof LabelExample>(i: number, keys: readonly K[]): Promise<Pick<LabelExample, K>> {
    if (asksFor(keys, 'img')) return this.get(i);
    return { label: this.record(i).label } as Partial<LabelExample> as Pick<LabelExample, K>;
  }

  /**
   * Decodes every image.
   * @param transform what to keep of each image, e.g. a smaller one. Default: the image.
   * @returns a dataset that holds the images, without those that were skipped as problems.
   * @throws DatasetError for an image that the policy refuses.
   */
  async preload(transform: (img: Image) => Image = (img) => img): Promise<FolderDataset> {
    const log = this.log.continued();
    const records: LabelRecord[] = [];
    for (const record of this.records) {
      const img = record.img ?? (await this.load(record, log))?.img;
      if (img !== undefined) records.push({ ...record, img: transform(img) });
    }
    return new FolderDataset(this.files, records, this.labelNames, log, this.decode);
  }
}

/**
 * Opens a folder with one folder of images for each class, which may have folders of its own.
 *
 * Files that are not images by their names are passed over. Chainer counterpart: `chainercv.datasets.DirectoryParsingLabelDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError when there are no class folders; DatasetError for what is refused: a folder that is no class, a
 *   class without images.
 */
export async function openFolderDataset(
  source: DatasetSource,
  options: FolderDatasetOptions = {},
): Promise<FolderDataset> {
  const {
    labelNames = 'auto',
    onProblem = 'refuse',
    extensions = IMAGE_EXTENSIONS,
  } = checkOptions('openFolderDataset', options, {
    ...datasetKinds,
    labelNames: 'any',
    extensions: 'object',
  });
  const decode = decoderOf(options);
  const files = openFiles(source);
  const log = new ProblemLog(files.name, onProblem);
  const { folders } = await files.list('');
  if (folders.length === 0) {
    throw new VisionOptionError(
      'openFolderDataset',
      'source',
      'a folder with one folder for each class',
      files.name,
    );
  }
  const names = labelNames === 'auto' ? folders : labelNames;
  const records: LabelRecord[] = [];
  const isImage = (name: string) => extensions.some((extension) => name.toLowerCase().endsWith(extension));
  const collect = async (folder: string, label: number): Promise<void> => {
    const entries = await files.list(folder);
    for (const name of entries.files) if (isImage(name)) records.push({ file: `${folder}/${name}`, label });
    for (const name of entries.folders) await collect(`${folder}/${name}`, label);
  };
  for (const folder of folders) {
    if (!names.includes(folder))
      log.add('label', folder, `the folder is not one of ${listNames(names)}`, 'left out');
  }
  for (const [label, name] of names.entries()) {
    const before = records.length;
    await collect(name, label);
    if (records.length === before) log.add('empty', name, 'the class has no images');
  }
  return new FolderDataset(files, records, names, log, decode);
}
