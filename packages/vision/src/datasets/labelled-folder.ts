import { checkOptions } from '@chaingrad/core';
import { imageHeader, isTransposed } from '../image/image-header.ts';
import {
  DetectionDataset,
  type DetectionDatasetOptions,
  detectionDatasetKinds,
} from './detection-dataset.ts';
import {
  type Annotation,
  checkedRecord,
  type DetectionRecord,
  labelsOf,
  namesOf,
} from './detection-record.ts';
import { type DatasetFiles, type DatasetSource, openFiles } from './files.ts';
import { cocoPartOf } from './formats/coco.ts';
import type { ReadContext } from './formats/format.ts';
import { formats } from './formats/index.ts';
import { type DecodeImage, decoderOf } from './image-dataset.ts';
import type { LayoutPart } from './layout/layout-part.ts';
import { Tree } from './layout/tree.ts';
import { joinPath } from './paths.ts';
import { ProblemLog } from './problems.ts';

/**
 * Opens parts of a folder of labelled pictures, as `findLayout` finds them.
 *
 * Without `labelNames` the classes are those that occur: in the order that the format has for them, else of the alphabet.
 *
 * ```ts
 * const { parts, description } = await findLayout('raccoons');
 * const dataset = await openLabelledFolder('raccoons', parts, { decode, onProblem: 'skip', keepEmpty: true });
 * ```
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError where the annotations as a whole cannot be read; DatasetError for a file that is refused.
 */
export async function openLabelledFolder(
  source: DatasetSource,
  parts: readonly LayoutPart[],
  options: DetectionDatasetOptions = {},
): Promise<DetectionDataset> {
  const {
    labelNames = 'auto',
    keepEmpty = false,
    onProblem = 'refuse',
  } = checkOptions('openLabelledFolder', options, detectionDatasetKinds);
  const decode = decoderOf(options);
  const files = openFiles(source);
  const log = new ProblemLog(files.name, onProblem);
  const tree = await Tree.read(
    files,
    parts.map(({ images }) => images),
  );
  const context: ReadContext = { files, tree, log, sizeOf: (file) => sizeOf(file, files, log, decode) };
  const annotations: Annotation[] = [];
  const orders: (readonly string[] | undefined)[] = [];
  for (const part of parts) {
    const read = await formats.find(({ name }) => name === part.format)!.read(part, context);
    for (const annotation of read.annotations) annotations.push(annotation);
    orders.push(read.names);
  }
  const names = labelNames === 'auto' ? namesInOrder(annotations, orders) : labelNames;
  const labels = labelsOf(names);
  const records = annotations
    // Conventions differ by a pixel, and fractions are rounded: that far over the border is no problem.
    .map((annotation) => checkedRecord(annotation, labels, keepEmpty, log, 1))
    .filter((record): record is DetectionRecord => record !== null);
  return new DetectionDataset(files, records, names, log, decode);
}

/** A JSON file of COCO in a folder, which the caller names. */
export async function findCocoPart(
  source: DatasetSource,
  annotations: string,
  options: { readonly images?: string | undefined } = {},
): Promise<LayoutPart> {
  const { images } = checkOptions('findCocoPart', options, { images: 'string' });
  const files = openFiles(source);
  const folder = images === undefined ? undefined : joinPath(images);
  const tree = await Tree.read(files, folder === undefined ? [] : [folder]);
  return cocoPartOf(annotations, { files, tree, images: folder });
}

function namesInOrder(
  annotations: readonly Annotation[],
  orders: readonly (readonly string[] | undefined)[],
): readonly string[] {
  if (orders.some((names) => names === undefined)) return namesOf(annotations);
  return [...new Set(orders.flatMap((names) => names!))];
}

/** From the header where it is known, else from the pixels: as a viewer shows it. */
async function sizeOf(
  file: string,
  files: DatasetFiles,
  log: ProblemLog,
  decode: DecodeImage,
): Promise<readonly [height: number, width: number] | null> {
  try {
    const bytes = await files.read(file);
    const header = imageHeader(bytes);
    if (header === null) {
      const [height, width] = (await decode(bytes, file)).shape;
      return [height, width];
    }
    const [height, width] = header.size;
    return isTransposed(header.orientation) ? [width, height] : [height, width];
  } catch (error) {
    const message = (error as Error).message.replace(`${file}: `, '');
    log.add('image', file, `its size cannot be read: ${message}`, 'left out');
    return null;
  }
}
