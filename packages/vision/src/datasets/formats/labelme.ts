/** LabelMe: a JSON file a picture, with shapes. */
import { type AnnotatedBox, type Annotation, boxAround } from '../detection-record.ts';
import { whyUnreadable } from '../files.ts';
import { type LayoutPart, partOfPath } from '../layout/layout-part.ts';
import { joinPath, stemOf } from '../paths.ts';
import type { FindContext, Format, ReadContext, ReadPart } from './format.ts';
import { isNumber, isRecord, isSize, type Json, jsonFiles, readJson } from './json.ts';

const isLabelMe = (value: unknown): value is Json => isRecord(value) && Array.isArray(value['shapes']);

async function find({ files, tree, images, note }: FindContext): Promise<LayoutPart[]> {
  const parts: LayoutPart[] = [];
  for (const folder of tree.folders) {
    let is = false;
    for await (const { value } of jsonFiles(files, folder)) is ||= isLabelMe(value);
    if (!is) continue;
    const stems = tree.filesWith(folder.path, '.json').map(stemOf);
    const base = images ?? tree.folderOfStems(stems, folder.path)?.folder;
    if (base === undefined) note(folder.path, "LabelMe's JSON files, but no picture has the name of one");
    else
      parts.push({
        format: 'LabelMe',
        name: partOfPath(base, folder.path),
        annotations: folder.path,
        images: base,
      });
  }
  return parts;
}

async function read(part: LayoutPart, { files, tree, log, sizeOf }: ReadContext): Promise<ReadPart> {
  const annotations: Annotation[] = [];
  for (const name of tree.filesWith(part.annotations, '.json')) {
    const source = joinPath(part.annotations, name);
    let json: unknown;
    try {
      json = await readJson(files, source);
      if (!isLabelMe(json)) throw new SyntaxError("it has no list 'shapes'");
    } catch (error) {
      log.add('annotation', source, `cannot be read: ${whyUnreadable(error)}`, 'image left out');
      continue;
    }
    const { imagePath, imageHeight, imageWidth, shapes } = json as Json & { shapes: unknown[] };
    const called = typeof imagePath === 'string' ? joinPath(imagePath) : name;
    const file = tree.imagesOfStem(part.images, stemOf(name))[0] ?? tree.imageNamed(called, part.images);
    if (file === null) {
      log.add('image', source, `is of ${called}, and there is no such image`, 'left out');
      continue;
    }
    const size =
      isSize(imageHeight) && isSize(imageWidth) ? ([imageHeight, imageWidth] as const) : await sizeOf(file);
    if (size === null) continue;
    const boxes: AnnotatedBox[] = [];
    shapes.forEach((shape, i) => {
      const box = readShape(shape);
      if (box !== null) boxes.push(box);
      else
        log.add(
          'annotation',
          source,
          `shape ${i + 1}: expected a label and points around something`,
          'box left out',
        );
    });
    annotations.push({ source, file, size, boxes, incomplete: boxes.length < shapes.length });
  }
  return { annotations };
}

/** The box around a shape; null for a point, a line, or what is no shape. */
function readShape(shape: unknown): AnnotatedBox | null {
  if (!isRecord(shape)) return null;
  const {
    label,
    points,
    shape_type: type = 'polygon',
  } = shape as {
    label?: unknown;
    points?: unknown;
    shape_type?: unknown;
  };
  if (typeof label !== 'string' || label === '' || !Array.isArray(points) || points.length < 2) return null;
  if (['point', 'points', 'line', 'linestrip'].includes(type as string)) return null;
  if (!points.every((point) => Array.isArray(point) && point.length >= 2 && point.every(isNumber)))
    return null;
  const corners = points as [number, number][];
  const difficult = isRecord(shape['flags']) && shape['flags']['difficult'] === true;
  if (type === 'circle') {
    const [[x, y], [edgeX, edgeY]] = corners as [[number, number], [number, number]];
    const radius = Math.hypot(edgeX - x, edgeY - y);
    return { name: label, box: [y - radius, x - radius, y + radius, x + radius], difficult };
  }
  const around = boxAround(
    corners.map(([x]) => x),
    corners.map(([, y]) => y),
  );
  return { name: label, box: around, difficult };
}

export const labelMe: Format = { name: 'LabelMe', find, read };
