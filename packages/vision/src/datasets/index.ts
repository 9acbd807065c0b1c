export { type ImageHeader, imageHeader } from '../image/image-header.ts';
export { type CocoDatasetOptions, openCocoDataset } from './coco-dataset.ts';
export {
  type CocoInstanceDatasetOptions,
  type CocoInstanceExample,
  CocoInstanceSegmentationDataset,
  openCocoInstanceSegmentationDataset,
} from './coco-instance-dataset.ts';
export { CubDataset, type CubDatasetOptions, type CubExample, openCubDataset } from './cub-dataset.ts';
export {
  DetectionDataset,
  type DetectionDatasetOptions,
  type DetectionExample,
  type PreloadOptions,
} from './detection-dataset.ts';
export type { DetectionRecord } from './detection-record.ts';
export {
  fashionMnistFolder,
  fashionMnistLabelNames,
  type MnistDataset,
  openFashionMnist,
} from './fashion-mnist.ts';
export { type DatasetFiles, type DatasetSource, diskFiles, memoryFiles } from './files.ts';
export {
  FolderDataset,
  type FolderDatasetOptions,
  type LabelExample,
  openFolderDataset,
} from './folder-dataset.ts';
export type { DatasetOptions, DecodeImage } from './image-dataset.ts';
export {
  type LabelFiles,
  type LabelFilesOptions,
  type LabelledImage,
  labelFiles,
} from './label-files.ts';
export { findCocoPart, openLabelledFolder } from './labelled-folder.ts';
export {
  type DetectionLayout,
  type FindLayoutOptions,
  FolderLayoutError,
  findLayout,
} from './layout/find-layout.ts';
export { type LabelFormat, type LayoutPart, partNameOf } from './layout/layout-part.ts';
export { MixUpDataset, type MixUpExample, type MixUpOptions, mixUp } from './mixup.ts';
export {
  DatasetError,
  type DatasetProblem,
  type DatasetProblemKind,
  describeProblems,
  type ProblemPolicy,
} from './problems.ts';
export {
  type Ade20kOptions,
  type CityscapesOptions,
  type InstanceExample,
  InstanceSegmentationDataset,
  type LabelOfColor,
  openAde20kDataset,
  openCityscapesDataset,
  openSegmentationFolder,
  openVocInstanceSegmentationDataset,
  openVocSegmentationDataset,
  SegmentationDataset,
  type SegmentationExample,
  type SegmentationFolderOptions,
  type VocSegmentationOptions,
} from './segmentation-dataset.ts';
export { SiameseDataset, type SiameseOptions } from './siamese-dataset.ts';
export { openVocDataset, type VocDatasetOptions } from './voc-dataset.ts';
