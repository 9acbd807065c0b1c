export { bboxIou } from './bbox/bbox-iou.ts';
export type { Detections, NumberList } from './bbox/detections.ts';
export { type NonMaximumSuppressionOptions, nonMaximumSuppression } from './bbox/non-maximum-suppression.ts';
