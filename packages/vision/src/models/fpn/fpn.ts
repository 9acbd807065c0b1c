import { Chain, ChainList, Convolution2D, GlorotNormal, type Link, maxPooling2D } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

/** A link whose feature maps halve in size from one to the next. */
export interface FPNBase extends Link {
  readonly mean?: number | readonly number[];
  forward(x: tf.Tensor4D): tf.Tensor | tf.Tensor[];
}

/**
 * A pyramid of feature maps of 256 channels: coarse maps are added to the finer ones. Children: base, inner, outer.
 *
 * Source: Lin et al., Feature Pyramid Networks (2017). Chainer counterpart: `chainercv.links.model.fpn.FPN`.
 */
export class FPN<B extends FPNBase = FPNBase> extends Chain {
  readonly inner: ChainList<Convolution2D>;
  readonly outer: ChainList<Convolution2D>;

  /**
   * @param nBaseOutput maps that the base gives; the others are every second pixel of the one before.
   * @param scales pixels of each map in one of the input.
   */
  constructor(
    readonly base: B,
    nBaseOutput: number,
    readonly scales: readonly number[],
  ) {
    super();
    const convolutions = (ksize: 1 | 3) =>
      Array.from(
        { length: nBaseOutput },
        () => new Convolution2D(null, 256, ksize, { pad: (ksize - 1) / 2, initialW: new GlorotNormal() }),
      );
    this.inner = new ChainList(...convolutions(1));
    this.outer = new ChainList(...convolutions(3));
  }

  /** @param x (N, H, W, C) with sizes that all maps halve. @returns (N, H', W', 256), the finest first. */
  override forward(x: tf.Tensor4D): tf.Tensor4D[] {
    const hs = this.base.call(x) as tf.Tensor4D[];
    let above: tf.Tensor4D | null = null;
    const inner = hs.toReversed().map((h, i) => {
      const own = this.inner.at(hs.length - 1 - i).call(h);
      above = above === null ? own : tf.add(own, twice(above));
      return above;
    });
    const maps = inner.toReversed().map((h, i) => this.outer.at(i).call(h));
    while (maps.length < this.scales.length)
      maps.push(maxPooling2D(maps.at(-1)!, { ksize: 1, stride: 2, coverAll: false }));
    return maps;
  }
}

const twice = (x: tf.Tensor4D): tf.Tensor4D =>
  tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]);
