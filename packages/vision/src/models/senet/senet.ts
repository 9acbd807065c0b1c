import {
  fromPretrained,
  type LoadOptions,
  type PretrainedClass,
  pretrained,
  type Vgg16Param,
  type WeightSource,
} from '@chaingrad/weights';
import {
  bottlenecks,
  IMAGENET_MEAN,
  ResidualNet,
  type ResidualNetOptions,
  type ResidualNetStructure,
} from '../resnet/residual-net.ts';
import { toldClasses } from '../told-classes.ts';

export interface SENetOptions extends ResidualNetOptions {}

export interface PretrainedSENetOptions extends LoadOptions, Partial<Vgg16Param> {}

/**
 * Residual networks with a squeeze-and-excitation block in every bottleneck. Layers can be picked, as ResNet's.
 *
 * Input is (B, 224, 224, 3), RGB, minus the mean; output is (B, nClass) probabilities. Keys are ResNet's and `res2/a/se/down/W`.
 * Source: Hu et al., Squeeze-and-excitation networks (2018). Chainer counterparts: `chainercv.links.model.senet.SEResNet`, `SEResNeXt`.
 */
export class SENet extends ResidualNet {
  /**
   * The network with trained weights.
   *
   * @param source 'imagenet' (default; Chainer's cache is used, in Node), or any source of weights, which tells its number of classes.
   * @throws PretrainedArgumentError when an argument contradicts the weights; MismatchError unless the file has every parameter
   *   and no other; DownloadError, SourceError when it cannot be read.
   */
  static fromPretrained<M extends SENet>(
    this: PretrainedClass<Vgg16Param, M>,
    source?: WeightSource,
    options: PretrainedSENetOptions = {},
  ): Promise<M> {
    const spec = {
      args: { nClass: 'any', mean: 'any' } as const,
      defaults: { nClass: 1000, mean: IMAGENET_MEAN },
      told: toldClasses('fc6/b'),
    };
    // biome-ignore lint/complexity/noThisInStatic: it makes a model of the class that it is called on.
    return fromPretrained(this, source, spec, options);
  }
}

type Blocks = ResidualNetStructure['blocks'];

/** The stride lies in the first convolution, as in He's ResNet. */
const seResNet = (blocks: Blocks): ResidualNetStructure => ({
  blocks,
  stage: bottlenecks(64, { strideFirst: true, addSeblock: true }),
});

/** 32 groups of twice the channels; the stride lies in the 3x3 convolution. */
const seResNeXt = (blocks: Blocks): ResidualNetStructure => ({
  blocks,
  stage: bottlenecks(128, { groups: 32, addSeblock: true }),
});

/** SE-ResNet-50. Chainer counterpart: `chainercv.links.SEResNet50`. */
export class SEResNet50 extends SENet {
  static readonly modelName: string = 'SEResNet50';
  static readonly pretrained = pretrained.SEResNet50;

  constructor(options: SENetOptions = {}) {
    super(seResNet([3, 4, 6, 3]), options);
  }
}

/** SE-ResNet-101. Chainer counterpart: `chainercv.links.SEResNet101`. */
export class SEResNet101 extends SENet {
  static readonly modelName: string = 'SEResNet101';
  static readonly pretrained = pretrained.SEResNet101;

  constructor(options: SENetOptions = {}) {
    super(seResNet([3, 4, 23, 3]), options);
  }
}

/** SE-ResNet-152. Chainer counterpart: `chainercv.links.SEResNet152`. */
export class SEResNet152 extends SENet {
  static readonly modelName: string = 'SEResNet152';
  static readonly pretrained = pretrained.SEResNet152;

  constructor(options: SENetOptions = {}) {
    super(seResNet([3, 8, 36, 3]), options);
  }
}

/** SE-ResNeXt-50 (32x4d). Chainer counterpart: `chainercv.links.SEResNeXt50`. */
export class SEResNeXt50 extends SENet {
  static readonly modelName: string = 'SEResNeXt50';
  static readonly pretrained = pretrained.SEResNeXt50;

  constructor(options: SENetOptions = {}) {
    super(seResNeXt([3, 4, 6, 3]), options);
  }
}

/** SE-ResNeXt-101 (32x4d). Chainer counterpart: `chainercv.links.SEResNeXt101`. */
export class SEResNeXt101 extends SENet {
  static readonly modelName: string = 'SEResNeXt101';
  static readonly pretrained = pretrained.SEResNeXt101;

  constructor(options: SENetOptions = {}) {
    super(seResNeXt([3, 4, 23, 3]), options);
  }
}
