import { Chain, Conv2DBNActiv, checkOptions, relu } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { SEBlock } from '../senet/se-block.ts';
import { type BottleneckOptions, blockKinds } from './block-options.ts';

/**
 * 1x1 down, 3x3, 1x1 up, added to a shortcut, then relu. Children: conv1, conv2, conv3, and where there are such se, residual_conv.
 *
 * Source: He et al., Deep residual learning (2016). Chainer counterpart: `chainercv.links.model.resnet.Bottleneck`.
 */
export class Bottleneck extends Chain {
  readonly conv1: Conv2DBNActiv;
  readonly conv2: Conv2DBNActiv;
  readonly conv3: Conv2DBNActiv;
  readonly se: SEBlock | null;
  readonly residual_conv: Conv2DBNActiv | null;

  /** @param inChannels null: found at the first call. */
  constructor(
    inChannels: number | null,
    midChannels: number,
    outChannels: number,
    options: BottleneckOptions = {},
  ) {
    super();
    const {
      stride = 1,
      dilate = 1,
      groups = 1,
      strideFirst = false,
      addSeblock = false,
      residualConv = false,
      initialW = null,
      bn = {},
    } = checkOptions('Bottleneck', options, { ...blockKinds, residualConv: 'boolean' });
    const [first, second] = strideFirst ? [stride, 1] : [1, stride];
    const common = { initialW, bn };
    this.conv1 = new Conv2DBNActiv(inChannels, midChannels, 1, { ...common, stride: first });
    this.conv2 = new Conv2DBNActiv(midChannels, midChannels, 3, {
      ...common,
      stride: second,
      pad: dilate,
      dilate,
      groups,
    });
    this.conv3 = new Conv2DBNActiv(midChannels, outChannels, 1, { ...common, activ: null });
    this.se = addSeblock ? new SEBlock(outChannels) : null;
    this.residual_conv = residualConv
      ? new Conv2DBNActiv(inChannels, outChannels, 1, { ...common, stride, activ: null })
      : null;
  }

  /** @param x (N, H, W, in). @returns (N, OH, OW, out). */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    const h = this.conv3.call(this.conv2.call(this.conv1.call(x)));
    const excited = this.se === null ? h : this.se.call(h);
    return relu(tf.add(excited, this.residual_conv === null ? x : this.residual_conv.call(x)));
  }
}
