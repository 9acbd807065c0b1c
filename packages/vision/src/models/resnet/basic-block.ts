import { Chain, Conv2DBNActiv, checkOptions, relu } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { type BottleneckOptions, basicStageKinds } from './block-options.ts';

export type BasicBlockOptions = Pick<BottleneckOptions, 'stride' | 'residualConv' | 'initialW' | 'bn'>;

/**
 * Two 3x3 convolutions, the first with the stride, added to a shortcut, then relu: the block of ResNet-18 and 34, which
 * ChainerCV does not have. Children: conv1, conv2, and where there is one residual_conv.
 *
 * Source: He et al., Deep residual learning (2016).
 */
export class BasicBlock extends Chain {
  readonly conv1: Conv2DBNActiv;
  readonly conv2: Conv2DBNActiv;
  readonly residual_conv: Conv2DBNActiv | null;

  /** @param inChannels null: found at the first call. */
  constructor(inChannels: number | null, outChannels: number, options: BasicBlockOptions = {}) {
    super();
    const {
      stride = 1,
      residualConv = false,
      initialW = null,
      bn = {},
    } = checkOptions('BasicBlock', options, { ...basicStageKinds, residualConv: 'boolean' });
    const common = { initialW, bn };
    this.conv1 = new Conv2DBNActiv(inChannels, outChannels, 3, { ...common, stride, pad: 1 });
    this.conv2 = new Conv2DBNActiv(outChannels, outChannels, 3, { ...common, pad: 1, activ: null });
    this.residual_conv = residualConv
      ? new Conv2DBNActiv(inChannels, outChannels, 1, { ...common, stride, activ: null })
      : null;
  }

  /** @param x (N, H, W, in). @returns (N, OH, OW, out). */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    const h = this.conv2.call(this.conv1.call(x));
    return relu(tf.add(h, this.residual_conv === null ? x : this.residual_conv.call(x)));
  }
}
