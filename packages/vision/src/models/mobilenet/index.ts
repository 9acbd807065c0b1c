export { MobileNetV1Extractor512 } from './extractor-v1.ts';
export { MobileNetV2Extractor } from './extractor-v2.ts';
export { SSDMobileNetV1Face } from './ssd-mobilenet-v1-face.ts';
export {
  type PretrainedSSDMobileNetV2Options,
  SSDMobileNetV2,
  type SSDMobileNetV2Options,
} from './ssd-mobilenet-v2.ts';
