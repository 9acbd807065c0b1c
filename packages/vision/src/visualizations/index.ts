export {
  camvidLabelNames,
  cityscapesLabelNames,
  openImagesLabelNames,
  vocBboxLabelNames,
  vocSemanticSegmentationLabelNames,
} from '@chaingrad/weights';
export type { CanvasContext, PixelContext } from './canvas.ts';
export { camvidLabelColors, cityscapesLabelColors, type Rgb, vocColormap } from './colormap.ts';
export { type ShownImage, showImage } from './show-image.ts';
export { type VisBboxOptions, visBbox } from './vis-bbox.ts';
export { visImage } from './vis-image.ts';
export {
  type VisInstanceSegmentationOptions,
  visInstanceSegmentation,
} from './vis-instance-segmentation.ts';
export {
  type LegendEntry,
  type VisSemanticSegmentationOptions,
  visSemanticSegmentation,
} from './vis-semantic-segmentation.ts';
