export type { CanvasContext } from './canvas.ts';
export { type Rgb, vocColormap } from './colormap.ts';
export { type VisBboxOptions, visBbox } from './vis-bbox.ts';
export { visImage } from './vis-image.ts';
export { vocBboxLabelNames } from './voc-label-names.ts';
