import type { DetectionDataset, DetectionDatasetOptions } from './detection-dataset.ts';
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
export const openCocoDataset = async (
  source: DatasetSource,
  { annotations, images = 'images', ...options }: CocoDatasetOptions,
): Promise<DetectionDataset> =>
  openLabelledFolder(source, [{ format: 'COCO', name: '', annotations, images }], options);
