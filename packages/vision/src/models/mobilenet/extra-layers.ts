/** What the extractors of both MobileNets are made of. */
import { Chain, ChainList, Convolution2D, HeNormal } from '@chaingrad/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';

export const initialW = new HeNormal();

/** A convolution as TensorFlow pads it, with batch normalization already folded into W and b. */
export const conv = (inChannels: number, out: number, ksize: number, stride = 1, groups = 1): Convolution2D =>
  new Convolution2D(inChannels, out, ksize, { stride, pad: 'same', groups, initialW });

/** A 1x1 convolution and a 3x3 one at stride 2: the next coarser feature map. */
export class ExtraLayer extends Chain {
  readonly conv1: Convolution2D;
  readonly conv2: Convolution2D;

  constructor(inChannels: number, middle: number, out: number) {
    super();
    this.conv1 = conv(inChannels, middle, 1);
    this.conv2 = conv(middle, out, 3, 2);
  }

  override forward(x: Tensor4D): Tensor4D {
    return this.conv2.call(this.conv1.call(x, 'relu6'), 'relu6');
  }
}

/** The four coarsest feature maps, each made of the one before. */
export const extraLayers = (inChannels: number): ChainList<ExtraLayer> =>
  new ChainList(
    new ExtraLayer(inChannels, 256, 512),
    new ExtraLayer(512, 128, 256),
    new ExtraLayer(256, 128, 256),
    new ExtraLayer(256, 64, 128),
  );
