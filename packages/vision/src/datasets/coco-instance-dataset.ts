/** Images with the masks of their objects, in COCO's format. */
import { checkOptions, type OptionKinds } from '@chaingrad/core';
import type { SliceableDataset } from '@chaingrad/training';
import { maskToBbox } from '../utils/mask/mask-to-bbox.ts';
import { areasOf, type Masks } from '../utils/mask/masks.ts';
import { labelsOf } from './detection-record.ts';
import { type DatasetFiles, type DatasetSource, openFiles } from './files.ts';
import { coco } from './formats/coco.ts';
import { cocoMask } from './formats/coco-mask.ts';
import { isNumber } from './formats/json.ts';
import {
  asksFor,
  type DatasetOptions,
  datasetKinds,
  decoderOf,
  ImageDataset,
  type ImageRecord,
} from './image-dataset.ts';
import { Tree } from './layout/tree.ts';
import { joinPath } from './paths.ts';
import { ProblemLog } from './problems.ts';
import type { InstanceExample } from './segmentation-dataset.ts';

/** An image with the masks of its objects, and what COCO says about them. */
export interface CocoInstanceExample extends InstanceExample {
  /** R flags: 1 for a crowd, several objects in one mask. */
  readonly crowded: Uint8Array;
  /** R areas in pixels, as annotated; where nothing is, that of the mask. */
  readonly area: Float32Array;
}

interface CocoInstanceRecord extends ImageRecord, Omit<CocoInstanceExample, 'img' | 'mask' | 'bbox'> {
  /** R masks as they are in the file. */
  readonly segmentations: readonly unknown[];
}

const hasAreas = ({ area }: CocoInstanceRecord): boolean => area.every(Number.isFinite);

export interface CocoInstanceDatasetOptions extends DatasetOptions {
  /** Path of the JSON file, from the folder. */
  readonly annotations: string;
  /** Folder of the images, from the folder; `file_name`s start there. Default 'images'. */
  readonly images?: string;
  /** Names of the classes in the order of the labels; 'auto' (the default) takes the categories that occur, by their ids. */
  readonly labelNames?: readonly string[] | 'auto';
  /** Whether crowds are among the objects. Default false. */
  readonly useCrowded?: boolean;
}

const kinds: OptionKinds<CocoInstanceDatasetOptions> = {
  ...datasetKinds,
  annotations: 'string',
  images: 'string',
  labelNames: 'any',
  useCrowded: 'boolean',
};

/** Images with the masks of their objects: what `openCocoInstanceSegmentationDataset` gives. Masks are drawn when they are asked for. */
export class CocoInstanceSegmentationDataset
  extends ImageDataset<CocoInstanceRecord>
  implements SliceableDataset<CocoInstanceExample>
{
  /** @throws DatasetError when the image cannot be decoded, or a mask is not of its size; RangeError outside the list. */
  async get(i: number): Promise<CocoInstanceExample> {
    const record = this.record(i);
    const log = this.log.withPolicy('refuse');
    const { img } = (await this.load(record, log))!;
    const [height, width] = img.shape;
    const { segmentations, label, crowded, area } = record;
    const data = new Uint8Array(segmentations.length * height * width);
    for (const [r, segmentation] of segmentations.entries()) {
      try {
        data.set(cocoMask(segmentation, [height, width]), r * height * width);
      } catch (error) {
        log.add('annotation', record.file, `object ${r + 1}: ${(error as Error).message}`, 'left out');
      }
    }
    const mask: Masks = { data, shape: [segmentations.length, height, width] };
    const areas = hasAreas(record) ? area : area.map((v, r) => (Number.isFinite(v) ? v : areasOf(mask)[r]!));
    return { img, mask, label, bbox: maskToBbox(mask), crowded, area: areas };
  }

  /** What of an example is asked for. The image is decoded for 'img', 'mask' and 'bbox'. */
  async getKeys<K extends keyof CocoInstanceExample>(
    i: number,
    keys: readonly K[],
  ): Promise<Pick<CocoInstanceExample, K>> {
    const record = this.record(i);
    if (asksFor(keys, 'img', 'mask', 'bbox') || (asksFor(keys, 'area') && !hasAreas(record)))
      return this.get(i);
    const { label, crowded, area } = record;
    return { label, crowded, area } as Partial<CocoInstanceExample> as Pick<CocoInstanceExample, K>;
  }
}

/**
 * Opens COCO's format with the masks of the objects: polygons and run lengths. Images without objects are left out.
 *
 * Chainer counterpart: `chainercv.datasets.COCOInstanceSegmentationDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError when the JSON file cannot be read, or gives two images one id; DatasetError for an entry that is
 *   refused.
 */
export async function openCocoInstanceSegmentationDataset(
  source: DatasetSource,
  options: CocoInstanceDatasetOptions,
): Promise<CocoInstanceSegmentationDataset> {
  const where = 'openCocoInstanceSegmentationDataset';
  const {
    annotations: path,
    images = 'images',
    labelNames = 'auto',
    useCrowded = false,
  } = checkOptions(where, options, kinds);
  const files: DatasetFiles = openFiles(source);
  const log = new ProblemLog(files.name, options.onProblem ?? 'refuse');
  const tree = await Tree.read(files, [joinPath(images)]);
  const part = { format: 'COCO', name: '', annotations: path, images: joinPath(images) } as const;
  // The JSON file tells the sizes.
  const { annotations, names } = await coco.read(part, { files, tree, log, sizeOf: async () => null });
  const classes = labelNames === 'auto' ? names! : labelNames;
  const { numbers, told } = labelsOf(classes);
  const records: CocoInstanceRecord[] = [];
  for (const { file, boxes } of annotations) {
    const kept = boxes.filter(({ name, difficult, segmentation }, i) => {
      if (difficult && !useCrowded) return false;
      const isKnown = numbers.has(name);
      if (!isKnown) log.add('label', file, `object ${i + 1}: '${name}' is not one of ${told}`, 'left out');
      else if (segmentation === undefined)
        log.add('annotation', file, `object ${i + 1} has no segmentation`, 'left out');
      return isKnown && segmentation !== undefined;
    });
    if (kept.length === 0) continue;
    records.push({
      file,
      segmentations: kept.map(({ segmentation }) => segmentation),
      label: Int32Array.from(kept, ({ name }) => numbers.get(name)!),
      crowded: Uint8Array.from(kept, ({ difficult }) => Number(difficult)),
      area: Float32Array.from(kept, ({ area }) => (isNumber(area) ? area : Number.NaN)),
    });
  }
  return new CocoInstanceSegmentationDataset(files, records, classes, log, decoderOf(options));
}
