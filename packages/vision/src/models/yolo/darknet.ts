/** The networks of YOLO that turn pictures into feature maps. */
import { ChainList, Conv2DBNActiv, type Link, leakyRelu, maxPooling2D } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { VisionOptionError } from '../../errors.ts';

const leaky = (x: tf.Tensor4D): tf.Tensor4D => leakyRelu(x, 0.1);

/** A convolution of YOLO: of 1 or 3 pixels, which keeps the size unless it has a stride, normalized, with a leaky relu. */
export const convolution = (outChannels: number, ksize: 1 | 3, stride = 1): Conv2DBNActiv =>
  new Conv2DBNActiv(outChannels, ksize, { stride, pad: (ksize - 1) / 2, activ: leaky });

/** Max pooling by 2; with a stride of 1 the size stays, as if there was one more row and column at the end. */
export function darknetPool(x: tf.Tensor4D, stride: 1 | 2 = 2): tf.Tensor4D {
  if (stride === 2) return maxPooling2D(x, { ksize: 2 });
  const [n, h, w, c] = x.shape;
  return tf.slice(maxPooling2D(x, { ksize: 2, stride: 1, pad: 1 }), [0, 1, 1, 0], [n, h, w, c]);
}

/**
 * (N, H, W, C) as (N, H/2, W/2, 4C). Not space to depth: Darknet reads the memory of the channels-first map (C, H, W) as if it
 * was (C/4, 2H, 2W), and makes channels of the 2x2 blocks of that.
 */
export function reorg(x: tf.Tensor4D): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  const read = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [n, (c * h) / 4, 2, w, 2]);
  const blocks = tf.reshape(tf.transpose(read, [0, 2, 4, 1, 3]), [n, 4 * c, h / 2, w / 2]);
  return tf.transpose(blocks as tf.Tensor4D, [0, 2, 3, 1]);
}

/** Each pixel four times. */
const upsample = (x: tf.Tensor4D): tf.Tensor4D =>
  tf.image.resizeNearestNeighbor(x, [2 * x.shape[1], 2 * x.shape[2]]);

/** A network of YOLO: layers in a row, whose last map has cells of 32 pixels. */
abstract class Darknet extends ChainList {
  /** @param insize side of the square input in pixels, a multiple of 32. */
  constructor(readonly insize: number) {
    super();
    if (!(insize > 0 && insize % 32 === 0))
      throw new VisionOptionError(this.constructor.name, 'insize', 'a positive multiple of 32', insize);
  }

  /** Layers from `begin` on, before `end`. Their maps are freed together, where there is no tape. */
  protected run(x: tf.Tensor4D, begin: number, end: number): tf.Tensor4D {
    return tf.tidy(() => {
      let h = x;
      for (let i = begin; i < end; i++) h = this.at(i).call(h as never) as tf.Tensor4D;
      return h;
    });
  }

  protected pooled(x: tf.Tensor4D, begin: number, end: number, stride: 1 | 2 = 2): tf.Tensor4D {
    return tf.tidy(() => darknetPool(this.run(x, begin, end), stride));
  }
}

/** What a YOLO finds its objects with. */
export interface YOLOExtractor extends Link {
  /** Side of the square input in pixels. */
  readonly insize: number;
  /** Cells along a side of each feature map. */
  readonly grids: readonly number[];
}

/** The extractor of YOLOv2. Chainer counterpart: `chainercv.links.model.yolo.Darknet19Extractor`. */
export class Darknet19Extractor extends Darknet implements YOLOExtractor {
  constructor(insize = 416) {
    super(insize);
    for (const [k, count] of [1, 1, 3, 3, 5, 5].entries()) {
      for (let i = 0; i < count; i++)
        this.addLink(i % 2 === 0 ? convolution(32 << k, 3) : convolution(16 << k, 1));
    }
    for (const link of [convolution(1024, 3), convolution(1024, 3), convolution(64, 1), convolution(1024, 3)])
      this.addLink(link);
  }

  get grids(): readonly [number] {
    return [this.insize / 32];
  }

  /** @param x (B, insize, insize, 3), RGB, 0..1. @returns (B, grid, grid, 1024). */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    let h = x;
    for (const [begin, end] of [
      [0, 1],
      [1, 2],
      [2, 5],
      [5, 8],
    ] as const)
      h = this.pooled(h, begin, end);
    const fine = this.run(h, 8, 13);
    const coarse = this.run(darknetPool(fine), 13, 20);
    return this.run(tf.concat([reorg(this.run(fine, 20, 21)), coarse], 3), 21, 22);
  }
}

/** The extractor of YOLOv2Tiny. Chainer counterpart: `chainercv.links.model.yolo.DarknetExtractor`. */
export class DarknetExtractor extends Darknet implements YOLOExtractor {
  constructor(insize = 416) {
    super(insize);
    for (let k = 0; k < 7; k++) this.addLink(convolution(16 << k, 3));
    this.addLink(convolution(1024, 3));
  }

  get grids(): readonly [number] {
    return [this.insize / 32];
  }

  /** @param x (B, insize, insize, 3), RGB, 0..1. @returns (B, grid, grid, 1024). */
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    let h = x;
    for (let i = 0; i < 6; i++) h = this.pooled(h, i, i + 1, i < 5 ? 2 : 1);
    return this.run(h, 6, 8);
  }
}

/** Links in a row, whose input is added to their output. Chainer counterpart: `chainercv.links.model.yolo.ResidualBlock`. */
export class ResidualBlock extends ChainList {
  override forward(x: tf.Tensor4D): tf.Tensor4D {
    let h = x;
    for (const link of this) h = link.call(h as never) as tf.Tensor4D;
    return tf.add(h, x);
  }
}

/** The extractor of YOLOv3. Chainer counterpart: `chainercv.links.model.yolo.Darknet53Extractor`. */
export class Darknet53Extractor extends Darknet implements YOLOExtractor {
  constructor(insize = 416) {
    super(insize);
    this.addLink(convolution(32, 3));
    for (const [k, count] of [1, 2, 8, 8, 4].entries()) {
      this.addLink(convolution(64 << k, 3, 2));
      for (let i = 0; i < count; i++)
        this.addLink(new ResidualBlock(convolution(32 << k, 1), convolution(64 << k, 3)));
    }
    for (const n of [512, 256, 128]) {
      const narrow = n === 512 ? 1 : 2;
      for (let i = 0; i < narrow; i++) this.addLink(convolution(n, 1));
      for (let i = 0; i < 2; i++) this.addLink(convolution(2 * n, 3)).addLink(convolution(n, 1));
    }
  }

  get grids(): readonly number[] {
    return [32, 16, 8].map((stride) => this.insize / stride);
  }

  /** @param x (B, insize, insize, 3), RGB, 0..1. @returns three maps, the coarsest first: (B, grid, grid, 512), ... 256, ... 128. */
  override forward(x: tf.Tensor4D): tf.Tensor4D[] {
    const fine = this.run(this.run(this.run(x, 0, 3), 3, 6), 6, 15);
    const middle = this.run(fine, 15, 24);
    const first = this.run(middle, 24, 34);
    const second = this.run(tf.concat([upsample(this.run(first, 34, 35)), middle], 3), 35, 40);
    const third = this.run(tf.concat([upsample(this.run(second, 40, 41)), fine], 3), 41, 46);
    return [first, second, third];
  }
}
