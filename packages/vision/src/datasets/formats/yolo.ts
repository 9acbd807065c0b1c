/** YOLO: a text file a picture, a line an object: its class by number, then centre and size as shares of the picture. */
import { type AnnotatedBox, type Annotation, boxAround } from '../detection-record.ts';
import { whyUnreadable } from '../files.ts';
import { type LayoutPart, partNameOf, partOfPath } from '../layout/layout-part.ts';
import type { Tree } from '../layout/tree.ts';
import { baseName, folderOf, joinPath, NameIndex, stemOf } from '../paths.ts';
import { decodeText } from '../text.ts';
import { parseDataYaml } from './data-yaml.ts';
import type { FindContext, Format, ReadContext, ReadPart } from './format.ts';
import { readList } from './lists.ts';

/** Text files that lie about and are of no picture. */
const OTHERS =
  /^(classes|labels|names|obj|predefined_classes|notes|readme.*|train|val|valid|test|trainval)\.(txt|names)$/i;
const NAME_FILES = [
  'classes.txt',
  'obj.names',
  'classes.names',
  'labels.txt',
  'names.txt',
  '_darknet.labels',
];
const CLASS = /^\d+$/;
const VALUE = /^[-+]?[\d.]+(e[-+]?\d+)?$/i;
/** Text files that are looked at before a folder is taken for one of labels. */
const LOOKED_AT = 20;

/** The words of a line that is an object's; null for another. Word by word: a line of any length must fit on no stack. */
function wordsOf(line: string): string[] | null {
  const words = line.trim().split(/\s+/);
  return words.length >= 5 && words.every((word, i) => (i === 0 ? CLASS : VALUE).test(word)) ? words : null;
}

interface DataFile {
  readonly path: string;
  readonly classes: readonly string[];
  /** What it calls train, val and test: folders or lists. */
  readonly parts: ReadonlyMap<string, readonly string[]>;
}

async function find(context: FindContext): Promise<LayoutPart[]> {
  const { tree, images } = context;
  const data = await dataFile(context);
  const parts: LayoutPart[] = [];
  for (const folder of images === undefined ? tree.folders : [tree.folder(images)!]) {
    if (folder.images.length === 0) continue;
    const labels = await labelsOf(folder.path, context);
    if (labels === null) continue;
    const common = { format: 'YOLO', annotations: labels, images: folder.path } as const;
    const classes = data?.classes ?? (await namesIn([labels, folder.path, folderOf(labels), ''], context));
    const more = classes === null ? {} : { classes };
    const lists = [...(data?.parts ?? [])].flatMap(([name, places]) =>
      places
        .map((place) => listFile(tree, data!, place))
        .filter((list) => list !== null)
        .map((list) => ({ ...common, ...more, name, list })),
    );
    if (lists.length > 0) parts.push(...lists);
    else
      parts.push({
        ...common,
        ...more,
        name: declaredPart(data, folder.path) ?? partOfPath(folder.path, labels),
      });
  }
  return parts;
}

/** data.yaml, whatever it is called. */
async function dataFile({ files, tree }: FindContext): Promise<DataFile | null> {
  for (const { path } of tree.folders) {
    for (const name of [...tree.filesWith(path, '.yaml'), ...tree.filesWith(path, '.yml')]) {
      const file = joinPath(path, name);
      const values = parseDataYaml(
        await files
          .read(file)
          .then(decodeText)
          .catch(() => ''),
      );
      const classes = values.get('names');
      if (classes === undefined || classes.length === 0) continue;
      const parts = new Map<string, readonly string[]>();
      for (const [key, places] of values) {
        const part = partNameOf(key);
        if (part !== null && places.length > 0) parts.set(part, places);
      }
      return { path: file, classes, parts };
    }
  }
  return null;
}

/** A place of data.yaml in the folder: `path` and the way to it are of another machine. */
const withoutWay = (place: string): string => joinPath(place).replace(/^(\.\.\/)+/, '');

function declaredPart(data: DataFile | null, folder: string): string | null {
  for (const [name, places] of data?.parts ?? []) {
    for (const place of places.map(withoutWay)) {
      if (place === folder || folder.startsWith(`${place}/`) || place.endsWith(`/${folder}`)) return name;
    }
  }
  return null;
}

function listFile(tree: Tree, data: DataFile, place: string): string | null {
  if (!place.toLowerCase().endsWith('.txt')) return null;
  const names = [joinPath(folderOf(data.path), place), withoutWay(place), baseName(withoutWay(place))];
  return names.find((path) => tree.folder(folderOf(path))?.files.includes(baseName(path))) ?? null;
}

/** The folder of the text files: beside the pictures, or where `images` in their path is `labels`. */
async function labelsOf(images: string, context: FindContext): Promise<string | null> {
  const { tree, note } = context;
  const steps = images.split('/');
  const twins = steps
    .map((_, i) => joinPath(...steps.slice(0, i), 'labels', ...steps.slice(i + 1)))
    .reverse();
  const index = new NameIndex<true>();
  for (const name of tree.folder(images)!.images) index.add(stemOf(name), true);
  const near = [images, joinPath(images, 'labels'), joinPath(folderOf(images), 'labels')];
  for (const folder of [...twins, ...near]) {
    const texts = tree
      .filesWith(folder, '.txt')
      .filter((name) => !OTHERS.test(name) && index.has(stemOf(name)));
    if (texts.length === 0) continue;
    const wrong = await firstWrong(folder, texts, context);
    if (wrong === null) return folder;
    note(
      folder,
      `text files beside pictures, whose lines are not YOLO's 'class x y width height' (${wrong})`,
    );
  }
  return null;
}

