export {
  type BboxConstraintsOptions,
  type BboxConstraintsParam,
  type IouConstraint,
  randomCropWithBboxConstraints,
} from './augmentation/random-crop-with-bbox-constraints.ts';
export { type RandomDistortOptions, randomDistort } from './augmentation/random-distort.ts';
export { resizeWithRandomInterpolation } from './augmentation/resize-with-random-interpolation.ts';
export { type SSDAugmentOptions, ssdAugment } from './augmentation/ssd-augment.ts';
export { BackboneExtractor, type BackboneExtractorOptions } from './backbone-extractor.ts';
export { balancedWeights } from './balanced-weights.ts';
export { defaultBbox, type MultiboxGrid } from './default-bbox.ts';
export type { SSDExtractor } from './extractor.ts';
export { type CellBoxes, Multibox, type MultiboxOptions } from './multibox.ts';
export {
  MultiboxCoder,
  type MultiboxCoderOptions,
  type MultiboxDecodeOptions,
  type MultiboxTarget,
  type ScoreFunction,
} from './multibox-coder.ts';
export { multiboxLoss } from './multibox-loss.ts';
export { MultiboxTrainChain, type MultiboxTrainOptions } from './multibox-train-chain.ts';
export {
  type InputPreparation,
  SSD,
  type SSDBoxes,
  type SSDOptions,
  type SSDPredictOptions,
} from './ssd.ts';
export { ssdBatch } from './ssd-batch.ts';
export {
  type PretrainedSSDResNetOptions,
  SSDResNet18,
  SSDResNet50,
  type SSDResNetOptions,
} from './ssd-resnet.ts';
export {
  type SSDPicturing,
  type SSDTrainExample,
  type SSDTransformOptions,
  ssdPicture,
  ssdTargets,
  ssdTransform,
} from './ssd-transform.ts';
export { type PretrainedSSDOptions, SSD300, SSD512, type SSDVGG16Options } from './ssd-vgg16.ts';
export { tileShare } from './tiles.ts';
export { ssdUpdateHooks } from './update-hooks.ts';
export { VGG16Extractor, VGG16Extractor300, VGG16Extractor512 } from './vgg16-extractor.ts';
export { type WarmStart, type WarmStartOptions, warmStartHeads } from './warm-start-heads.ts';
