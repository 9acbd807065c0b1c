/** COCO: one JSON file with `images`, `annotations` and `categories`. */
import { brief } from '@chaingrad/core';
import { VisionOptionError } from '../../errors.ts';
import type { AnnotatedBox, Annotation } from '../detection-record.ts';
import { whyUnreadable } from '../files.ts';
import { type LayoutPart, partOfPath } from '../layout/layout-part.ts';
import type { Tree } from '../layout/tree.ts';
import { baseName, folderOf, joinPath } from '../paths.ts';
import type { FindContext, Format, ReadContext, ReadPart } from './format.ts';
import { isRecord, isSize, type Json, jsonFiles, readJson } from './json.ts';

/** Names of images that are looked for before a folder is taken for theirs. */
const LOOKED_AT = 200;

const isId = (value: unknown): value is number | string =>
  typeof value === 'number' || typeof value === 'string';

/** An id or a name for a message; what is neither may be anything, nested to any depth. */
const told = (value: unknown): string => (isId(value) ? String(value) : brief(value));

const isCoco = (value: unknown): value is Json =>
  isRecord(value) && ['images', 'annotations', 'categories'].every((key) => Array.isArray(value[key]));

async function find({ files, tree, images, note }: FindContext): Promise<LayoutPart[]> {
  const parts: LayoutPart[] = [];
  for (const folder of tree.folders) {
    const found: LayoutPart[] = [];
    for await (const { path, value, why } of jsonFiles(files, folder)) {
      if (why !== undefined) note(path, `JSON that cannot be read (${why})`);
      if (!isCoco(value)) continue;
      const base = images ?? imagesOf(value, path, tree);
      if (base === null) note(path, 'COCO, but none of the pictures that it names is there');
      else found.push(cocoPart(path, base));
    }
    // COCO's own folder holds captions and key points of the same pictures as well.
    const instances = found.filter(({ annotations }) => baseName(annotations).startsWith('instances'));
    parts.push(...(instances.length > 0 ? instances : found));
  }
  return parts;
}

function cocoPart(path: string, images: string): LayoutPart {
  return { format: 'COCO', name: partOfPath(path, images), annotations: path, images };
}

/** The folder where the pictures of a JSON file are. */
function imagesOf(json: Json, path: string, tree: Tree): string | null {
  const names = (json['images'] as unknown[])
    .slice(0, LOOKED_AT)
    .map((entry) => (isRecord(entry) ? entry['file_name'] : undefined))
    .filter((name): name is string => typeof name === 'string');
  // instances_val2017.json is of val2017, wherever the names alone would lead.
  const twin = tree.folders.find(
    (folder) =>
      folder.path !== '' && baseName(path).includes(baseName(folder.path)) && folder.images.length > 0,
  );
  const found = tree.folderOfNames(names, twin?.path ?? folderOf(path));
  if (found !== null) {
    // `images/x.jpg` may be found from the folder above as well: the pictures lie where they lie.
    const folders = new Set(
      names
        .map((name) => tree.imageNamed(name, found.folder))
        .filter((file) => file !== null)
        .map(folderOf),
    );
    return folders.size === 1 ? [...folders][0]! : found.folder;
  }
  return names.some((name) => tree.imageNamed(name, '') !== null) ? '' : null;
}

/** A part of one JSON file that the caller has named; pictures that are not found are told when it is read. */
export async function cocoPartOf(
  path: string,
  { files, tree, images }: Pick<FindContext, 'files' | 'tree' | 'images'>,
): Promise<LayoutPart> {
  const value = await readJson(files, path).catch(() => undefined);
  const base = images ?? (isCoco(value) ? imagesOf(value, path, tree) : null);
  return cocoPart(path, base ?? 'images');
}

async function read(part: LayoutPart, context: ReadContext): Promise<ReadPart> {
  const { files, tree, log } = context;
  const file = part.annotations;
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
    json = await readJson(files, file);
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
  const fileOfId = new Map<unknown, unknown>();
  for (const entry of list('images')) {
    if (!isRecord(entry)) continue;
    const { id, file_name: name } = entry as { id?: unknown; file_name?: unknown };
    if (fileOfId.has(id)) {
      throw fail(`Two images have the id ${told(id)}: ${told(fileOfId.get(id))} and ${told(name)}.`);
    }
    fileOfId.set(id, name);
  }

  const boxesOf = new Map<unknown, AnnotatedBox[]>();
  const unreadable = new Set<unknown>();
  list('annotations').forEach((entry, i) => {
    const where = `annotation ${isRecord(entry) && isId(entry['id']) ? entry['id'] : `at index ${i}`}`;
    const image = isRecord(entry) ? entry['image_id'] : undefined;
    const box = isRecord(entry) ? entry['bbox'] : undefined;
    if (
      !isRecord(entry) ||
      !Array.isArray(box) ||
      box.length !== 4 ||
      !box.every((value) => typeof value === 'number')
    ) {
      unreadable.add(image);
      log.add('annotation', file, `${where}: expected a 'bbox' of four numbers`, 'box left out');
      return;
    }
    if (!fileOfId.has(image)) {
      log.add('annotation', file, `${where}: there is no image with the id ${told(image)}`, 'box left out');
      return;
    }
    const [x, y, width, height] = box as [number, number, number, number];
    const boxes = boxesOf.get(image) ?? [];
    boxesOf.set(image, boxes);
    boxes.push({
      name: nameOf.get(entry['category_id'] as number) ?? `category ${told(entry['category_id'])}`,
      box: [y, x, y + height, x + width],
      difficult: entry['iscrowd'] === 1,
      segmentation: entry['segmentation'],
      area: entry['area'],
    });
  });

  const annotations = new Map<string, Annotation & { boxes: AnnotatedBox[] }>();
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
    const name = entry['file_name'];
    // A picture that is not there is told when it is read, by the name that it has here.
    const path = tree.imageNamed(name, part.images) ?? joinPath(part.images, name);
    const boxes = boxesOf.get(entry['id']) ?? [];
    const before = annotations.get(path);
    if (before !== undefined)
      log.add('duplicate', file, `${name} is listed twice`, 'its boxes are put together');
    const all = before?.boxes ?? [];
    for (const box of boxes) all.push(box);
    annotations.set(path, {
      source: path,
      file: path,
      size: [entry['height'], entry['width']],
      boxes: all,
      incomplete: (before?.incomplete ?? false) || unreadable.has(entry['id']),
    });
  });

  // A category may be there only to hold the others: the classes are those that occur, by their ids.
  const occurring = new Set([...annotations.values()].flatMap(({ boxes }) => boxes.map(({ name }) => name)));
  const names = [...categories]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ name }) => name)
    .filter((name) => occurring.has(name));
  return { annotations: [...annotations.values()], names: [...new Set(names)] };
}

export const coco: Format = { name: 'COCO', find, read };
