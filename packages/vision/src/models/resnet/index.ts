export { BasicBlock, type BasicBlockOptions } from './basic-block.ts';
export type { BlockOptions, BottleneckOptions } from './block-options.ts';
export { Bottleneck } from './bottleneck.ts';
export { BasicResBlock, ResBlock } from './res-block.ts';
export type { ResidualNetOptions } from './residual-net.ts';
export {
  type PretrainedResNetOptions,
  ResNet18,
  ResNet34,
  ResNet50,
  ResNet101,
  ResNet152,
  type ResNetArch,
  type ResNetOptions,
} from './resnet.ts';
