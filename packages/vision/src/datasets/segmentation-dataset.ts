/** Images whose pixels have classes, in the layouts of well-known data sets. */
import { checkOptions, type OptionKinds } from '@chaingrad/core';
import type { SliceableDataset } from '@chaingrad/training';
import {
  cityscapesLabelNames,
  vocBboxLabelNames,
  vocSemanticSegmentationLabelNames,
} from '@chaingrad/weights';
import { VisionOptionError } from '../errors.ts';
import type { Image } from '../image/index.ts';
import type { LabelMap } from '../utils/mask/label-map.ts';
import { maskToBbox } from '../utils/mask/mask-to-bbox.ts';
import type { Masks } from '../utils/mask/masks.ts';
import { vocColormap } from '../visualizations/colormap.ts';
import { type DatasetFiles, type DatasetSource, openFiles } from './files.ts';
import {
  asksFor,
  type DatasetOptions,
  type DecodeImage,
  datasetKinds,
  decoderOf,
  ImageDataset,
  type ImageRecord,
} from './image-dataset.ts';
import { isImageName, stemOf } from './paths.ts';
import { ProblemLog } from './problems.ts';
import { decodeText } from './text.ts';

/** An image with the classes of its pixels. */
export interface SegmentationExample {
  /** RGB, 0..255. */
  readonly img: Image;
  /** Counting from 0; -1 does not count. */
  readonly label: LabelMap;
}

/** The class of a colour of a picture of classes: -1 does not count, null is none. */
export type LabelOfColor = (red: number, green: number, blue: number) => number | null;

interface SegmentationRecord extends ImageRecord {
  /** The picture of the classes. */
  readonly labelFile: string;
}

/** Classes of the pixels of a picture, each colour looked up once. @returns null with a problem added. */
function classesOf(
  { data, shape: [height, width] }: Image,
  file: string,
  labelOf: LabelOfColor,
  log: ProblemLog,
): Int32Array | null {
  const known = new Map<number, number>();
  const label = new Int32Array(height * width);
  for (let i = 0; i < label.length; i++) {
    const [r, g, b] = [data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!];
    const key = (r << 16) | (g << 8) | b;
    let found = known.get(key);
    if (found === undefined) {
      const own = labelOf(r, g, b);
      if (own === null) {
        log.add('label', file, `the colour (${r}, ${g}, ${b}) is of no class`, 'left out');
        return null;
      }
      known.set(key, own);
      found = own;
    }
    label[i] = found;
  }
  return label;
}

