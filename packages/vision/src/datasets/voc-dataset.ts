import { VisionOptionError } from '../errors.ts';
import {
  type AnnotatedBox,
  type Annotation,
  checkedRecord,
  DetectionDataset,
  type DetectionDatasetOptions,
  type DetectionRecord,
  namesOf,
} from './detection-dataset.ts';
import { type DatasetFiles, type DatasetSource, openFiles, whyUnreadable } from './files.ts';
import { ProblemLog } from './problems.ts';
import { child, parseXml, type XmlElement } from './xml.ts';

export interface VocDatasetOptions extends DetectionDatasetOptions {
  /** The list of images: `ImageSets/Main/<split>.txt`. Default 'trainval'; null takes every file of `Annotations`. */
  readonly split?: string | null;
}

/**
 * Opens a folder in the layout of Pascal VOC: `Annotations/*.xml`, `JPEGImages`, `ImageSets/Main/<split>.txt`.
 *
 * As in ChainerCV one is subtracted from every coordinate, because VOC counts pixels from 1; a box that reaches over the
 * border by that one pixel is cut without a word. Chainer counterpart: `chainercv.datasets.VOCBboxDataset`.
 *
 * ```ts
 * const train = await openVocDataset('data/bccd', { decode, onProblem: 'skip' });
 * const test = await openVocDataset('data/bccd', { split: 'test', labelNames: train.labelNames, decode });
 * ```
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError when there is no such split; DatasetError for a file that is refused.
 */
export async function openVocDataset(
  source: DatasetSource,
  {
    split = 'trainval',
    labelNames = 'auto',
    keepEmpty = false,
    onProblem = 'refuse',
    decode,
  }: VocDatasetOptions = {},
): Promise<DetectionDataset> {
  const files = openFiles(source);
  const log = new ProblemLog(files.name, onProblem);
  const images = await imagesByName(files);
  const annotations: Annotation[] = [];
  for (const id of await idsOf(files, split)) {
    const annotation = await readAnnotation(files, id, images, log);
    if (annotation !== null) annotations.push(annotation);
  }
  const names = labelNames === 'auto' ? namesOf(annotations) : labelNames;
  const records = annotations
    .map((annotation) => checkedRecord(annotation, names, keepEmpty, log, 1))
    .filter((record): record is DetectionRecord => record !== null);
  return new DetectionDataset(files, records, names, log, decode);
}

async function idsOf(files: DatasetFiles, split: string | null): Promise<string[]> {
  if (split === null) {
    const { files: names } = await files.list('Annotations');
    return names.filter((name) => name.endsWith('.xml')).map((name) => name.slice(0, -'.xml'.length));
  }
  let text: string;
  try {
    text = new TextDecoder().decode(await files.read(`ImageSets/Main/${split}.txt`));
  } catch (error) {
    const { files: lists } = await files.list('ImageSets/Main');
    const known = lists.filter((name) => name.endsWith('.txt')).map((name) => name.slice(0, -'.txt'.length));
    throw new VisionOptionError(
      `openVocDataset(${files.name})`,
      'split',
      known.length === 0
        ? 'null, because there is no list in ImageSets/Main'
        : `null or one of ${known.join(', ')}`,
      split,
      `ImageSets/Main/${split}.txt: ${whyUnreadable(error)}.`,
    );
  }
  // Lists of one class have a second column.
  return text
    .split(/\r?\n/)
    .map((line) => line.trim().split(/\s+/)[0]!)
    .filter((id) => id !== '');
}

/** Image files by their name without its ending: not every folder of this layout holds .jpg. */
async function imagesByName(files: DatasetFiles): Promise<ReadonlyMap<string, string>> {
  const { files: names } = await files.list('JPEGImages');
  return new Map(names.map((name) => [name.replace(/\.[^.]*$/, ''), `JPEGImages/${name}`]));
}

async function readAnnotation(
  files: DatasetFiles,
  id: string,
  images: ReadonlyMap<string, string>,
  log: ProblemLog,
): Promise<Annotation | null> {
  const source = `Annotations/${id}.xml`;
  const file = images.get(id);
  if (file === undefined) {
    log.add('image', `JPEGImages/${id}`, 'there is no such image', 'left out');
    return null;
  }
  try {
    const root = parseXml(new TextDecoder().decode(await files.read(source)));
    const size = child(root, 'size');
    if (size === undefined) throw new SyntaxError('there is no <size>');
    const boxes = root.children.filter(({ name }) => name === 'object').map(readObject);
    return { source, file, size: [positive(size, 'height'), positive(size, 'width')], boxes };
  } catch (error) {
    log.add('annotation', source, `cannot be read: ${whyUnreadable(error)}`, 'image left out');
    return null;
  }
}

function readObject(object: XmlElement): AnnotatedBox {
  const box = child(object, 'bndbox');
  if (box === undefined) throw new SyntaxError('an <object> has no <bndbox>');
  const name = child(object, 'name')?.text ?? '';
  if (name === '') throw new SyntaxError('an <object> has no <name>');
  const at = (key: string) => number(box, key) - 1;
  return {
    name,
    box: [at('ymin'), at('xmin'), at('ymax'), at('xmax')],
    difficult: child(object, 'difficult')?.text === '1',
  };
}

function number(element: XmlElement, name: string): number {
  const text = child(element, name)?.text ?? '';
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) {
    throw new SyntaxError(`<${element.name}> needs a number in <${name}>, got '${text}'`);
  }
  return value;
}

function positive(element: XmlElement, name: string): number {
  const value = number(element, name);
  if (!(Number.isInteger(value) && value > 0)) {
    throw new SyntaxError(`<${name}> of <${element.name}> must be a positive whole number, got ${value}`);
  }
  return value;
}
