export { type ResizeBackend, type ResizeOptions, resize } from './image/resize.ts';
export {
  type ResizeContainOptions,
  type ResizeContainParam,
  resizeContain,
} from './image/resize-contain.ts';
export type { Interpolation } from './image/resize-taps.ts';
export { type ScaleOptions, scale } from './image/scale.ts';
