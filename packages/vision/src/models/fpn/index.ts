export {
  FasterRCNNFPN,
  type FasterRCNNFPNOptions,
  FasterRCNNFPNResNet50,
  FasterRCNNFPNResNet101,
  type InstancePredictions,
  MaskRCNNFPNResNet50,
  MaskRCNNFPNResNet101,
  type PretrainedFasterRCNNFPNOptions,
  type ReturnValue,
} from './faster-rcnn-fpn.ts';
export { FPN, type FPNBase } from './fpn.ts';
export { BboxHead, MaskHead } from './heads.ts';
export type { Levels } from './regions.ts';
export { RPN } from './rpn.ts';
