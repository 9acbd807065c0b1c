export {
  DetectionVOCEvaluator,
  type DetectionVOCEvaluatorOptions,
  type PredictingLink,
} from './detection-voc-evaluator.ts';
