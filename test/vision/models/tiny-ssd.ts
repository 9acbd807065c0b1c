/** The 2-scale SSD of the goldens (`ssd_tiny`), small enough for every backend. */
import { Chain, Convolution2D, DilatedConvolution2D, Normalize } from '@chaingrad/core';
import { Multibox, SSD, type SSDExtractor } from '@chaingrad/vision';
import type * as tf from '@tensorflow/tfjs-core';
import type { ParamRow } from '../../support/models.ts';
import { goldens } from '../support.ts';

export interface TinyGolden {
  params: ParamRow[];
  train_params: ParamRow[];
  predict_images: [key: string, size: [number, number]][];
  predict: Record<string, number[]>;
  train: { losses: [loss: number, loc: number, conf: number][]; k: number };
}

export const tiny = goldens<TinyGolden>('ssd_tiny');

export class TinyExtractor extends Chain implements SSDExtractor {
  readonly insize = 32;
  readonly grids = [8, 4] as const;
  readonly conv1 = new Convolution2D(null, 8, 3, { stride: 2, pad: 1 });
  readonly conv2 = new Convolution2D(null, 16, 3, { stride: 2, pad: 1 });
  readonly norm = new Normalize(16, { initial: 5 });
  readonly conv3 = new DilatedConvolution2D(null, 12, 3, { stride: 2, pad: 2, dilate: 2 });

  override forward(x: tf.Tensor4D): tf.Tensor4D[] {
    const h = this.conv2.call(this.conv1.call(x, 'relu'), 'relu');
    return [this.norm.call(h), this.conv3.call(h, 'relu')];
  }
}

export class TinySSD extends SSD<TinyExtractor> {
  constructor(nFgClass = 3) {
    const extractor = new TinyExtractor();
    super(extractor, new Multibox(nFgClass + 1, [[2], [2, 3]]), {
      steps: [4, 8],
      sizes: [6, 12, 20],
      mean: [123, 117, 104],
    });
  }
}
