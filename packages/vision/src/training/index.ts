export { type DetectorAbout, describedDetector, readDetectorAbout } from './detector-file.ts';
export { type SSDAugmentOptions, ssdAugment } from './ssd-augment.ts';
export { ssdBatch } from './ssd-batch.ts';
export { type SSDTrainExample, type SSDTransformOptions, ssdTransform } from './ssd-transform.ts';
