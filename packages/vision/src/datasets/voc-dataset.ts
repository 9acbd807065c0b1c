import { checkOptions } from '@chaingrad/core';
import {
  type DetectionDataset,
  type DetectionDatasetOptions,
  detectionDatasetKinds,
} from './detection-dataset.ts';
import type { DatasetSource } from './files.ts';
import { openLabelledFolder } from './labelled-folder.ts';

export interface VocDatasetOptions extends DetectionDatasetOptions {
  /** The list of images: `ImageSets/Main/<split>.txt`. Default 'trainval'; null takes every file of `Annotations`. */
  readonly split?: string | null;
}

/**
 * Opens a folder in the layout of Pascal VOC: `Annotations/*.xml`, `JPEGImages`, `ImageSets/Main/<split>.txt`.
 *
 * As in ChainerCV one is subtracted from every coordinate, because VOC counts pixels from 1; a box that reaches over the
 * border by that one pixel is cut without a word. Folders with other names: `findLayout` and `openLabelledFolder`.
 * Chainer counterpart: `chainercv.datasets.VOCBboxDataset`.
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
  options: VocDatasetOptions = {},
): Promise<DetectionDataset> {
  const { split = 'trainval', ...rest } = checkOptions('openVocDataset', options, {
    ...detectionDatasetKinds,
    split: 'string | null',
  });
  const part = {
    format: 'Pascal VOC',
    name: split ?? '',
    annotations: 'Annotations',
    images: 'JPEGImages',
    ...(split === null ? {} : { list: `ImageSets/Main/${split}.txt` }),
  } as const;
  return openLabelledFolder(source, [part], rest);
}
