/** Which layout a folder of labelled pictures has, found by looking. */
import { checkOptions } from '@chaingrad/core';
import { VisionError } from '../../errors.ts';
import { type DatasetSource, openFiles } from '../files.ts';
import type { FindContext } from '../formats/format.ts';
import { formats } from '../formats/index.ts';
import { joinPath } from '../paths.ts';
import type { LayoutPart } from './layout-part.ts';
import { lookAlikes } from './look-alikes.ts';
import { Tree } from './tree.ts';

/** What a folder of labelled pictures consists of. */
export interface DetectionLayout {
  readonly parts: readonly LayoutPart[];
  /** For people, e.g. 'Pascal VOC in annots/, 164 images in images/'. */
  readonly description: string;
  /** What looks like labels and is not used, and why. */
  readonly notes: readonly string[];
}

export interface FindLayoutOptions {
  /** Folder of the pictures, from the folder, where it cannot be told from the names. */
  readonly images?: string | undefined;
}

/** A folder has none of the layouts that are known. `notes`: what looks alike. */
export class FolderLayoutError extends VisionError {
  constructor(
    readonly folder: string,
    readonly notes: readonly string[],
  ) {
    const seen = notes.length === 0 ? 'no pictures and no labels' : notes.join('; ');
    super(
      `${folder}: expected pictures with labels of Pascal VOC (Annotations and JPEGImages, or XML files beside the pictures), ` +
        `COCO, YOLO, LabelMe or CreateML, got ${seen}.`,
    );
  }
}

/**
 * Looks for labelled pictures in a folder and in those below it: Pascal VOC's XML files, COCO's JSON, YOLO's text files, the
 * JSON of LabelMe and of CreateML. Of several formats the first is taken, and the others are among the notes.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws FolderLayoutError where there are none.
 */
export async function findLayout(
  source: DatasetSource,
  options: FindLayoutOptions = {},
): Promise<DetectionLayout> {
  const { images } = checkOptions('findLayout', options, { images: 'string' });
  const files = openFiles(source);
  const folder = images === undefined ? undefined : joinPath(images);
  const tree = await Tree.read(files, folder === undefined ? [] : [folder]);
  const notes: string[] = [];
  const context: FindContext = {
    files,
    tree,
    images: folder,
    note: (path, what) => notes.push(`${path === '' ? 'in the folder itself' : path}: ${what}`),
  };
  if (folder !== undefined && tree.folder(folder)!.images.length === 0) {
    throw new FolderLayoutError(files.name, [`no pictures in ${folder}`]);
  }
  const found: LayoutPart[][] = [];
  for (const format of formats) {
    const parts = await format.find(context);
    if (parts.length > 0) found.push(parts);
  }
  const [parts, ...others] = found;
  if (parts === undefined)
    throw new FolderLayoutError(files.name, [...notes, ...(await lookAlikes(files, tree))]);
  for (const [part] of others)
    notes.push(`${part!.format} in ${shown(part!.annotations)} is there too, and not read`);
  return { parts, description: describe(parts, tree), notes };
}

const shown = (path: string): string => {
  if (path === '') return 'the folder itself';
  return path.endsWith('.json') ? path : `${path}/`;
};

/** A line: the format, then each place of labels with its pictures. */
function describe(parts: readonly LayoutPart[], tree: Tree): string {
  const places = new Map<string, string>();
  for (const { annotations, images } of parts) {
    const count = tree.folder(images)?.images.length ?? 0;
    const pictures = `${count === 1 ? '1 image' : `${count} images`}`;
    const where = images === annotations ? 'beside them' : `in ${shown(images)}`;
    places.set(`${annotations}\n${images}`, `${shown(annotations)}, ${pictures} ${where}`);
  }
  const lists = parts.filter(({ list }) => list !== undefined).map(({ name }) => name);
  const last = lists.length === 0 ? '' : `; lists ${[...new Set(lists)].join(', ')}`;
  return `${parts[0]!.format} in ${[...places.values()].join('; ')}${last}`;
}
