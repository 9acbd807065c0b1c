export {
  DetectionVOCEvaluator,
  type DetectionVOCEvaluatorOptions,
  type PredictingLink,
} from './detection-voc-evaluator.ts';
export { RateSchedule, type RateScheduleOptions } from './rate-schedule.ts';