/** Images with the classes of their pixels. Files are read when they are asked for. */
export class SegmentationDataset
  extends ImageDataset<SegmentationRecord>
  implements SliceableDataset<SegmentationExample>
{
  readonly #labelOf: LabelOfColor;

  constructor(
    files: DatasetFiles,
    records: readonly SegmentationRecord[],
    labelNames: readonly string[],
    log: ProblemLog,
    decode: DecodeImage,
    labelOf: LabelOfColor,
  ) {
    super(files, records, labelNames, log, decode);
    this.#labelOf = labelOf;
  }

  /** @throws DatasetError when a picture cannot be decoded, both differ in size, or a colour is of no class; RangeError outside the list. */
  async get(i: number): Promise<SegmentationExample> {
    const record = this.record(i);
    const log = this.log.withPolicy('refuse');
    const [img, picture] = await this.pictures([record.file, record.labelFile], log);
    return { img: img!, label: this.#labelIn(picture!, record, log) };
  }

  /** What of an example is asked for: of the image and the picture of its classes only that one is decoded. */
  async getKeys<K extends keyof SegmentationExample>(
    i: number,
    keys: readonly K[],
  ): Promise<Pick<SegmentationExample, K>> {
    const [img, label] = [asksFor(keys, 'img'), asksFor(keys, 'label')];
    if (img && label) return this.get(i);
    const record = this.record(i);
    const log = this.log.withPolicy('refuse');
    const [picture] = await this.pictures([label ? record.labelFile : record.file], log);
    const found = label ? { label: this.#labelIn(picture!, record, log) } : { img: picture! };
    return found as Partial<SegmentationExample> as Pick<SegmentationExample, K>;
  }

  #labelIn(picture: Image, { labelFile }: SegmentationRecord, log: ProblemLog): LabelMap {
    const data = classesOf(picture, labelFile, this.#labelOf, log)!;
    return { data, shape: [picture.shape[0], picture.shape[1]] };
  }
}

/** An image with the masks of its objects. */
export interface InstanceExample {
  /** RGB, 0..255. */
  readonly img: Image;
  /** R masks of the size of the image. */
  readonly mask: Masks;
  /** R labels, counting from 0. */
  readonly label: Int32Array;
  /** R * 4 values, rows of (yMin, xMin, yMax, xMax) in pixels: the boxes around the masks. */
  readonly bbox: Float32Array;
  /** R flags: 1 for a crowd, several objects in one mask. COCO has them. */
  readonly crowded?: Uint8Array;
  /** R areas in pixels, as annotated. COCO has them. */
  readonly area?: Float32Array;
}

interface InstanceRecord extends SegmentationRecord {
  /** The picture of the objects. */
  readonly objectFile: string;
}

/** Images with the masks of their objects. Files are read when they are asked for. */
export class InstanceSegmentationDataset
  extends ImageDataset<InstanceRecord>
  implements SliceableDataset<InstanceExample>
{
  /** What of an example is asked for: the pictures of classes and objects are decoded unless it is 'img' alone. */
  async getKeys<K extends keyof InstanceExample>(
    i: number,
    keys: readonly K[],
  ): Promise<Pick<InstanceExample, K>> {
    if (asksFor(keys, 'mask', 'label', 'bbox')) return this.get(i);
    const [img] = await this.pictures([this.record(i).file], this.log.withPolicy('refuse'));
    return { img: img! } as Partial<InstanceExample> as Pick<InstanceExample, K>;
  }

  /** @throws DatasetError as `SegmentationDataset.get`; RangeError outside the list. */
  async get(i: number): Promise<InstanceExample> {
    const record = this.record(i);
    const log = this.log.withPolicy('refuse');
    const [img, classes, objects] = await this.pictures(
      [record.file, record.labelFile, record.objectFile],
      log,
    );
    const [height, width] = img!.shape;
    const classOf = classesOf(classes!, record.labelFile, vocLabelOf, log)!;
    const objectOf = classesOf(objects!, record.objectFile, vocLabelOf, log)!;
    // Objects are numbered from 1; their class is that of their pixels.
    const ids = [...new Set(objectOf)].filter((id) => id > 0).sort((a, b) => a - b);
    const data = new Uint8Array(ids.length * height * width);
    const label = new Int32Array(ids.length).fill(-1);
    const at = new Map(ids.map((id, r) => [id, r]));
    for (let p = 0; p < objectOf.length; p++) {
      const r = at.get(objectOf[p]!);
      if (r === undefined) continue;
      data[r * height * width + p] = 1;
      if (classOf[p]! > 0) label[r] = classOf[p]! - 1;
    }
    for (const [r, l] of label.entries())
      if (l < 0) log.add('label', record.objectFile, `object ${ids[r]} has no class`, 'left out');
    const mask: Masks = { data, shape: [ids.length, height, width] };
    return { img: img!, mask, label, bbox: maskToBbox(mask) };
  }
}

const vocIndices = new Map(
  Array.from({ length: 256 }, (_, i) => {
    const [r, g, b] = vocColormap(i);
    return [(r << 16) | (g << 8) | b, i === 255 ? -1 : i] as const;
  }),
);

/** Of Pascal VOC's colours; the borders of objects do not count. */
const vocLabelOf: LabelOfColor = (r, g, b) => vocIndices.get((r << 16) | (g << 8) | b) ?? null;

const vocClassOf: LabelOfColor = (r, g, b) => {
  const found = vocLabelOf(r, g, b);
  return found !== null && found < vocSemanticSegmentationLabelNames.length ? found : null;
};

/** Of grey pictures whose values are numbers. */
const ofValue =
  (labelOf: (value: number) => number | null): LabelOfColor =>
  (r, g, b) =>
    r === g && g === b ? labelOf(r) : null;

const below = (count: number, value: number): number | null => (value >= 0 && value < count ? value : null);

/** The numbers of Cityscapes' classes that count, in their order. */
// biome-ignore format: one list
const CITYSCAPES_IDS = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33];

interface Opened {
  readonly files: DatasetFiles;
  readonly log: ProblemLog;
  readonly decode: DecodeImage;
}

function open(source: DatasetSource, options: DatasetOptions): Opened {
  const files = openFiles(source);
  return {
    files,
    log: new ProblemLog(files.name, options.onProblem ?? 'refuse'),
    decode: decoderOf(options),
  };
}

/** The lines of a list of images. @throws VisionOptionError where there is no such list. */
async function listed(where: string, files: DatasetFiles, path: string, split: string): Promise<string[]> {
  const bytes = await files.read(path).catch(() => null);
  if (bytes === null) throw new VisionOptionError(where, 'split', `a list of images: ${path}`, split);
  return decodeText(bytes)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The pictures of a folder and those below it, each with the picture of its classes, by their names without the endings. */
async function paired(
  where: string,
  { files, log }: Opened,
  [images, imageEnding]: readonly [folder: string, ending: string],
  [labels, labelEnding]: readonly [folder: string, ending: string],
): Promise<SegmentationRecord[]> {
  const below = async (folder: string): Promise<string[]> => {
    const { files: names, folders } = await files.list(folder);
    const own = names.filter(isImageName).map((name) => `${folder}/${name}`);
    return [...own, ...(await Promise.all(folders.map((name) => below(`${folder}/${name}`)))).flat()];
  };
  const [found, pictures] = await Promise.all([below(images), below(labels)]);
  if (found.length === 0) throw new VisionOptionError(where, 'source', `images in ${images}`, files.name);
  const keyOf = (path: string, folder: string, ending: string) => {
    const stem = stemOf(path.slice(folder.length + 1));
    return stem.endsWith(ending) ? stem.slice(0, stem.length - ending.length) : null;
  };
  const byKey = new Map(pictures.map((path) => [keyOf(path, labels, labelEnding), path]));
  const records: SegmentationRecord[] = [];
  for (const file of found) {
    const key = keyOf(file, images, imageEnding);
    const labelFile = key === null ? undefined : byKey.get(key);
    if (labelFile === undefined)
      log.add('annotation', file, `there is no picture of its classes in ${labels}`, 'left out');
    else records.push({ file, labelFile });
  }
  return records;
}

export interface VocSegmentationOptions extends DatasetOptions {
  /** The list of images: `ImageSets/Segmentation/<split>.txt`. Default 'train'. */
  readonly split?: string;
}

const vocKinds: OptionKinds<VocSegmentationOptions> = { ...datasetKinds, split: 'string' };

/** The images of a split of Pascal VOC, with the files of their classes and of their objects. */
async function openVoc(where: string, source: DatasetSource, options: VocSegmentationOptions) {
  const { split = 'train' } = checkOptions(where, options, vocKinds);
  const opened = open(source, options);
  const names = await listed(where, opened.files, `ImageSets/Segmentation/${split}.txt`, split);
  const records = names.map((name) => ({
    file: `JPEGImages/${name}.jpg`,
    labelFile: `SegmentationClass/${name}.png`,
    objectFile: `SegmentationObject/${name}.png`,
  }));
  return { ...opened, records };
}

/**
 * Opens a folder in the layout of Pascal VOC's segmentation: `ImageSets/Segmentation/<split>.txt`, `JPEGImages`,
 * `SegmentationClass/*.png` in VOC's colours. The borders of objects do not count.
 *
 * Chainer counterpart: `chainercv.datasets.VOCSemanticSegmentationDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError when there is no such split.
 */
export async function openVocSegmentationDataset(
  source: DatasetSource,
  options: VocSegmentationOptions = {},
): Promise<SegmentationDataset> {
  const { files, log, decode, records } = await openVoc('openVocSegmentationDataset', source, options);
  return new SegmentationDataset(files, records, vocSemanticSegmentationLabelNames, log, decode, vocClassOf);
}

/**
 * ... with the mask of each object, from `SegmentationObject/*.png`. Chainer counterpart:
 * `chainercv.datasets.VOCInstanceSegmentationDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError when there is no such split.
 */
export async function openVocInstanceSegmentationDataset(
  source: DatasetSource,
  options: VocSegmentationOptions = {},
): Promise<InstanceSegmentationDataset> {
  const { files, log, decode, records } = await openVoc(
    'openVocInstanceSegmentationDataset',
    source,
    options,
  );
  return new InstanceSegmentationDataset(files, records, vocBboxLabelNames, log, decode);
}

export interface CityscapesOptions extends DatasetOptions {
  /** 'train' (default), 'val' or, of coarse labels, 'train_extra'. */
  readonly split?: string;
  /** 'fine' (default) or 'coarse'. */
  readonly labelResolution?: 'fine' | 'coarse';
}

/**
 * Opens a folder in the layout of Cityscapes: `leftImg8bit/<split>/<city>/*_leftImg8bit.png` and
 * `gtFine/<split>/<city>/*_gtFine_labelIds.png`. The 19 classes of its evaluation count.
 *
 * Chainer counterpart: `chainercv.datasets.CityscapesSemanticSegmentationDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError without such images; DatasetError for an image without classes that is refused.
 */
export async function openCityscapesDataset(
  source: DatasetSource,
  options: CityscapesOptions = {},
): Promise<SegmentationDataset> {
  const where = 'openCityscapesDataset';
  const { split = 'train', labelResolution = 'fine' } = checkOptions(where, options, {
    ...datasetKinds,
    split: 'string',
    labelResolution: ['fine', 'coarse'],
  });
  const opened = open(source, options);
  const kind = labelResolution === 'fine' ? 'gtFine' : 'gtCoarse';
  const records = await paired(
    where,
    opened,
    [`leftImg8bit/${split}`, '_leftImg8bit'],
    [`${kind}/${split}`, `_${kind}_labelIds`],
  );
  const labelOf = ofValue((id) => (id === 255 || id <= 33 ? CITYSCAPES_IDS.indexOf(id) : null));
  const { files, log, decode } = opened;
  return new SegmentationDataset(files, records, cityscapesLabelNames, log, decode, labelOf);
}

export interface Ade20kOptions extends DatasetOptions {
  /** 'train' (default) or 'val'. */
  readonly split?: 'train' | 'val';
  /** Names of the 150 classes, for messages and legends. Default their numbers. */
  readonly labelNames?: readonly string[];
}

/**
 * Opens a folder in the layout of ADE20K's scene parsing: `images/training/*.jpg` and `annotations/training/*.png`, whose values
 * count from 1; 0 does not count.
 *
 * Chainer counterpart: `chainercv.datasets.ADE20KSemanticSegmentationDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError without such images; DatasetError for an image without classes that is refused.
 */
export async function openAde20kDataset(
  source: DatasetSource,
  options: Ade20kOptions = {},
): Promise<SegmentationDataset> {
  const where = 'openAde20kDataset';
  const { split = 'train', labelNames = Array.from({ length: 150 }, (_, i) => String(i)) } = checkOptions(
    where,
    options,
    { ...datasetKinds, split: ['train', 'val'], labelNames: 'object' },
  );
  const opened = open(source, options);
  const folder = split === 'train' ? 'training' : 'validation';
  const records = await paired(where, opened, [`images/${folder}`, ''], [`annotations/${folder}`, '']);
  const labelOf = ofValue((value) => (value === 0 ? -1 : below(labelNames.length, value - 1)));
  const { files, log, decode } = opened;
  return new SegmentationDataset(files, records, labelNames, log, decode, labelOf);
}

export interface SegmentationFolderOptions extends DatasetOptions {
  /** Names of the classes. */
  readonly labelNames: readonly string[];
  /** Folder of the images. Default 'images'. */
  readonly images?: string;
  /** Folder of the pictures of classes, of the same names. Default 'labels'. */
  readonly labels?: string;
  /** The class of a colour. Default the value of a grey picture, 255 of which does not count. */
  readonly labelOf?: LabelOfColor;
}

/**
 * Opens a folder of images and pictures of the classes of their pixels, as CamVid's and one's own.
 *
 * ```ts
 * const camvid = await openSegmentationFolder('CamVid', {
 *   images: 'train', labels: 'trainannot', labelNames: camvidLabelNames,
 *   labelOf: (value) => (value === 11 ? -1 : value),
 * });
 * ```
 *
 * Chainer counterpart of CamVid: `chainercv.datasets.CamVidDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError without such images; DatasetError for an image without classes that is refused.
 */
export async function openSegmentationFolder(
  source: DatasetSource,
  options: SegmentationFolderOptions,
): Promise<SegmentationDataset> {
  const where = 'openSegmentationFolder';
  const {
    labelNames,
    images = 'images',
    labels = 'labels',
    labelOf = ofValue((value) => (value === 255 ? -1 : below(labelNames?.length ?? 0, value))),
  } = checkOptions(where, options, {
    ...datasetKinds,
    labelNames: 'object',
    images: 'string',
    labels: 'string',
    labelOf: 'function',
  });
  if (!Array.isArray(labelNames))
    throw new VisionOptionError(where, 'labelNames', 'the names of the classes', labelNames);
  const opened = open(source, options);
  const records = await paired(where, opened, [images, ''], [labels, '']);
  const { files, log, decode } = opened;
  return new SegmentationDataset(files, records, labelNames, log, decode, labelOf);
}
