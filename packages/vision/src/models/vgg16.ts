import {
  Conv2DActiv,
  checkOptions,
  dropout,
  type InitializerLike,
  Linear,
  maxPooling2D,
  Normal,
  PickableSequentialChain,
  relu,
  softmax,
} from '@chaingrad/core';
import type { OnnxExportOptions } from '@chaingrad/onnx';
import {
  fromPretrained,
  type LoadOptions,
  pretrained,
  type Rgb,
  type WeightSource,
} from '@chaingrad/weights';
import type { Tensor4D } from '@tensorflow/tfjs-core';

/** Mean of the training images, RGB. */
const IMAGENET_MEAN: Rgb = pretrained.VGG16.imagenet.mean;

export interface VGG16Options {
  /** Classes. Default 1000. */
  readonly nClass?: number;
  /** Mean pixel (RGB) that predictors subtract. Default ImageNet's. */
  readonly mean?: Rgb;
  /** Default `Normal(0.01)`. */
  readonly initialW?: InitializerLike;
  /** Default 0. */
  readonly initialBias?: InitializerLike;
}

export interface PretrainedVGG16Options extends LoadOptions, Pick<VGG16Options, 'nClass' | 'mean'> {}

const pool = (x: Tensor4D): Tensor4D => maxPooling2D(x, { ksize: 2 });

/**
 * The VGG-16 classifier, whose layers can be picked: `model.pick = ['conv5_3', 'fc7']`.
 *
 * Input is (B, 224, 224, 3), RGB, minus the mean; output is (B, nClass) probabilities. Keys are `conv1_1/conv/W`, `fc6/W`.
 * Source: Simonyan and Zisserman (2014). Chainer counterpart: `chainercv.links.VGG16`.
 */
export class VGG16 extends PickableSequentialChain {
  static readonly modelName: string = 'VGG16';
  static readonly pretrained = pretrained.VGG16;
  static readonly inputShape = [1, 224, 224, 3] as const;

  // The order of the fields is the order in which they run.
  readonly conv1_1: Conv2DActiv;
  readonly conv1_2: Conv2DActiv;
  readonly pool1 = pool;
  readonly conv2_1: Conv2DActiv;
  readonly conv2_2: Conv2DActiv;
  readonly pool2 = pool;
  readonly conv3_1: Conv2DActiv;
  readonly conv3_2: Conv2DActiv;
  readonly conv3_3: Conv2DActiv;
  readonly pool3 = pool;
  readonly conv4_1: Conv2DActiv;
  readonly conv4_2: Conv2DActiv;
  readonly conv4_3: Conv2DActiv;
  readonly pool4 = pool;
  readonly conv5_1: Conv2DActiv;
  readonly conv5_2: Conv2DActiv;
  readonly conv5_3: Conv2DActiv;
  readonly pool5 = pool;
  readonly fc6: Linear;
  readonly fc6_relu = relu;
  readonly fc6_dropout = dropout;
  readonly fc7: Linear;
  readonly fc7_relu = relu;
  readonly fc7_dropout = dropout;
  readonly fc8: Linear;
  readonly prob = softmax;

  /** The mean pixel (RGB) of the images that the network was trained with. */
  readonly mean: Rgb;

  constructor(options: VGG16Options = {}) {
    super();
    const {
      nClass = 1000,
      mean = IMAGENET_MEAN,
      initialW = new Normal(0.01),
      initialBias = 0,
    } = checkOptions('VGG16', options, {
      nClass: 'number',
      mean: 'object',
      initialW: 'any',
      initialBias: 'any',
    });
    this.mean = mean;
    const conv = (out: number) => new Conv2DActiv(null, out, 3, { pad: 1, initialW, initialBias });
    const fc = (out: number) => new Linear(null, out, { initialW, initialBias });
    this.conv1_1 = conv(64);
    this.conv1_2 = conv(64);
    this.conv2_1 = conv(128);
    this.conv2_2 = conv(128);
    this.conv3_1 = conv(256);
    this.conv3_2 = conv(256);
    this.conv3_3 = conv(256);
    this.conv4_1 = conv(512);
    this.conv4_2 = conv(512);
    this.conv4_3 = conv(512);
    this.conv5_1 = conv(512);
    this.conv5_2 = conv(512);
    this.conv5_3 = conv(512);
    this.fc6 = fc(4096);
    this.fc7 = fc(4096);
    this.fc8 = fc(nClass);
  }

  /** What an ONNX file of it needs to be told: `save('vgg16.onnx', model)`. */
  onnxArguments(): [inputs: number[][], options: OnnxExportOptions] {
    const { mean } = this;
    const description =
      'VGG-16 tells the class of a picture. Input: pictures of 224 x 224, RGB 0..255, minus the mean. Output: probabilities.';
    const inputRange = [-Math.max(...mean), 255 - Math.min(...mean)] as const;
    return [[[1, 224, 224, 3]], { about: { description, mean, inputRange } }];
  }

  /**
   * VGG-16 with trained weights.
   *
   * ```ts
   * const vgg = await VGG16.fromPretrained('imagenet');
   * const own = await VGG16.fromPretrained('vgg16-397923af.pth', { names: 'torchvision-vgg16', mean: [123.675, 116.28, 103.53] });
   * ```
   *
   * @param source 'imagenet' (default; Chainer's cache is used, in Node), or any source of weights.
   * @throws PretrainedArgumentError when nClass is not 1000 for 'imagenet'; MismatchError unless the file has every parameter and
   *   no other; DownloadError, SourceError when it cannot be read.
   */
  static fromPretrained(
    source?: 'imagenet' | WeightSource,
    options?: PretrainedVGG16Options,
  ): Promise<VGG16> {
    const defaults = { nClass: 1000, mean: IMAGENET_MEAN };
    return fromPretrained(VGG16, source, { args: { nClass: 'any', mean: 'any' }, defaults }, options);
  }
}
