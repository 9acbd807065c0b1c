import { checkOptions, pickOptions } from '@chaingrad/core';
import {
  fromPretrained,
  type LoadOptions,
  type PretrainedClass,
  pretrained,
  type ResNetParam,
  type WeightSource,
} from '@chaingrad/weights';
import { VisionOptionError } from '../../errors.ts';
import { toldClasses } from '../told-classes.ts';
import { torchvisionDefaults } from '../torchvision-defaults.ts';
import { BasicResBlock } from './res-block.ts';
import {
  bottlenecks,
  IMAGENET_MEAN,
  ResidualNet,
  type ResidualNetOptions,
  type ResidualNetStructure,
  residualNetKinds,
  type Stage,
} from './residual-net.ts';

/**
 * Where ResNets differ: in 'he' (He et al.) the first 1x1 convolution of a stage has the stride, in 'fb' (Facebook) the 3x3 one.
 * 'torchvision' is 'fb' with a padded first pooling and 1e-5 in the batch normalizations: that of torchvision's and timm's files.
 */
export type ResNetArch = ResNetParam['arch'];

const archs: readonly ResNetArch[] = ['fb', 'he', 'torchvision'];

export interface ResNetOptions extends ResidualNetOptions {
  /** Default 'fb'. */
  readonly arch?: ResNetArch;
}

export interface PretrainedResNetOptions extends LoadOptions, Partial<ResNetParam> {}

function structure(
  name: string,
  options: ResNetOptions,
  blocks: ResidualNetStructure['blocks'],
  stage?: Stage,
): ResidualNetStructure {
  const { arch = 'fb' } = checkOptions(name, options, { ...residualNetKinds, arch: 'any' });
  if (!archs.includes(arch)) throw new VisionOptionError(name, 'arch', "'fb', 'he' or 'torchvision'", arch);
  const isTorchvision = arch === 'torchvision';
  const stages = stage ?? bottlenecks(64, { strideFirst: arch === 'he' });
  return { blocks, stage: stages, paddedPool: isTorchvision, bn: isTorchvision ? { eps: 1e-5 } : {} };
}

/**
 * The residual networks of 18 to 152 layers. Layers can be picked: `model.pick = ['res4', 'res5']`, and within a stage
 * `model.res4.pick = 'b2'`.
 *
 * Input is (B, 224, 224, 3), RGB, minus the mean; output is (B, nClass) probabilities. Keys are `conv1/conv/W`,
 * `res2/a/conv1/bn/gamma`, `fc6/W`. Source: He et al., Deep residual learning (2016). Chainer counterpart:
 * `chainercv.links.model.resnet.ResNet`.
 */
export class ResNet extends ResidualNet {
  readonly arch: ResNetArch;

  protected constructor(structure: ResidualNetStructure, options: ResNetOptions) {
    super(structure, pickOptions(options, residualNetKinds));
    this.arch = options.arch ?? 'fb';
  }

  /**
   * A ResNet with trained weights.
   *
   * ```ts
   * const chainercv = await ResNet50.fromPretrained('imagenet');       // arch 'fb'; 'imagenet-he' is arch 'he'
   * const own = await ResNet50.fromPretrained('resnet50-11ad3fa6.pth', { names: 'torchvision-resnet50' });
   * ```
   *
   * torchvision's names imply the arch 'torchvision' and torchvision's mean; a file tells its number of classes.
   *
   * @param source 'imagenet' (default of ResNet50, 101, 152; Chainer's cache is used, in Node), or any source of weights.
   * @throws PretrainedArgumentError when an argument contradicts the weights; MismatchError unless the file has every parameter
   *   and no other; DownloadError, SourceError when it cannot be read; InvalidArgumentError without a source where there is no default.
   */
  static fromPretrained<M extends ResNet>(
    this: PretrainedClass<ResNetParam, M>,
    source?: WeightSource,
    options: PretrainedResNetOptions = {},
  ): Promise<M> {
    const defaults = {
      nClass: 1000,
      mean: IMAGENET_MEAN,
      arch: 'fb',
      ...torchvisionDefaults(options),
    } as const;
    const told = toldClasses('fc6/b', 'fc.bias');
    const args = { nClass: 'any', mean: 'any', arch: 'any' } as const;
    // biome-ignore lint/complexity/noThisInStatic: it makes a model of the class that it is called on.
    return fromPretrained(this, source, { args, defaults, told }, options);
  }
}

/** The stages of ResNet-18 and 34. */
const basic: Stage = (nLayer, index, options) =>
  new BasicResBlock(nLayer, index === 0 ? 64 : 32 << index, 64 << index, options);

/** ResNet-18, as torchvision has it (arch 'torchvision'; 'fb' and 'he' differ only in pooling and normalization). Not in ChainerCV. */
export class ResNet18 extends ResNet {
  static readonly modelName: string = 'ResNet18';
  static readonly pretrained = pretrained.ResNet18;

  constructor(options: ResNetOptions = {}) {
    super(structure('ResNet18', options, [2, 2, 2, 2], basic), options);
  }
}

/** ResNet-34: see `ResNet18`. */
export class ResNet34 extends ResNet {
  static readonly modelName: string = 'ResNet34';
  static readonly pretrained = pretrained.ResNet34;

  constructor(options: ResNetOptions = {}) {
    super(structure('ResNet34', options, [3, 4, 6, 3], basic), options);
  }
}

/** ResNet-50. Chainer counterpart: `chainercv.links.ResNet50`. */
export class ResNet50 extends ResNet {
  static readonly modelName: string = 'ResNet50';
  static readonly pretrained = pretrained.ResNet50;

  /** @throws VisionOptionError for an unknown arch. */
  constructor(options: ResNetOptions = {}) {
    // The first convolution of the 'he' weights, which come from Caffe, has a bias; it is the only one.
    super({ ...structure('ResNet50', options, [3, 4, 6, 3]), conv1Bias: options.arch === 'he' }, options);
  }
}

/** ResNet-101. Chainer counterpart: `chainercv.links.ResNet101`. */
export class ResNet101 extends ResNet {
  static readonly modelName: string = 'ResNet101';
  static readonly pretrained = pretrained.ResNet101;

  /** @throws VisionOptionError for an unknown arch. */
  constructor(options: ResNetOptions = {}) {
    super(structure('ResNet101', options, [3, 4, 23, 3]), options);
  }
}

/** ResNet-152. Chainer counterpart: `chainercv.links.ResNet152`. */
export class ResNet152 extends ResNet {
  static readonly modelName: string = 'ResNet152';
  static readonly pretrained = pretrained.ResNet152;

  /** @throws VisionOptionError for an unknown arch. */
  constructor(options: ResNetOptions = {}) {
    super(structure('ResNet152', options, [3, 8, 36, 3]), options);
  }
}
