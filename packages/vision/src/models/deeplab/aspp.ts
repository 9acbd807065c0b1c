import {
  type BatchNormalizationLinkOptions,
  Chain,
  Conv2DBNActiv,
  checkOptions,
  dropout,
  relu,
  SeparableConv2DBNActiv,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

export interface SeparableASPPOptions {
  /** Distance of the taps of each of the three wide convolutions, in pixels. Default 12, 24, 36. */
  readonly dilates?: readonly [number, number, number];
  /** Options of every batch normalization. */
  readonly bn?: BatchNormalizationLinkOptions;
}

/**
 * Looks at each pixel's surroundings at several scales, and at the whole image. Children: image_pooling_conv, conv1x1, atrous1,
 * atrous2, atrous3, proj.
 *
 * Source: Chen et al., DeepLab v3+ (2018). Chainer counterpart: `chainercv.links.model.deeplab.SeparableASPP`.
 */
export class SeparableASPP extends Chain {
  readonly image_pooling_conv: Conv2DBNActiv;
  readonly conv1x1: Conv2DBNActiv;
  readonly atrous1: SeparableConv2DBNActiv;
  readonly atrous2: SeparableConv2DBNActiv;
  readonly atrous3: SeparableConv2DBNActiv;
  readonly proj: Conv2DBNActiv;

  constructor(inChannels: number, outChannels: number, options: SeparableASPPOptions = {}) {
    super();
    const { dilates = [12, 24, 36], bn = {} } = checkOptions('SeparableASPP', options, {
      dilates: 'object',
      bn: 'object',
    });
    const atrous = (dilate: number) =>
      new SeparableConv2DBNActiv(inChannels, outChannels, 3, {
        pad: dilate,
        dilate,
        nobias: true,
        dwActiv: relu,
        pwActiv: relu,
        bn,
      });
    this.image_pooling_conv = new Conv2DBNActiv(inChannels, outChannels, 1, { bn });
    this.conv1x1 = new Conv2DBNActiv(inChannels, outChannels, 1, { bn });
    this.atrous1 = atrous(dilates[0]);
    this.atrous2 = atrous(dilates[1]);
    this.atrous3 = atrous(dilates[2]);
    this.proj = new Conv2DBNActiv(outChannels * 5, outChannels, 1, { bn });
  }

  /** @param x (N, H, W, in). @returns (N, H, W, out). */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    const [, height, width] = x.shape;
    const whole = this.image_pooling_conv.call(tf.mean<tf.Tensor4D>(x, [1, 2], true));
    const parts = [
      tf.tile(whole, [1, height, width, 1]),
      this.conv1x1.call(x),
      this.atrous1.call(x),
      this.atrous2.call(x),
      this.atrous3.call(x),
    ];
    return dropout(this.proj.call(tf.concat(parts, 3)));
  }
}
