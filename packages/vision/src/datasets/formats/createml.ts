/** CreateML: a JSON list of pictures, each with its objects: centre and size in pixels. */
import type { AnnotatedBox, Annotation } from '../detection-record.ts';
import { whyUnreadable } from '../files.ts';
import { type LayoutPart, partOfPath } from '../layout/layout-part.ts';
import { folderOf, joinPath } from '../paths.ts';
import type { FindContext, Format, ReadContext, ReadPart } from './format.ts';
import { isNumber, isRecord, type Json, jsonFiles, readJson } from './json.ts';

const nameOf = (entry: Json): unknown => entry['image'] ?? entry['imagefilename'] ?? entry['filename'];

const isCreateMl = (value: unknown): value is Json[] =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every(isRecord) &&
  typeof nameOf(value[0]!) === 'string' &&
  Array.isArray(value[0]!['annotations']);

async function find({ files, tree, images, note }: FindContext): Promise<LayoutPart[]> {
  const parts: LayoutPart[] = [];
  for (const folder of tree.folders) {
    for await (const { path, value } of jsonFiles(files, folder)) {
      if (!isCreateMl(value)) continue;
      const names = value.map(nameOf).filter((name): name is string => typeof name === 'string');
      const base = images ?? tree.folderOfNames(names, folderOf(path))?.folder;
      if (base === undefined) note(path, 'CreateML, but none of the pictures that it names is there');
      else parts.push({ format: 'CreateML', name: partOfPath(path, base), annotations: path, images: base });
    }
  }
  return parts;
}

async function read(part: LayoutPart, { files, tree, log, sizeOf }: ReadContext): Promise<ReadPart> {
  const source = part.annotations;
  let json: unknown;
  try {
    json = await readJson(files, source);
    if (!isCreateMl(json)) throw new SyntaxError("it is no list of pictures with 'annotations'");
  } catch (error) {
    log.add('annotation', source, `cannot be read: ${whyUnreadable(error)}`, 'left out');
    return { annotations: [] };
  }
  const annotations: Annotation[] = [];
  for (const [i, entry] of (json as Json[]).entries()) {
    const name = nameOf(entry);
    const objects = entry['annotations'];
    if (typeof name !== 'string' || !Array.isArray(objects)) {
      log.add(
        'annotation',
        source,
        `entry ${i + 1}: expected 'image' and a list 'annotations'`,
        'image left out',
      );
      continue;
    }
    const file = tree.imageNamed(name, part.images);
    if (file === null) {
      log.add('image', joinPath(part.images, name), 'there is no such image', 'left out');
      continue;
    }
    const size = await sizeOf(file);
    if (size === null) continue;
    const boxes: AnnotatedBox[] = [];
    objects.forEach((object, k) => {
      const box = readObject(object);
      if (box !== null) boxes.push(box);
      else {
        const expected = 'expected a label and coordinates x, y, width, height';
        log.add('annotation', source, `${name}: object ${k + 1}: ${expected}`, 'box left out');
      }
    });
    annotations.push({ source: file, file, size, boxes, incomplete: boxes.length < objects.length });
  }
  return { annotations };
}

function readObject(object: unknown): AnnotatedBox | null {
  if (!isRecord(object) || typeof object['label'] !== 'string' || !isRecord(object['coordinates']))
    return null;
  const { x, y, width, height } = object['coordinates'];
  if (!isNumber(x) || !isNumber(y) || !isNumber(width) || !isNumber(height)) return null;
  return {
    name: object['label'],
    box: [y - height / 2, x - width / 2, y + height / 2, x + width / 2],
    difficult: false,
  };
}

export const createMl: Format = { name: 'CreateML', find, read };
