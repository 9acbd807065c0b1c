import {
  Chain,
  ChainList,
  Convolution2D,
  checkOptions,
  type InitializerLike,
  LeCunUniform,
  StructureMismatchError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

/** The default boxes (anchors) of each cell of a feature map: the aspect ratios of an SSD (two boxes each, and two squares), or their number. */
export type CellBoxes = readonly number[] | number;

export interface MultiboxOptions {
  /** Of the convolutions. Default `LeCunUniform`. */
  readonly initialW?: InitializerLike;
  /** Default 0. */
  readonly initialBias?: InitializerLike;
  /** Side of the convolutions' filters. Default 3. */
  readonly ksize?: number;
  /** Default 1. */
  readonly pad?: number;
}

/** The default boxes of one cell. */
const boxesPerCell = (boxes: CellBoxes): number =>
  typeof boxes === 'number' ? boxes : 2 * (boxes.length + 1);

/**
 * The heads of an SSD: for each feature map one convolution for the offsets of the boxes and one for their classes.
 *
 * Paths are `loc/0/W`, `conf/0/b`, ... Any number of feature maps. Chainer counterpart: `chainercv.links.model.ssd.Multibox`.
 *
 * ```ts
 * const heads = new Multibox(21, [[2], [2, 3]]);                      // 4 and 6 boxes a cell
 * const others = new Multibox(24, [3, 6], { ksize: 1, pad: 0 });      // counted
 * ```
 */
export class Multibox extends Chain {
  readonly loc: ChainList<Convolution2D>;
  readonly conf: ChainList<Convolution2D>;

  /**
   * @param nClass classes with the background, which is column 0.
   * @param cells one entry a feature map.
   */
  constructor(
    readonly nClass: number,
    readonly cells: readonly CellBoxes[],
    options: MultiboxOptions = {},
  ) {
    super();
    const {
      initialW = new LeCunUniform(),
      initialBias = 0,
      ksize = 3,
      pad = 1,
    } = checkOptions('Multibox', options, {
      initialW: 'any',
      initialBias: 'any',
      ksize: 'number',
      pad: 'number',
    });
    const heads = (values: number) =>
      new ChainList(
        ...cells.map(
          (boxes) =>
            new Convolution2D(null, boxesPerCell(boxes) * values, ksize, { pad, initialW, initialBias }),
        ),
      );
    this.loc = heads(4);
    this.conf = heads(nClass);
  }

  /**
   * @param features feature maps (B, H, W, C), in the order of the default boxes.
   * @returns the offsets (B, K, 4) and the class outputs (B, K, nClass) of all K default boxes.
   * @throws StructureMismatchError for another number of feature maps.
   */
  override forward(features: readonly tf.Tensor4D[]): [mbLocs: tf.Tensor3D, mbConfs: tf.Tensor3D] {
    if (features.length !== this.cells.length) {
      throw new StructureMismatchError(
        `${this.path}/loc`,
        `there are heads for ${this.cells.length} feature maps, got ${features.length}.`,
      );
    }
    // Channels are last: a map's rows of boxes lie in the order of the default boxes already.
    const run = (heads: ChainList<Convolution2D>, values: number) =>
      features.map((feature, i) => {
        const out = heads.at(i).call(feature);
        return tf.reshape(out, [out.shape[0], -1, values]) as tf.Tensor3D;
      });
    return [tf.concat(run(this.loc, 4), 1), tf.concat(run(this.conf, this.nClass), 1)];
  }
}
