export type { ClassValues, CocoResult } from './coco.ts';
export { type ClassificationResult, evalClassification } from './eval-classification.ts';
export { type EvalDetectionCocoOptions, evalDetectionCoco } from './eval-detection-coco.ts';
export {
  calcDetectionVocAp,
  calcDetectionVocPrecRec,
  type DetectionPrecRec,
  type DetectionVocResult,
  type EvalDetectionVocOptions,
  evalDetectionVoc,
} from './eval-detection-voc.ts';
export { evalInstanceSegmentationCoco } from './eval-instance-segmentation-coco.ts';
export {
  calcInstanceSegmentationVocPrecRec,
  evalInstanceSegmentationVoc,
} from './eval-instance-segmentation-voc.ts';
export {
  calcSemanticSegmentationConfusion,
  calcSemanticSegmentationIou,
  evalSemanticSegmentation,
  type SemanticSegmentationConfusion,
  type SemanticSegmentationResult,
} from './eval-semantic-segmentation.ts';
