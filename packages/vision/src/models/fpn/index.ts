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
export { FasterRCNNFPNTrainChain, type FasterRCNNFPNTrainOptions } from './faster-rcnn-fpn-train-chain.ts';
export { FPN, type FPNBase } from './fpn.ts';
export { BboxHead, MaskHead } from './heads.ts';
export {
  bboxHeadLossPost,
  bboxHeadLossPre,
  type MaskTargets,
  maskHeadLossPost,
  maskHeadLossPre,
  type RegionLosses,
  type RegionTargets,
  rpnLoss,
} from './losses.ts';
export type { Levels } from './regions.ts';
export { RPN } from './rpn.ts';
