export {
  type Crop,
  type Extractor,
  type FeatureArray,
  FeaturePredictor,
  type FeaturePredictorOptions,
} from './feature-predictor.ts';
export * from './mobilenet/index.ts';
export type { PretrainedOptions } from './pretrained.ts';
export type { SSDExtractor } from './ssd/extractor.ts';
export { type CellBoxes, Multibox, type MultiboxOptions } from './ssd/multibox.ts';
export { MultiboxTrainChain, type MultiboxTrainOptions } from './ssd/multibox-train-chain.ts';
export {
  type Predictions,
  type PredictOptions,
  SSD,
  type SSDBoxes,
  type SSDOptions,
  type SSDPreset,
} from './ssd/ssd.ts';
export { type PretrainedSSDOptions, SSD300, SSD512, type SSDVGG16Options } from './ssd/ssd-vgg16.ts';
export { ssdUpdateHooks } from './ssd/update-hooks.ts';
export { VGG16Extractor, VGG16Extractor300, VGG16Extractor512 } from './ssd/vgg16-extractor.ts';
export { type PretrainedVGG16Options, VGG16, type VGG16Options } from './vgg16.ts';
