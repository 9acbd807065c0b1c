import { checkOptions, type OptionKinds } from '@chaingrad/core';
import type { SliceableDataset } from '@chaingrad/training';
import { VisionOptionError } from '../errors.ts';
import { type DatasetFiles, type DatasetSource, openFiles, whyUnreadable } from './files.ts';
import type { LabelExample } from './folder-dataset.ts';
import {
  asksFor,
  type DatasetOptions,
  datasetKinds,
  decoderOf,
  ImageDataset,
  type ImageRecord,
} from './image-dataset.ts';
import { ProblemLog } from './problems.ts';
import { decodeText } from './text.ts';

/** A bird: its kind, where it is, and where its parts are. */
export interface CubExample extends LabelExample {
  /** 4 values: (yMin, xMin, yMax, xMax) in pixels. */
  readonly bbox: Float32Array;
  /** K * 2 values, rows of (y, x) in pixels, of `CubDataset.pointNames`; 0 where a part is not visible. */
  readonly point: Float32Array;
  /** K flags: 1 for a part that is visible. */
  readonly visible: Uint8Array;
}

interface CubRecord extends ImageRecord, Omit<CubExample, 'img'> {}

export interface CubDatasetOptions extends DatasetOptions {
  /** 'train', 'test', or 'all' (the default). */
  readonly split?: 'train' | 'test' | 'all';
}

const kinds: OptionKinds<CubDatasetOptions> = { ...datasetKinds, split: ['train', 'test', 'all'] };

/** Birds with their kinds, boxes and parts: what `openCubDataset` gives. */
export class CubDataset extends ImageDataset<CubRecord> implements SliceableDataset<CubExample> {
  /** Names of the points: 'back', 'beak', ... */
  pointNames: readonly string[] = [];

  /** @throws DatasetError when the image cannot be decoded; RangeError outside the list. */
  async get(i: number): Promise<CubExample> {
    const { img } = (await this.load(this.record(i), this.log.withPolicy('refuse')))!;
    return { img, ...this.#annotated(i) };
  }

  /** What of an example is asked for: the image is decoded for 'img' only. */
  async getKeys<K extends keyof CubExample>(i: number, keys: readonly K[]): Promise<Pick<CubExample, K>> {
    const example: Partial<CubExample> = asksFor(keys, 'img') ? await this.get(i) : this.#annotated(i);
    return example as Pick<CubExample, K>;
  }

  #annotated(i: number): Omit<CubExample, 'img'> {
    const { label, bbox, point, visible } = this.record(i);
    return { label, bbox, point, visible };
  }
}

/** The rows of a text file: words, the first of which is the number of an image, class or part. */
async function rowsOf(where: string, files: DatasetFiles, path: string): Promise<string[][]> {
  const bytes = await files.read(path).catch((error) => {
    throw new VisionOptionError(where, 'source', `a folder with ${path}`, files.name, whyUnreadable(error));
  });
  return decodeText(bytes)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/));
}

/**
 * Opens a folder in the layout of Caltech-UCSD Birds-200-2011: `images.txt`, `classes.txt`, `image_class_labels.txt`,
 * `bounding_boxes.txt`, `train_test_split.txt`, `parts/parts.txt`, `parts/part_locs.txt` and `images`.
 *
 * Chainer counterpart: `chainercv.datasets.CUBLabelDataset` and `CUBKeypointDataset`; `sliceDataset(birds, null, ['img', 'point'])`
 * gives what one of them does.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError where one of the lists is not there; DatasetError for an image whose annotation is refused.
 */
export async function openCubDataset(
  source: DatasetSource,
  options: CubDatasetOptions = {},
): Promise<CubDataset> {
  const where = 'openCubDataset';
  const { split = 'all' } = checkOptions(where, options, kinds);
  const files = openFiles(source);
  const log = new ProblemLog(files.name, options.onProblem ?? 'refuse');
  const rows = (path: string) => rowsOf(where, files, path);
  const byId = async (path: string) =>
    new Map((await rows(path)).map(([id, ...rest]) => [id!, rest] as const));
  const classes = await rows('classes.txt');
  const parts = await rows('parts/parts.txt');
  const [labels, boxes, splits] = [
    await byId('image_class_labels.txt'),
    await byId('bounding_boxes.txt'),
    split === 'all' ? null : await byId('train_test_split.txt'),
  ];
  const locations = new Map<string, string[][]>();
  for (const [id, ...rest] of await rows('parts/part_locs.txt')) {
    const list = locations.get(id!);
    if (list === undefined) locations.set(id!, [rest]);
    else list.push(rest);
  }
  const labelOfId = new Map(classes.map(([id], label) => [id, label] as const));
  const pointOfId = new Map(parts.map(([id], k) => [id, k] as const));

  const records: CubRecord[] = [];
  for (const [id, name] of await rows('images.txt')) {
    if (splits !== null && (splits.get(id!)?.[0] === '1') !== (split === 'train')) continue;
    const file = `images/${name}`;
    const label = labelOfId.get(labels.get(id!)?.[0]);
    if (label === undefined) {
      log.add('label', file, 'it has no class', 'left out');
      continue;
    }
    const [x, y, width, height] = (boxes.get(id!) ?? []).map(Number) as [number, number, number, number];
    const bbox = Float32Array.of(y, x, y + height, x + width);
    if (!bbox.every(Number.isFinite)) {
      log.add('box', file, 'expected x, y, width and height in bounding_boxes.txt', 'left out');
      continue;
    }
    const point = new Float32Array(2 * parts.length);
    const visible = new Uint8Array(parts.length);
    let isWhole = true;
    for (const [part, ...values] of locations.get(id!) ?? []) {
      const k = pointOfId.get(part);
      const [px, py, seen] = values.map(Number) as [number, number, number];
      if (k === undefined || !Number.isFinite(px) || !Number.isFinite(py)) isWhole = false;
      else if (seen === 1) {
        point.set([py, px], 2 * k);
        visible[k] = 1;
      }
    }
    if (isWhole) records.push({ file, label, bbox, point, visible });
    else log.add('annotation', file, 'expected part, x, y and visible in parts/part_locs.txt', 'left out');
  }
  const names = classes.map(([, name]) => name!.replace(/^\d+\./, ''));
  const dataset = new CubDataset(files, records, names, log, decoderOf(options));
  dataset.pointNames = parts.map(([, ...words]) => words.join(' '));
  return dataset;
}
