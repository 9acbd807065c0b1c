/** Pascal VOC: an XML file a picture. */
import { VisionOptionError } from '../../errors.ts';
import type { AnnotatedBox, Annotation } from '../detection-record.ts';
import { whyUnreadable } from '../files.ts';
import { type LayoutPart, partOfPath } from '../layout/layout-part.ts';
import { baseName, folderOf, joinPath, NameIndex, stemOf } from '../paths.ts';
import { decodeText } from '../text.ts';
import type { FindContext, Format, ReadContext, ReadPart } from './format.ts';
import { meanings, readList } from './lists.ts';
import { child, parseXml, type XmlElement } from './xml.ts';

/** Folders of lists, from the one that holds the annotations. */
const LISTS = 'ImageSets/Main';
/** XML files that are looked at before a folder is taken for one of annotations. */
const LOOKED_AT = 5;

async function find(context: FindContext): Promise<LayoutPart[]> {
  const { tree, images } = context;
  const found: (LayoutPart & { readonly stems: ReadonlySet<string> })[] = [];
  for (const { path } of tree.folders) {
    const stems = tree.filesWith(path, '.xml').map(stemOf);
    if (stems.length === 0 || !(await areAnnotations(path, context))) continue;
    const folder = images ?? tree.folderOfStems(stems, path)?.folder;
    if (folder === undefined) {
      context.note(path, `Pascal VOC's XML files, but no picture has the name of one`);
      continue;
    }
    found.push({
      format: 'Pascal VOC',
      name: partOfPath(folder, path),
      annotations: path,
      images: folder,
      stems: new Set(stems),
    });
  }
  // Some programs leave a copy beside the pictures: of two that say the same, the folder of its own is meant.
  const parts = found.filter(
    (part) =>
      part.annotations !== part.images ||
      !found.some(
        (other) => other !== part && other.images === part.images && shares(other.stems, part.stems),
      ),
  );
  const out: LayoutPart[] = [];
  for (const { stems: _, ...part } of parts) {
    const folder = joinPath(folderOf(part.annotations), LISTS);
    const lists = tree.filesWith(folder, '.txt');
    if (lists.length === 0) out.push(part);
    for (const list of lists) out.push({ ...part, name: stemOf(list), list: joinPath(folder, list) });
  }
  return out;
}

const shares = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  [...b].some((stem) => a.has(stem));

async function areAnnotations(path: string, { tree, files, note }: FindContext): Promise<boolean> {
  let root = '';
  for (const name of tree.filesWith(path, '.xml').slice(0, LOOKED_AT)) {
    try {
      root = parseXml(decodeText(await files.read(joinPath(path, name)))).name;
    } catch {
      // What cannot be read is told when the folder is; that it is there says as much as a name.
      root = 'annotation';
    }
    if (root === 'annotation') return true;
  }
  note(
    path,
    root === 'annotations'
      ? "CVAT's own XML: export it again as Pascal VOC or COCO"
      : `XML files whose root is <${root}>, Pascal VOC's is <annotation>`,
  );
  return false;
}

async function read(part: LayoutPart, context: ReadContext): Promise<ReadPart> {
  const { tree, log } = context;
  const sources = new NameIndex<string>();
  const all = tree.filesWith(part.annotations, '.xml');
  for (const name of all) sources.add(stemOf(name), joinPath(part.annotations, name));
  const seen = new Set<string>();
  const annotations: Annotation[] = [];
  for (const id of part.list === undefined ? all.map(stemOf) : await listed(part, part.list, context)) {
    const exists = (stem: string) => sources.has(stem) || tree.imagesOfStem(part.images, stem).length > 0;
    const stem = part.list === undefined ? id : ([...meanings(id)].find(exists) ?? id);
    const [source, another] = sources.get(stem);
    if (another !== undefined && !seen.has(another)) {
      log.add('duplicate', another, `${source} has the same name, and is read`, 'left out');
      seen.add(another);
    }
    if (source !== undefined && seen.has(source)) continue;
    if (source !== undefined) seen.add(source);
    const annotation = await readAnnotation(source, stem, part, context);
    if (annotation !== null) annotations.push(annotation);
  }
  return { annotations };
}

async function listed(part: LayoutPart, list: string, context: ReadContext): Promise<string[]> {
  try {
    return await readList(list, context);
  } catch (error) {
    const known = context.tree.filesWith(folderOf(list), '.txt').map(stemOf);
    throw new VisionOptionError(
      `openVocDataset(${context.files.name})`,
      'split',
      known.length === 0
        ? `null, because there is no list in ${LISTS}`
        : `null or one of ${known.join(', ')}`,
      part.name,
      `${list}: ${whyUnreadable(error)}.`,
    );
  }
}

async function readAnnotation(
  source: string | undefined,
  stem: string,
  { annotations, images }: LayoutPart,
  { files, tree, log, sizeOf }: ReadContext,
): Promise<Annotation | null> {
  if (source === undefined) {
    log.add('annotation', joinPath(annotations, `${stem}.xml`), 'there is no such file', 'image left out');
    return null;
  }
  let read: ReturnType<typeof readDocument>;
  try {
    read = readDocument(parseXml(decodeText(await files.read(source))));
  } catch (error) {
    log.add('annotation', source, `cannot be read: ${whyUnreadable(error)}`, 'image left out');
    return null;
  }
  const candidates = tree.imagesOfStem(images, stem);
  const meant = candidates.find((path) => baseName(path) === read.filename);
  const file = meant ?? candidates[0];
  if (file === undefined) {
    log.add('image', joinPath(images, stem), 'there is no such image', 'left out');
    return null;
  }
  if (candidates.length > 1 && meant === undefined) {
    log.add('duplicate', source, `is of one of ${candidates.join(', ')}`, `${file} is taken`);
  }
  const size = read.size ?? (await sizeOf(file));
  return size === null ? null : { source, file, size, boxes: read.boxes };
}

function readDocument(root: XmlElement) {
  const objects = root.children.filter(({ name }) => name === 'object');
  const size = child(root, 'size');
  if (size === undefined && objects.length === 0)
    throw new SyntaxError('there is no <size>, and no <object>');
  return {
    filename: baseName(joinPath(child(root, 'filename')?.text ?? '')),
    size: size === undefined ? null : readSize(size),
    boxes: objects.map(readObject),
  };
}

/** null for 0 x 0, which some programs write for a size that they do not know. */
function readSize(size: XmlElement): readonly [height: number, width: number] | null {
  const at = (name: string) => {
    const value = number(size, name);
    if (Number.isInteger(value) && value >= 0) return value;
    throw new SyntaxError(`<${name}> of <size> must be a positive whole number, got ${value}`);
  };
  const [height, width] = [at('height'), at('width')];
  return height === 0 || width === 0 ? null : [height, width];
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

export const pascalVoc: Format = { name: 'Pascal VOC', find, read };
