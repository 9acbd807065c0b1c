export { DetectionVOCEvaluator, type DetectionVOCEvaluatorOptions } from './detection-voc-evaluator.ts';
