/** Folders of labelled pictures, in and out, by the library's own functions; loaded when the first one comes. */
import {
  type DatasetProblem,
  findLayout,
  type LabelFilesOptions,
  type LayoutPart,
  labelFiles,
  memoryFiles,
  openLabelledFolder,
} from '@chaingrad/vision';
import { strToU8, zipSync } from 'fflate';
import type { PathedFile } from '../dom.ts';
import type { Picture, Project } from './project.ts';
import { split } from './project.ts';
import type { ToAdd } from './workspace.ts';

export interface ReadFolder {
  /** For people: 'Pascal VOC in Annotations/, 12 images in JPEGImages/'. */
  readonly description: string;
  readonly names: readonly string[];
  readonly pictures: readonly ToAdd[];
  /** One line each, as the command tells them. */
  readonly problems: readonly string[];
}

const shown = ({ file, message, skipped }: DatasetProblem): string =>
  `${file}: ${message}${skipped === undefined ? '' : `; ${skipped}`}`;

/**
 * Pictures with their boxes: Pascal VOC, COCO, YOLO, LabelMe, CreateML.
 * @throws FolderLayoutError where there are no labels that are known.
 */
export async function readFolder(entries: readonly PathedFile[]): Promise<ReadFolder> {
  const [first = ''] = entries.map(([path]) => path.split('/')[0]);
  const inOne = entries.every(([path]) => path.startsWith(`${first}/`));
  const files = new Map(entries.map(([path, file]) => [inOne ? path.slice(first.length + 1) : path, file]));
  const source = memoryFiles(files, inOne ? first : 'these files');
  const { parts, description, notes } = await findLayout(source);
  const whole = await openLabelledFolder(source, parts, { onProblem: 'skip', keepEmpty: true });
  const { labelNames } = whole;
  const pictures: ToAdd[] = [];
  const seen = new Set<string>();
  // Lists may overlap: a picture that is held out anywhere is not learnt from.
  const { held, learnt } = listsOf(parts.map(({ name }) => name));
  const used = parts.filter(({ name }) => held.includes(name) || learnt === null || learnt.includes(name));
  const isTest = ({ name }: LayoutPart) => held.includes(name);
  const order = [...used].sort((a, b) => Number(isTest(b)) - Number(isTest(a)));
  for (const part of order) {
    const { records } = await openLabelledFolder(source, [part], {
      onProblem: 'skip',
      keepEmpty: true,
      labelNames,
    });
    for (const { file, bbox, label, size } of records) {
      const content = files.get(file);
      if (content === undefined || seen.has(file)) continue;
      seen.add(file);
      const [height, width] = size;
      const boxes = Array.from(label, (class_, i) => {
        const [top, left, bottom, right] = bbox.subarray(4 * i, 4 * i + 4);
        return {
          label: class_,
          box: [top! / height, left! / width, bottom! / height, right! / width] as const,
        };
      });
      const told: Picture['part'] = isTest(part) ? 'test' : part.name === '' ? 'auto' : 'train';
      pictures.push({ file: content, boxes, part: told });
    }
  }
  return { description, names: labelNames, pictures, problems: [...notes, ...whole.problems.map(shown)] };
}

/**
 * Which parts are held out, and which are learnt from, in the order of the command; null: all others. Beside trainval, which holds
 * train and val, only test is held out.
 */
function listsOf(names: readonly string[]): { held: readonly string[]; learnt: readonly string[] | null } {
  return names.includes('trainval') && names.includes('test')
    ? { held: ['test'], learnt: ['trainval'] }
    : { held: ['test', 'val'], learnt: null };
}

/** The labelled pictures as a zip file of a folder. */
export async function writeFolder(
  project: Project,
  format: LabelFilesOptions['format'],
  contentOf: (picture: Picture) => Promise<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { train, test } = split(project);
  const pictures = [...train, ...test];
  const { files, images } = labelFiles(
    pictures.map(({ name, width, height, boxes }, i) => ({
      file: name.replace(/[^\p{L}\p{N}._-]+/gu, '_'),
      size: [height, width],
      bbox: boxes.flatMap(({ box }) => [...box]),
      label: boxes.map(({ label }) => label),
      part: i < train.length ? 'train' : 'test',
    })),
    { format, labelNames: project.names },
  );
  const out: Record<string, Uint8Array> = {};
  for (const [path, text] of files) out[path] = strToU8(text);
  for (const [i, path] of images.entries()) out[path] = await contentOf(pictures[i]!);
  return zipSync(out, { level: 0 }) as Uint8Array<ArrayBuffer>;
}
