export { bboxIou } from './bbox/bbox-iou.ts';
export type { Detections, NumberList } from './bbox/detections.ts';
export { bbox2loc, loc2bbox } from './bbox/loc.ts';
export { type NonMaximumSuppressionOptions, nonMaximumSuppression } from './bbox/non-maximum-suppression.ts';
export {
  type SoftlySuppressed,
  type SoftNonMaximumSuppressionOptions,
  softNonMaximumSuppression,
} from './bbox/soft-non-maximum-suppression.ts';
export { type TileImagesOptions, tileImages } from './image/tile-images.ts';
export {
  type AppliedBatch,
  type ApplyHook,
  type ApplyToIteratorOptions,
  applyToIterator,
  type RestOf,
} from './iterator/apply-to-iterator.ts';
export { ProgressHook, type ProgressHookOptions } from './iterator/progress-hook.ts';
export type { LabelMap } from './mask/label-map.ts';
export { maskIou } from './mask/mask-iou.ts';
export { maskToBbox } from './mask/mask-to-bbox.ts';
export { maskToSegm } from './mask/mask-to-segm.ts';
export type { Masks } from './mask/masks.ts';
export { scaleMask } from './mask/scale-mask.ts';
export { segmToMask } from './mask/segm-to-mask.ts';
export { assertIsBbox } from './testing/assert-is-bbox.ts';
export { assertIsDetectionLink } from './testing/assert-is-detection-link.ts';
export { assertIsImage } from './testing/assert-is-image.ts';
export { generateRandomBbox } from './testing/generate-random-bbox.ts';
