import {
  type Activation,
  type BatchNormalizationLinkOptions,
  Chain,
  Conv2DBNActiv,
  checkOptions,
  relu,
  SeparableConv2DBNActiv,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

type Three<T> = readonly [T, T, T];

export interface XceptionBlockOptions {
  /** Pixels from window to window of the last convolution. Default 1. */
  readonly stride?: number;
  /** Distance of the taps in pixels. Default 1. */
  readonly dilate?: number;
  /** What is added at the end: a convolution of the input (default), the input, or nothing. */
  readonly skipType?: 'conv' | 'sum' | 'none';
  /** Whether relu comes first (default) or last. */
  readonly activFirst?: boolean;
  /** What follows each depthwise convolution. Default nothing. */
  readonly dwActivs?: Three<Activation>;
  /** What follows each pointwise convolution. Default relu, relu and nothing. */
  readonly pwActivs?: Three<Activation>;
  /** Options of every batch normalization. */
  readonly bn?: BatchNormalizationLinkOptions;
}

/**
 * Three separable convolutions and a shortcut. Children: separable1, separable2, separable3, and where there is one conv.
 *
 * Source: Chen et al., DeepLab v3+ (2018), after Chollet, Xception (2017). Chainer counterpart:
 * `chainercv.links.model.deeplab.XceptionBlock`.
 */
export class XceptionBlock extends Chain {
  readonly separable1: SeparableConv2DBNActiv;
  readonly separable2: SeparableConv2DBNActiv;
  readonly separable3: SeparableConv2DBNActiv;
  readonly conv: Conv2DBNActiv | null;
  readonly skipType: 'conv' | 'sum' | 'none';
  readonly activFirst: boolean;
  /** What follows the second convolution, whose values before it are given, too. */
  readonly separable2Activ: Activation;

  /** @param channels of each of the three convolutions. */
  constructor(inChannels: number, channels: Three<number>, options: XceptionBlockOptions = {}) {
    super();
    const {
      stride = 1,
      dilate = 1,
      skipType = 'conv',
      activFirst = true,
      dwActivs = [null, null, null],
      pwActivs = [relu, relu, null],
      bn = {},
    } = checkOptions('XceptionBlock', options, {
      stride: 'number',
      dilate: 'number',
      skipType: ['conv', 'sum', 'none'],
      activFirst: 'boolean',
      dwActivs: 'object',
      pwActivs: 'object',
      bn: 'object',
    });
    const separable = (from: number, i: 0 | 1 | 2, pwActiv: Activation, own: { stride?: number } = {}) =>
      new SeparableConv2DBNActiv(from, channels[i], 3, {
        pad: dilate,
        dilate,
        nobias: true,
        dwActiv: dwActivs[i],
        pwActiv,
        bn,
        ...own,
      });
    this.separable1 = separable(inChannels, 0, pwActivs[0]);
    this.separable2 = separable(channels[0], 1, null);
    this.separable3 = separable(channels[1], 2, pwActivs[2], { stride });
    this.conv =
      skipType === 'conv' ? new Conv2DBNActiv(inChannels, channels[2], 1, { activ: null, stride, bn }) : null;
    this.skipType = skipType;
    this.activFirst = activFirst;
    this.separable2Activ = pwActivs[1];
  }

  /** @param x (N, H, W, in). @returns the output (N, OH, OW, out) and what the second convolution gave. */
  override forward(x: tf.Tensor4D): [y: tf.Tensor4D, separable2: tf.Tensor4D] {
    const { activFirst, skipType, separable2Activ } = this;
    const second = this.separable2.call(this.separable1.call(activFirst ? relu(x) : x));
    const h = this.separable3.call(separable2Activ === null ? second : separable2Activ(second));
    const skip = this.conv !== null ? this.conv.call(x) : skipType === 'sum' ? x : null;
    const y = skip === null ? h : tf.add<tf.Tensor4D>(h, skip);
    return [activFirst ? y : relu(y), second];
  }
}

export interface Xception65Options {
  /** Options of every batch normalization. */
  readonly bn?: BatchNormalizationLinkOptions;
}

const MIDDLE_BLOCKS = 16;

/**
 * The feature extractor of DeepLab v3+: 65 convolutions, whose last ones see far by their dilation instead of a stride. Children:
 * entryflow_conv1, entryflow_conv2, entryflow_block1 to 3, middleflow_block1 to 16, exitflow_block1, exitflow_block2.
 *
 * Chainer counterpart: `chainercv.links.model.deeplab.Xception65`.
 */
export class Xception65 extends Chain {
  /** The mean pixel (RGB) of the images that the network was trained with: images are padded with it. */
  readonly mean = [127.5, 127.5, 127.5] as const;
  readonly entryflow_conv1: Conv2DBNActiv;
  readonly entryflow_conv2: Conv2DBNActiv;
  readonly entryflow_block1: XceptionBlock;
  readonly entryflow_block2: XceptionBlock;
  readonly entryflow_block3: XceptionBlock;
  readonly exitflow_block1: XceptionBlock;
  readonly exitflow_block2: XceptionBlock;

  constructor(options: Xception65Options = {}) {
    super();
    const { bn = {} } = checkOptions('Xception65', options, { bn: 'object' });
    const block = (from: number, channels: Three<number>, own: XceptionBlockOptions = {}) =>
      new XceptionBlock(from, channels, { bn, ...own });
    this.entryflow_conv1 = new Conv2DBNActiv(3, 32, 3, { stride: 2, pad: 1, bn });
    this.entryflow_conv2 = new Conv2DBNActiv(32, 64, 3, { pad: 1, bn });
    this.entryflow_block1 = block(64, [128, 128, 128], { stride: 2 });
    this.entryflow_block2 = block(128, [256, 256, 256], { stride: 2 });
    this.entryflow_block3 = block(256, [728, 728, 728]);
    for (let i = 1; i <= MIDDLE_BLOCKS; i++)
      this.addLink(`middleflow_block${i}`, block(728, [728, 728, 728], { dilate: 2, skipType: 'sum' }));
    this.exitflow_block1 = block(728, [728, 1024, 1024], { dilate: 2 });
    this.exitflow_block2 = block(1024, [1536, 1536, 2048], {
      dilate: 4,
      skipType: 'none',
      activFirst: false,
      dwActivs: [relu, relu, relu],
      pwActivs: [relu, relu, relu],
    });
  }

  /** @param x (N, H, W, 3) in -1..1. @returns maps of a quarter of the sides (N, H', W', 256) and of an eighth (N, H'', W'', 2048). */
  override forward(x: tf.Tensor4D): [lowlevel: tf.Tensor4D, highlevel: tf.Tensor4D] {
    const [h1] = this.entryflow_block1.call(this.entryflow_conv2.call(this.entryflow_conv1.call(x)));
    const [h2, lowlevel] = this.entryflow_block2.call(h1);
    let [h] = this.entryflow_block3.call(h2);
    for (let i = 1; i <= MIDDLE_BLOCKS; i++)
      [h] = (this.child(`middleflow_block${i}`) as XceptionBlock).call(h);
    const [last] = this.exitflow_block1.call(h);
    const [highlevel] = this.exitflow_block2.call(last);
    return [lowlevel, highlevel];
  }
}
