import {
  BatchNormalization,
  Chain,
  ChainList,
  Convolution2D,
  callNormalized,
  relu6,
  separablePass,
} from '@chaingrad/core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import type { SSDExtractor } from '../ssd/extractor.ts';
import { conv, extraLayers, initialW } from './extra-layers.ts';

/** 3x3 depthwise with batch normalization, then 1x1. Source: Howard et al., MobileNets (2017). */
export class SeparableBlock extends Chain {
  readonly dw: Convolution2D;
  readonly bn: BatchNormalization;
  readonly pw: Convolution2D;

  constructor(inChannels: number, out: number, stride: number) {
    super();
    const options = { stride, pad: 'same', groups: inChannels, nobias: true, initialW } as const;
    this.dw = new Convolution2D(inChannels, inChannels, 3, options);
    this.bn = new BatchNormalization(inChannels, { eps: 0.001 });
    this.pw = conv(inChannels, out, 1);
  }

  override forward(x: Tensor4D): Tensor4D {
    const pass = separablePass(
      this,
      { conv: this.dw, bn: this.bn, activ: relu6 },
      { conv: this.pw, bn: null, activ: relu6 },
    );
    if (pass !== null) return pass(x);
    return this.pw.call(callNormalized(this.dw, this.bn, relu6, x), 'relu6');
  }
}

/** Out-channels and stride of the blocks. */
const blocks = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
] as const;

/** The block whose output is the first feature map. */
const FIRST_MAP = 10;

/** MobileNetV1 (width 1) and four extra layers: six feature maps of an image of 512 x 512. */
export class MobileNetV1Extractor512 extends Chain implements SSDExtractor {
  readonly insize = 512;
  readonly grids = [32, 16, 8, 4, 2, 1];

  readonly conv0 = conv(3, 32, 3, 2);
  readonly blocks: ChainList<SeparableBlock>;
  readonly extras = extraLayers(1024);

  constructor() {
    super();
    this.blocks = new ChainList();
    let channels = 32;
    for (const [out, stride] of blocks) {
      this.blocks.addLink(new SeparableBlock(channels, out, stride));
      channels = out;
    }
  }

  override forward(x: Tensor4D): Tensor4D[] {
    const maps: Tensor4D[] = [];
    let h = this.conv0.call(x, 'relu6');
    for (let i = 0; i < this.blocks.length; i++) {
      h = this.blocks.at(i).call(h);
      if (i === FIRST_MAP) maps.push(h);
    }
    maps.push(h);
    for (const extra of this.extras) maps.push(extra.call(maps.at(-1)!));
    return maps;
  }
}
