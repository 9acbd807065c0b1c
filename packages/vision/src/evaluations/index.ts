export { type ClassificationResult, evalClassification } from './eval-classification.ts';
export {
  type ClassValues,
  type DetectionCocoResult,
  type EvalDetectionCocoOptions,
  evalDetectionCoco,
} from './eval-detection-coco.ts';
export {
  calcDetectionVocAp,
  calcDetectionVocPrecRec,
  type DetectionPrecRec,
  type DetectionVocResult,
  type EvalDetectionVocOptions,
  evalDetectionVoc,
} from './eval-detection-voc.ts';
