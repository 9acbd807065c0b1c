import {
  type BatchNormalizationLinkOptions,
  Conv2DBNActiv,
  checkOptions,
  globalAveragePooling2D,
  HeNormal,
  type InitializerLike,
  Linear,
  maxPooling2D,
  Normal,
  type OptionKinds,
  PickableSequentialChain,
  softmax,
} from '@chaingrad/core';
import { pretrained, type Rgb } from '@chaingrad/weights';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { BlockOptions } from './block-options.ts';
import { ResBlock } from './res-block.ts';

/** Mean of the training images, RGB. */
export const IMAGENET_MEAN: Rgb = pretrained.ResNet50.imagenet.mean;

export interface ResidualNetOptions {
  /** Classes. Default 1000. */
  readonly nClass?: number;
  /** Mean pixel (RGB) that predictors subtract. Default ImageNet's. */
  readonly mean?: Rgb;
  /** Initial kernels. Default `HeNormal` by fan_out. */
  readonly initialW?: InitializerLike;
  /** Initial weights of the last layer. Default `Normal(0.01)`. */
  readonly fcInitialW?: InitializerLike;
}

export const residualNetKinds: OptionKinds<ResidualNetOptions> = {
  nClass: 'number',
  mean: 'object',
  initialW: 'any',
  fcInitialW: 'any',
};

/** A stage: so many blocks, the first with the stride. */
export type Stage = (
  nLayer: number,
  index: 0 | 1 | 2 | 3,
  options: Pick<BlockOptions, 'stride' | 'initialW' | 'bn'>,
) => PickableSequentialChain;

/** What the residual networks differ in. */
export interface ResidualNetStructure {
  /** Blocks of each stage. */
  readonly blocks: readonly [number, number, number, number];
  readonly stage: Stage;
  /** Whether the first convolution has a bias. */
  readonly conv1Bias?: boolean;
  /** Whether the first pooling has a padding of 1 and whole windows only, as torchvision's; else it covers all, as Chainer's. */
  readonly paddedPool?: boolean;
  readonly bn?: BatchNormalizationLinkOptions;
}

const pool = (x: Tensor4D): Tensor4D => maxPooling2D(x, { ksize: 3, stride: 2 });
const paddedPool = (x: Tensor4D): Tensor4D =>
  maxPooling2D(x, { ksize: 3, stride: 2, pad: 1, coverAll: false });

/** What ResNet, SEResNet and SEResNeXt have in common: a 7x7 convolution, four stages, the mean of all pixels, one linear layer. */
export class ResidualNet extends PickableSequentialChain {
  static readonly inputShape = [1, 224, 224, 3] as const;

  // The order of the fields is the order in which they run.
  readonly conv1: Conv2DBNActiv;
  pool1: (x: Tensor4D) => Tensor4D;
  readonly res2: PickableSequentialChain;
  readonly res3: PickableSequentialChain;
  readonly res4: PickableSequentialChain;
  readonly res5: PickableSequentialChain;
  readonly pool5 = globalAveragePooling2D;
  readonly fc6: Linear;
  readonly prob = softmax;

  /** The mean pixel (RGB) of the images that the network was trained with. */
  readonly mean: Rgb;

  constructor(
    { blocks, stage, conv1Bias = false, paddedPool: padded = false, bn = {} }: ResidualNetStructure,
    options: ResidualNetOptions,
  ) {
    super();
    const {
      nClass = 1000,
      mean = IMAGENET_MEAN,
      initialW = new HeNormal(1, { fanOption: 'fan_out' }),
      fcInitialW = new Normal(0.01),
    } = checkOptions(
      (new.target as { modelName?: string }).modelName ?? 'ResidualNet',
      options,
      residualNetKinds,
    );
    this.mean = mean;
    const common = { initialW, bn };
    this.conv1 = new Conv2DBNActiv(null, 64, 7, { ...common, stride: 2, pad: 3, nobias: !conv1Bias });
    this.pool1 = padded ? paddedPool : pool;
    this.res2 = stage(blocks[0], 0, common);
    this.res3 = stage(blocks[1], 1, { ...common, stride: 2 });
    this.res4 = stage(blocks[2], 2, { ...common, stride: 2 });
    this.res5 = stage(blocks[3], 3, { ...common, stride: 2 });
    this.fc6 = new Linear(null, nClass, { initialW: fcInitialW });
  }
}

/** The stages of the networks with bottlenecks. @param width of the first stage's 3x3 convolutions. */
export const bottlenecks =
  (width: number, options: Pick<BlockOptions, 'groups' | 'strideFirst' | 'addSeblock'>): Stage =>
  (nLayer, index, common) =>
    new ResBlock(nLayer, null, width << index, 256 << index, { ...options, ...common });