/** A line that is no object, where none of the files looked at has one. */
async function firstWrong(
  folder: string,
  names: readonly string[],
  { files }: FindContext,
): Promise<string | null> {
  let wrong: string | null = null;
  for (const name of names.slice(0, LOOKED_AT)) {
    const text = await files
      .read(joinPath(folder, name))
      .then(decodeText)
      .catch(() => '');
    for (const line of text.split(/\r?\n/)) {
      if (wordsOf(line) !== null) return null;
      if (line.trim() !== '') wrong ??= line.trim().slice(0, 60);
    }
  }
  return wrong;
}

async function namesIn(folders: readonly string[], { files, tree }: FindContext): Promise<string[] | null> {
  for (const folder of folders) {
    const name = NAME_FILES.find((candidate) => tree.folder(folder)?.files.includes(candidate));
    if (name === undefined) continue;
    const lines = decodeText(await files.read(joinPath(folder, name))).split(/\r?\n/);
    return lines.map((line) => line.trim()).filter((line) => line !== '');
  }
  return null;
}

async function read(part: LayoutPart, context: ReadContext): Promise<ReadPart> {
  const { files, tree, log, sizeOf } = context;
  const sources = new NameIndex<string>();
  for (const name of tree.filesWith(part.annotations, '.txt')) {
    if (!OTHERS.test(name)) sources.add(stemOf(name), joinPath(part.annotations, name));
  }
  const annotations: Annotation[] = [];
  const used = new Set<string>();
  for (const file of await imagesOf(part, context)) {
    const source = sources.get(stemOf(baseName(file)))[0];
    let text = '';
    // A picture without a text file has no objects, by the rule of the format.
    if (source !== undefined) {
      used.add(source);
      try {
        text = decodeText(await files.read(source));
      } catch (error) {
        log.add('annotation', source, `cannot be read: ${whyUnreadable(error)}`, 'image left out');
        continue;
      }
    }
    const size = await sizeOf(file);
    if (size === null) continue;
    const boxes: AnnotatedBox[] = [];
    let incomplete = false;
    text.split(/\r?\n/).forEach((line, i) => {
      if (line.trim() === '') return;
      const box = readLine(line.trim(), size, part.classes);
      if (box !== null) boxes.push(box);
      else {
        incomplete = true;
        log.add(
          'annotation',
          source!,
          `line ${i + 1}: expected 'class x y width height', got '${line.trim().slice(0, 60)}'`,
          'box left out',
        );
      }
    });
    annotations.push({ source: source ?? file, file, size, boxes, incomplete });
  }
  if (part.list === undefined) {
    for (const name of tree.filesWith(part.annotations, '.txt')) {
      const source = joinPath(part.annotations, name);
      if (OTHERS.test(name) || used.has(source)) continue;
      log.add(
        'image',
        source,
        `there is no image of this name in ${part.images === '' ? 'the folder' : part.images}`,
        'left out',
      );
    }
  }
  const occurring = new Set(annotations.flatMap(({ boxes }) => boxes.map(({ name }) => name)));
  const names = part.classes?.filter((name) => occurring.has(name));
  return names === undefined ? { annotations } : { annotations, names };
}

async function imagesOf(part: LayoutPart, context: ReadContext): Promise<string[]> {
  const { tree, log } = context;
  if (part.list === undefined) {
    return (tree.folder(part.images)?.images ?? []).map((name) => joinPath(part.images, name));
  }
  const out: string[] = [];
  for (const name of await readList(part.list, context)) {
    const file = tree.imageNamed(name, part.images);
    // A list may be of several folders: each takes its own.
    if (file !== null && folderOf(file) === part.images) out.push(file);
    else if (file === null)
      log.add('image', name, `is in ${part.list}, and there is no such image`, 'left out');
  }
  return out;
}

/** A box, or the box around a polygon; null for a line that is neither. */
function readLine(
  line: string,
  [height, width]: readonly [number, number],
  classes: readonly string[] | undefined,
): AnnotatedBox | null {
  const words = wordsOf(line);
  if (words === null) return null;
  const [index, ...values] = words.map(Number) as [number, ...number[]];
  // Without a list of names the number is one; a sixth value is how sure a detector was.
  const name = classes === undefined ? String(index) : (classes[index] ?? `class ${index}`);
  if (values.length <= 5) {
    const [x, y, w, h] = values as [number, number, number, number];
    const box = [
      (y - h / 2) * height,
      (x - w / 2) * width,
      (y + h / 2) * height,
      (x + w / 2) * width,
    ] as const;
    return { name, box, difficult: false };
  }
  if (values.length % 2 !== 0) return null;
  const xs = values.filter((_, i) => i % 2 === 0);
  const ys = values.filter((_, i) => i % 2 === 1);
  const [yMin, xMin, yMax, xMax] = boxAround(xs, ys);
  const box = [yMin * height, xMin * width, yMax * height, xMax * width] as const;
  return { name, box, difficult: false };
}

export const yolo: Format = { name: 'YOLO', find, read };
