export { type CropBboxOptions, type CroppedBbox, cropBbox } from './bbox/crop-bbox.ts';
export { flipBbox } from './bbox/flip-bbox.ts';
export { resizeBbox } from './bbox/resize-bbox.ts';
export { rotateBbox } from './bbox/rotate-bbox.ts';
export { type Translation, translateBbox } from './bbox/translate-bbox.ts';
export { centerCrop, centerCropParam } from './image/center-crop.ts';
export { type CropParam, crop, type Slice } from './image/crop.ts';
export { type FlipParam, flip } from './image/flip.ts';
export type { Fill } from './image/paste.ts';
export { type PcaLightingOptions, pcaLighting } from './image/pca-lighting.ts';
export { randomCrop } from './image/random-crop.ts';
export { type RandomExpandOptions, type RandomExpandParam, randomExpand } from './image/random-expand.ts';
export { type RandomFlipOptions, randomFlip } from './image/random-flip.ts';
export { randomRotate } from './image/random-rotate.ts';
export {
  type RandomSizedCropOptions,
  type RandomSizedCropParam,
  randomSizedCrop,
} from './image/random-sized-crop.ts';
export { type ResizeBackend, type ResizeOptions, resize } from './image/resize.ts';
export {
  type ResizeContainOptions,
  type ResizeContainParam,
  resizeContain,
} from './image/resize-contain.ts';
export type { Interpolation } from './image/resize-taps.ts';
export { type RotateOptions, rotate } from './image/rotate.ts';
export { type ScaleOptions, scale } from './image/scale.ts';
export { shrink } from './image/shrink.ts';
export { tenCrop } from './image/ten-crop.ts';
export { flipPoint, resizePoint, translatePoint } from './point/points.ts';
