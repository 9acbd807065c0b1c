export { SeparableASPP, type SeparableASPPOptions } from './aspp.ts';
export { Decoder, type DecoderOptions } from './decoder.ts';
export {
  DeepLabV3plus,
  type DeepLabV3plusOptions,
  DeepLabV3plusXception65,
  type DeepLabV3plusXception65Options,
  type PretrainedDeepLabV3plusOptions,
} from './deeplab-v3-plus.ts';
export { Xception65, type Xception65Options, XceptionBlock, type XceptionBlockOptions } from './xception.ts';
