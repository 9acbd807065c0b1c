export { bboxIou } from './bbox/bbox-iou.ts';
export type { Detections, NumberList } from './bbox/detections.ts';
export { bbox2loc, loc2bbox } from './bbox/loc.ts';
export { type NonMaximumSuppressionOptions, nonMaximumSuppression } from './bbox/non-maximum-suppression.ts';
export { segmToMask } from './mask/segm-to-mask.ts';
export { assertIsBbox } from './testing/assert-is-bbox.ts';
export { assertIsDetectionLink } from './testing/assert-is-detection-link.ts';
export { assertIsImage } from './testing/assert-is-image.ts';
export { generateRandomBbox } from './testing/generate-random-bbox.ts';
