import {
  checkOptions,
  globalAveragePooling2D,
  type InitializerLike,
  InvalidArgumentError,
  PickableSequentialChain,
  relu6,
  softmax,
} from '@chaingrad/core';
import {
  fromPretrained,
  type LoadOptions,
  type MobileNetV2Param,
  pretrained,
  type Rgb,
  type WeightSource,
} from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { VisionOptionError } from '../../errors.ts';
import { toldClasses } from '../told-classes.ts';
import { torchvisionDefaults } from '../torchvision-defaults.ts';
import { ExpandedConv2D } from './expanded-conv-2d.ts';
import { makeDivisible } from './make-divisible.ts';
import { TFConv2DBNActiv, TFConvolution2D } from './tf-convolution-2d.ts';

/** Whose padding and batch normalization: TensorFlow's, or torchvision's. */
export type MobileNetV2Arch = MobileNetV2Param['arch'];

export interface MobileNetV2Options {
  /** Classes. Default 1000. */
  readonly nClass?: number;
  /** Mean pixel (RGB) that predictors subtract. Default ImageNet's. */
  readonly mean?: Rgb;
  /** The width: 1 (default), or ChainerCV's other one, 1.4. */
  readonly depthMultiplier?: number;
  /** Default 'tf'. */
  readonly arch?: MobileNetV2Arch;
  /** Initial kernels. Default LeCunNormal. */
  readonly initialW?: InitializerLike | null;
  /** Initial bias of the last layer. Default 0. */
  readonly initialBias?: InitializerLike | null;
}

export interface PretrainedMobileNetV2Options extends LoadOptions, Partial<MobileNetV2Param> {}

/** Mean of the training images, RGB. */
const IMAGENET_MEAN: Rgb = pretrained.VGG16.imagenet.mean;

const normalizations = { tf: { decay: 0.999, eps: 1e-3 }, torchvision: { decay: 0.9, eps: 1e-5 } } as const;

const channels = (width: number, multiplier: number) => makeDivisible(width * multiplier, 8);

const pool = (x: tf.Tensor4D): tf.Tensor4D =>
  tf.reshape(globalAveragePooling2D(x), [x.shape[0], 1, 1, x.shape[3]]);
const squeeze = (x: tf.Tensor4D): tf.Tensor2D => tf.squeeze(x, [1, 2]);

/**
 * The classifier MobileNetV2, whose layers can be picked: `model.pick = ['expanded_conv_13', 'conv1']`.
 *
 * Input is (B, 224, 224, 3), RGB, minus the mean; output is (B, nClass) probabilities. Keys are `conv/conv/conv/W`,
 * `expanded_conv_1/depthwise/bn/gamma`, `logits_conv/conv/W`.
 * Source: Sandler et al., MobileNetV2 (2018). Chainer counterpart: `chainercv.links.MobileNetV2`.
 */
export class MobileNetV2 extends PickableSequentialChain {
  static readonly modelName: string = 'MobileNetV2';
  static readonly pretrained = pretrained.MobileNetV2;
  static readonly inputShape = [1, 224, 224, 3] as const;

  // The order of the fields is the order in which they run.
  readonly conv: TFConv2DBNActiv;
  readonly expanded_conv: ExpandedConv2D;
  readonly expanded_conv_1: ExpandedConv2D;
  readonly expanded_conv_2: ExpandedConv2D;
  readonly expanded_conv_3: ExpandedConv2D;
  readonly expanded_conv_4: ExpandedConv2D;
  readonly expanded_conv_5: ExpandedConv2D;
  readonly expanded_conv_6: ExpandedConv2D;
  readonly expanded_conv_7: ExpandedConv2D;
  readonly expanded_conv_8: ExpandedConv2D;
  readonly expanded_conv_9: ExpandedConv2D;
  readonly expanded_conv_10: ExpandedConv2D;
  readonly expanded_conv_11: ExpandedConv2D;
  readonly expanded_conv_12: ExpandedConv2D;
  readonly expanded_conv_13: ExpandedConv2D;
  readonly expanded_conv_14: ExpandedConv2D;
  readonly expanded_conv_15: ExpandedConv2D;
  readonly expanded_conv_16: ExpandedConv2D;
  readonly conv1: TFConv2DBNActiv;
  readonly global_average_pool = pool;
  readonly logits_conv: TFConvolution2D;
  readonly squeeze = squeeze;
  readonly softmax = softmax;

