export * from './centernet/index.ts';
export * from './deeplab/index.ts';
export type { DetectionLink, Predictions, PredictOptions, Suppression } from './detection-link.ts';
export {
  type DetectionPreset,
  type DetectionPresets,
  type DetectionSettings,
  Detector,
  type Thresholds,
} from './detector.ts';
export * from './faster-rcnn/index.ts';
export {
  type Crop,
  type Extractor,
  type FeatureArray,
  FeaturePredictor,
  type FeaturePredictorOptions,
} from './feature-predictor.ts';
export * from './fpn/index.ts';
export * from './mobilenet/index.ts';
export * from './mobilenet-v2/index.ts';
export * from './onnx/index.ts';
export {
  PixelwiseSoftmaxClassifier,
  type PixelwiseSoftmaxClassifierOptions,
} from './pixelwise-softmax-classifier.ts';
export * from './resnet/index.ts';
export type { SegmentationLink } from './segmentation-link.ts';
export * from './segnet/index.ts';
export * from './senet/index.ts';
export * from './ssd/index.ts';
export { type PretrainedVGG16Options, VGG16, type VGG16Options } from './vgg16.ts';
export * from './yolo/index.ts';
