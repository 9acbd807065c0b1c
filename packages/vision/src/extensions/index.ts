export { type CocoEvaluatorOptions, DetectionCOCOEvaluator } from './detection-coco-evaluator.ts';
export {
  DetectionVisReport,
  type DetectionVisReportOptions,
  type ShownExample,
} from './detection-vis-report.ts';
export { DetectionVOCEvaluator, type DetectionVOCEvaluatorOptions } from './detection-voc-evaluator.ts';
export {
  InstanceSegmentationCOCOEvaluator,
  type InstanceSegmentationLink,
  InstanceSegmentationVOCEvaluator,
  type InstanceSegmentationVOCEvaluatorOptions,
} from './instance-segmentation-evaluators.ts';
export {
  SemanticSegmentationEvaluator,
  type SemanticSegmentationEvaluatorOptions,
} from './semantic-segmentation-evaluator.ts';
