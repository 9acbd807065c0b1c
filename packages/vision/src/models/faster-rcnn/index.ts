export { type AnchorBaseOptions, generateAnchorBase } from './anchors.ts';
export {
  FasterRCNN,
  type FasterRCNNExtractor,
  type FasterRCNNHead,
  type FasterRCNNOptions,
} from './faster-rcnn.ts';
export { FasterRCNNTrainChain, type FasterRCNNTrainOptions } from './faster-rcnn-train-chain.ts';
export {
  FasterRCNNVGG16,
  type FasterRCNNVGG16Options,
  type PretrainedFasterRCNNVGG16Options,
  VGG16RoIHead,
  type VGG16RoIHeadOptions,
} from './faster-rcnn-vgg16.ts';
export type { PooledHead } from './onnx-graph.ts';
export { ProposalCreator, type ProposalCreatorOptions } from './proposal-creator.ts';
export {
  type Proposals,
  RegionProposalNetwork,
  type RegionProposalNetworkOptions,
  type Regions,
} from './region-proposal-network.ts';
export {
  AnchorTargetCreator,
  type AnchorTargetCreatorOptions,
  type LocStatistics,
  ProposalTargetCreator,
  type ProposalTargetCreatorOptions,
  type ProposalTargets,
} from './target-creators.ts';