  /** The mean pixel (RGB) of the images that the network was trained with. */
  readonly mean: Rgb;
  readonly arch: MobileNetV2Arch;

  /** @throws VisionOptionError for an unknown arch; InvalidArgumentError unless the multiplier is positive. */
  constructor(options: MobileNetV2Options = {}) {
    super();
    const {
      nClass = 1000,
      mean = IMAGENET_MEAN,
      depthMultiplier = 1,
      arch = 'tf',
      initialW = null,
      initialBias = null,
    } = checkOptions('MobileNetV2', options, {
      nClass: 'number',
      mean: 'object',
      depthMultiplier: 'any',
      arch: 'any',
      initialW: 'any',
      initialBias: 'any',
    });
    if (!Object.hasOwn(normalizations, arch))
      throw new VisionOptionError('MobileNetV2', 'arch', "'tf' or 'torchvision'", arch);
    if (!(depthMultiplier > 0))
      throw new InvalidArgumentError('MobileNetV2 depthMultiplier', 'a positive number', depthMultiplier);
    this.mean = mean;
    this.arch = arch;
    const bn = normalizations[arch];
    const pad = arch === 'tf' ? 'same' : 1;
    const common = { initialW, bn };
    let width = channels(32, depthMultiplier);
    const block = (out: number, depthwiseStride = 1, expansionSize?: number) => {
      const inChannels = width;
      width = channels(out, depthMultiplier);
      const size = expansionSize === undefined ? {} : { expansionSize };
      return new ExpandedConv2D(inChannels, width, { ...common, ...size, depthwiseStride, pad });
    };
    this.conv = new TFConv2DBNActiv(3, width, 3, { ...common, stride: 2, pad, activ: relu6 });
    this.expanded_conv = block(16, 1, width);
    this.expanded_conv_1 = block(24, 2);
    this.expanded_conv_2 = block(24);
    this.expanded_conv_3 = block(32, 2);
    this.expanded_conv_4 = block(32);
    this.expanded_conv_5 = block(32);
    this.expanded_conv_6 = block(64, 2);
    this.expanded_conv_7 = block(64);
    this.expanded_conv_8 = block(64);
    this.expanded_conv_9 = block(64);
    this.expanded_conv_10 = block(96);
    this.expanded_conv_11 = block(96);
    this.expanded_conv_12 = block(96);
    this.expanded_conv_13 = block(160, 2);
    this.expanded_conv_14 = block(160);
    this.expanded_conv_15 = block(160);
    this.expanded_conv_16 = block(320);
    // A narrow network keeps the width of its last feature map.
    const last = channels(1280, Math.max(1, depthMultiplier));
    this.conv1 = new TFConv2DBNActiv(width, last, 1, { ...common, activ: relu6 });
    this.logits_conv = new TFConvolution2D(last, nClass, 1, { initialW, initialBias });
  }

  /**
   * MobileNetV2 with trained weights.
   *
   * ```ts
   * const own = await MobileNetV2.fromPretrained('mobilenet_v2-b0353104.pth', { names: 'torchvision-mobilenet_v2' });
   * ```
   *
   * torchvision's names, and timm's (`timm-mobilenetv2_100`), imply the arch 'torchvision' and torchvision's mean; a file tells its number of classes.
   *
   * @param source any source of weights. ChainerCV's own files have 1001 classes, the first of which is the background, and the
   *   mean 128.
   * @throws PretrainedArgumentError when an argument contradicts the weights; MismatchError unless the file has every parameter
   *   and no other; DownloadError, SourceError when it cannot be read; InvalidArgumentError without a source.
   */
  static fromPretrained(
    source?: WeightSource,
    options: PretrainedMobileNetV2Options = {},
  ): Promise<MobileNetV2> {
    const defaults = {
      nClass: 1000,
      mean: IMAGENET_MEAN,
      arch: 'tf',
      depthMultiplier: 1,
      ...torchvisionDefaults(options),
    } as const;
    const told = toldClasses('logits_conv/conv/b', 'classifier.1.bias', 'classifier.bias');
    const args = { nClass: 'any', mean: 'any', arch: 'any', depthMultiplier: 'any' } as const;
    return fromPretrained(MobileNetV2, source, { args, defaults, told }, options);
  }
}
