import { VisionOptionError } from '../errors.ts';
import {
  type AnnotatedBox,
  type Annotation,
  checkedRecord,
  DetectionDataset,
  type DetectionDatasetOptions,
  type DetectionRecord,
} from './detection-dataset.ts';
import { type DatasetSource, openFiles, whyUnreadable } from './files.ts';
import { ProblemLog } from './problems.ts';

export interface CocoDatasetOptions extends DetectionDatasetOptions {
  /** Path of the JSON file, from the folder. */
  readonly annotations: string;
  /** Folder of the images, from the folder; `file_name`s start there. Default 'images'. */
  readonly images?: string;
}

type Json = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isId = (value: unknown): value is number | string =>
  typeof value === 'number' || typeof value === 'string';
const isSize = (value: unknown): value is number => typeof value === 'number' && value > 0;

/**
 * Opens a detection dataset in COCO's format: one JSON file with `images`, `annotations` and `categories`.
 *
 * Boxes are [x, y, width, height] there and (yMin, xMin, yMax, xMax) here. A crowd counts as difficult. Without
 * `labelNames` the classes are all categories, by their ids. Chainer counterpart: `chainercv.datasets.COCOBboxDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError when the JSON file cannot be read; DatasetError for an entry that is refused.
 */
export async function openCocoDataset(
  source: DatasetSource,
  {
    annotations: file,
    images = 'images',
    labelNames = 'auto',
    keepEmpty = false,
    onProblem = 'refuse',
    decode,
  }: CocoDatasetOptions,
): Promise<DetectionDataset> {
  const files = openFiles(source);
  const log = new ProblemLog(files.name, onProblem);
  const fail = (why: string) =>
    new VisionOptionError(
      `openCocoDataset(${files.name})`,
      'annotations',
      'a JSON file in COCO format',
      file,
      why,
    );
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(await files.read(file)));
  } catch (error) {
    throw fail(`${whyUnreadable(error)}.`);
  }
  const list = (key: string): unknown[] => {
    const value = isRecord(json) ? json[key] : undefined;
    if (!Array.isArray(value)) throw fail(`It has no list '${key}'.`);
    return value;
  };

  const categories = list('categories').filter(
    (entry): entry is Json & { id: number | string; name: string } =>
      isRecord(entry) && isId(entry['id']) && typeof entry['name'] === 'string',
  );
  const nameOf = new Map(categories.map(({ id, name }) => [id, name]));
  const inOrder = [...categories].sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ name }) => name);
  const names = labelNames === 'auto' ? [...new Set(inOrder)] : labelNames;

  const boxesOf = new Map<unknown, AnnotatedBox[]>();
  const imageIds = new Set(list('images').map((entry) => (isRecord(entry) ? entry['id'] : undefined)));
  list('annotations').forEach((entry, i) => {
    const box = isRecord(entry) ? entry['bbox'] : undefined;
    const where = `annotation ${isRecord(entry) && isId(entry['id']) ? entry['id'] : `at index ${i}`}`;
    if (
      !isRecord(entry) ||
      !Array.isArray(box) ||
      box.length !== 4 ||
      !box.every((v) => typeof v === 'number')
    ) {
      log.add('annotation', file, `${where}: expected a 'bbox' of four numbers`, 'box left out');
      return;
    }
    if (!imageIds.has(entry['image_id'])) {
      log.add(
        'annotation',
        file,
        `${where}: there is no image with the id ${String(entry['image_id'])}`,
        'box left out',
      );
      return;
    }
    const [x, y, width, height] = box as [number, number, number, number];
    const boxes = boxesOf.get(entry['image_id']) ?? [];
    boxesOf.set(entry['image_id'], boxes);
    boxes.push({
      name: nameOf.get(entry['category_id'] as number) ?? `category ${String(entry['category_id'])}`,
      box: [y, x, y + height, x + width],
      difficult: entry['iscrowd'] === 1,
    });
  });

  const records: DetectionRecord[] = [];
  list('images').forEach((entry, i) => {
    if (
      !isRecord(entry) ||
      typeof entry['file_name'] !== 'string' ||
      !isSize(entry['width']) ||
      !isSize(entry['height'])
    ) {
      log.add(
        'annotation',
        file,
        `image at index ${i}: expected file_name, width and height`,
        'image left out',
      );
      return;
    }
    const path = images === '' ? entry['file_name'] : `${images}/${entry['file_name']}`;
    const annotation: Annotation = {
      source: path,
      file: path,
      size: [entry['height'], entry['width']],
      boxes: boxesOf.get(entry['id']) ?? [],
    };
    // COCO's boxes have fractions: a rounding error over the border is none.
    const record = checkedRecord(annotation, names, keepEmpty, log, 1);
    if (record !== null) records.push(record);
  });
  return new DetectionDataset(files, records, names, log, decode);
}
