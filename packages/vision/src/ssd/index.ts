export { defaultBbox, type MultiboxGrid } from './default-bbox.ts';
export {
  MultiboxCoder,
  type MultiboxCoderOptions,
  type MultiboxDecodeOptions,
  type MultiboxTarget,
} from './multibox-coder.ts';
export { multiboxLoss } from './multibox-loss.ts';
export {
  type BboxConstraintsOptions,
  type BboxConstraintsParam,
  type IouConstraint,
  randomCropWithBboxConstraints,
} from './random-crop-with-bbox-constraints.ts';
export { type RandomDistortOptions, randomDistort } from './random-distort.ts';
export { resizeWithRandomInterpolation } from './resize-with-random-interpolation.ts';
