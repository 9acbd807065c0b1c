import { checkOptions } from '@chaingrad/core';
import {
  type DetectionDataset,
  type DetectionDatasetOptions,
  detectionDatasetKinds,
} from './detection-dataset.ts';
import type { DatasetSource } from './files.ts';
import { openLabelledFolder } from './labelled-folder.ts';

export interface CocoDatasetOptions extends DetectionDatasetOptions {
  /** Path of the JSON file, from the folder. */
  readonly annotations: string;
  /** Folder of the images, from the folder; `file_name`s start there. Default 'images'. */
  readonly images?: string;
}

/**
 * Opens a detection dataset in COCO's format: one JSON file with `images`, `annotations` and `categories`.
 *
 * Boxes are [x, y, width, height] there and (yMin, xMin, yMax, xMax) here. A crowd counts as difficult. Without
 * `labelNames` the classes are the categories that occur, by their ids. Chainer counterpart:
 * `chainercv.datasets.COCOBboxDataset`.
 *
 * @param source the folder: a path in Node, or `memoryFiles`.
 * @throws VisionOptionError when the JSON file cannot be read, or gives two images one id; DatasetError for an entry that is
 *   refused.
 */
export async function openCocoDataset(
  source: DatasetSource,
  options: CocoDatasetOptions,
): Promise<DetectionDataset> {
  const {
    annotations,
    images = 'images',
    ...rest
  } = checkOptions('openCocoDataset', options, {
    ...detectionDatasetKinds,
    annotations: 'string',
    images: 'string',
  });
  return openLabelledFolder(source, [{ format: 'COCO', name: '', annotations, images }], rest);
}
