import {
  type BatchNormalizationLinkOptions,
  Chain,
  Conv2DBNActiv,
  Convolution2D,
  checkOptions,
  relu,
  resizeImages,
  SeparableConv2DBNActiv,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

export interface DecoderOptions {
  /** Options of the batch normalizations of conv1 and conv2: that of feature_proj has the defaults, as in ChainerCV. */
  readonly bn?: BatchNormalizationLinkOptions;
}

/**
 * Gives the pixels of a fine map scores, by that map and a coarse one. Children: feature_proj, conv1, conv2, conv_logits.
 *
 * Source: Chen et al., DeepLab v3+ (2018). Chainer counterpart: `chainercv.links.model.deeplab.Decoder`.
 */
export class Decoder extends Chain {
  readonly feature_proj: Conv2DBNActiv;
  readonly conv1: SeparableConv2DBNActiv;
  readonly conv2: SeparableConv2DBNActiv;
  readonly conv_logits: Convolution2D;

  /**
   * @param inChannels of the fine map and of the coarse one.
   * @param outChannels classes.
   * @param projChannels that the fine map is brought to.
   * @param depthChannels of the convolutions over both.
   */
  constructor(
    inChannels: number,
    outChannels: number,
    projChannels: number,
    depthChannels: number,
    options: DecoderOptions = {},
  ) {
    super();
    const { bn = {} } = checkOptions('Decoder', options, { bn: 'object' });
    const convolution = (channels: number) =>
      new SeparableConv2DBNActiv(channels, depthChannels, 3, {
        pad: 1,
        nobias: true,
        dwActiv: relu,
        pwActiv: relu,
        bn,
      });
    this.feature_proj = new Conv2DBNActiv(inChannels, projChannels, 1);
    this.conv1 = convolution(inChannels + projChannels);
    this.conv2 = convolution(depthChannels);
    this.conv_logits = new Convolution2D(depthChannels, outChannels, 1);
  }

  /**
   * @param x the fine map (N, H, W, in).
   * @param pool the coarse map (N, H', W', in).
   * @returns (N, H, W, out).
   */
  override forward(x: tf.Tensor4D, pool: tf.Tensor4D): tf.Tensor4D {
    const large = resizeImages(pool, [x.shape[1], x.shape[2]]);
    const h = tf.concat([large, this.feature_proj.call(x)], 3);
    return this.conv_logits.call(this.conv2.call(this.conv1.call(h)));
  }
}
