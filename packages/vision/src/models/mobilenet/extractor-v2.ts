import { Chain, ChainList, type Convolution2D, relu6, separablePass } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import type { SSDExtractor } from '../ssd/extractor.ts';
import { conv, extraLayers } from './extra-layers.ts';

/**
 * 1x1 up (left out where `expansion` is 1), 3x3 depthwise, 1x1 down, with a shortcut where the shapes allow one.
 * Source: Sandler et al., MobileNetV2 (2018).
 */
export class InvertedResidual extends Chain {
  readonly expand: Convolution2D | null;
  readonly dw: Convolution2D;
  readonly project: Convolution2D;
  readonly shortcut: boolean;

  constructor(inChannels: number, out: number, stride: number, expansion: number) {
    super();
    const width = inChannels * expansion;
    this.expand = expansion === 1 ? null : conv(inChannels, width, 1);
    this.dw = conv(width, width, 3, stride, width);
    this.project = conv(width, out, 1);
    this.shortcut = stride === 1 && inChannels === out;
  }

  /**
   * @param expanded what the first convolution gives, where the caller has it.
   * @returns the block's output.
   */
  override forward(x: tf.Tensor4D, expanded?: tf.Tensor4D): tf.Tensor4D {
    const pass = separablePass(
      this,
      { conv: this.dw, bn: null, activ: relu6 },
      { conv: this.project, bn: null, activ: null },
    );
    // The widest map goes as soon as it is used: the next block's then lies in memory that the caches know.
    const filtered = tf.tidy(() => {
      const wide = expanded ?? (this.expand === null ? x : this.expand.call(x, 'relu6'));
      return pass === null ? this.dw.call(wide, 'relu6') : pass(wide);
    });
    const y = pass === null ? this.project.call(filtered) : filtered;
    return this.shortcut ? tf.add(x, y) : y;
  }
}

/** [expansion, out-channels, blocks, stride of the first]. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** The block whose expanded input is the first feature map. */
const FIRST_MAP = 13;

/** MobileNetV2 (width 1) and four extra layers: six feature maps of an image of `insize` x `insize`. */
export class MobileNetV2Extractor extends Chain implements SSDExtractor {
  readonly grids: readonly number[];

  readonly conv0 = conv(3, 32, 3, 2);
  readonly blocks: ChainList<InvertedResidual>;
  readonly conv1 = conv(320, 1280, 1);
  readonly extras = extraLayers(1280);

  constructor(readonly insize: number) {
    super();
    // Every convolution of stride 2 halves, and pads where that leaves a rest.
    this.grids = [16, 32, 64, 128, 256, 512].map((stride) => Math.ceil(insize / stride));
    this.blocks = new ChainList();
    let channels = 32;
    for (const [expansion, out, count, stride] of stages) {
      for (let i = 0; i < count; i++) {
        this.blocks.addLink(new InvertedResidual(channels, out, i === 0 ? stride : 1, expansion));
        channels = out;
      }
    }
  }

  override forward(x: tf.Tensor4D): tf.Tensor4D[] {
    const maps: tf.Tensor4D[] = [];
    let h = this.conv0.call(x, 'relu6');
    for (let i = 0; i < this.blocks.length; i++) {
      const block = this.blocks.at(i);
      if (i === FIRST_MAP) maps.push(block.expand!.call(h, 'relu6'));
      h = i === FIRST_MAP ? block.call(h, maps[0]) : block.call(h);
    }
    maps.push(this.conv1.call(h, 'relu6'));
    for (const extra of this.extras) maps.push(extra.call(maps.at(-1)!));
    return maps;
  }
}
