export { openImagesLabelNames, vocBboxLabelNames } from '@chaingrad/weights';
export type { CanvasContext } from './canvas.ts';
export { type Rgb, vocColormap } from './colormap.ts';
export { type VisBboxOptions, visBbox } from './vis-bbox.ts';
export { visImage } from './vis-image.ts';
