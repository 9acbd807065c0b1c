export {
  calcDetectionVocAp,
  calcDetectionVocPrecRec,
  type DetectionPrecRec,
  type DetectionVocResult,
  type EvalDetectionVocOptions,
  evalDetectionVoc,
} from './eval-detection-voc.ts';
