export { ExpandedConv2D, type ExpandedConv2DOptions } from './expanded-conv-2d.ts';
export {
  MobileNetV2,
  type MobileNetV2Arch,
  type MobileNetV2Options,
  type PretrainedMobileNetV2Options,
} from './mobilenet-v2.ts';
export { TFConv2DBNActiv, TFConvolution2D } from './tf-convolution-2d.ts';
