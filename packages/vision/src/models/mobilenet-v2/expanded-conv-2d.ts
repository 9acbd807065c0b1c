import {
  type BatchNormalizationLinkOptions,
  Chain,
  checkOptions,
  type InitializerLike,
  relu6,
  separablePass,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { makeDivisible } from './make-divisible.ts';
import { TFConv2DBNActiv } from './tf-convolution-2d.ts';

export interface ExpandedConv2DOptions {
  /** Channels of the depthwise convolution. Default six times the in-channels, to a multiple of 8. */
  readonly expansionSize?: number;
  /** Stride of the depthwise convolution, in pixels. Default 1. */
  readonly depthwiseStride?: number;
  /** Padding of the depthwise convolution. Default 'same'. */
  readonly pad?: number | 'same';
  readonly initialW?: InitializerLike | null;
  /** Options of every batch normalization. */
  readonly bn?: BatchNormalizationLinkOptions;
}

/**
 * 1x1 up (left out where nothing is expanded), 3x3 depthwise, 1x1 down without activation, and x added where the shapes are
 * equal. Children: expand, depthwise, project.
 *
 * Source: Sandler et al., MobileNetV2 (2018). Chainer counterpart: `chainercv.links.model.mobilenet.ExpandedConv2D`.
 */
export class ExpandedConv2D extends Chain {
  readonly expand: TFConv2DBNActiv | null;
  readonly depthwise: TFConv2DBNActiv;
  readonly project: TFConv2DBNActiv;

  constructor(inChannels: number, outChannels: number, options: ExpandedConv2DOptions = {}) {
    super();
    const {
      expansionSize = makeDivisible(6 * inChannels, 8),
      depthwiseStride = 1,
      pad = 'same',
      initialW = null,
      bn = {},
    } = checkOptions('ExpandedConv2D', options, {
      expansionSize: 'number',
      depthwiseStride: 'number',
      pad: 'any',
      initialW: 'any',
      bn: 'object',
    });
    const common = { initialW, bn, activ: relu6 };
    this.expand =
      expansionSize > inChannels ? new TFConv2DBNActiv(inChannels, expansionSize, 1, common) : null;
    const width = this.expand === null ? inChannels : expansionSize;
    this.depthwise = new TFConv2DBNActiv(width, expansionSize, 3, {
      ...common,
      stride: depthwiseStride,
      pad,
      groups: width,
    });
    this.project = new TFConv2DBNActiv(expansionSize, outChannels, 1, { ...common, activ: null });
  }

  /** @param x (N, H, W, in). @returns (N, OH, OW, out). */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    const pass = separablePass(this, this.depthwise.asStep(), this.project.asStep());
    // The widest map goes as soon as it is used: the next block's then lies in memory that the caches know.
    const filtered = tf.tidy(() => {
      const wide = this.expand === null ? x : this.expand.call(x);
      return pass === null ? this.depthwise.call(wide) : pass(wide);
    });
    const h = pass === null ? this.project.call(filtered) : filtered;
    return h.shape.every((size, axis) => size === x.shape[axis]) ? tf.add(h, x) : h;
  }
}
