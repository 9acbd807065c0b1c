import { Chain, checkOptions, report } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { multiboxLoss } from './multibox-loss.ts';
import type { SSD } from './ssd.ts';

export interface MultiboxTrainOptions {
  /** Weight of the loss of the boxes. Default 1. */
  readonly alpha?: number;
  /** Background boxes that count for each positive one. Default 3. */
  readonly k?: number;
  /** Background boxes of each image that count, at least: so that images without objects teach. Default 0, as in ChainerCV. */
  readonly minNegatives?: number;
  /** What a positive box of each foreground class counts, e.g. of `balancedWeights`. Default null: 1, as in ChainerCV. */
  readonly classWeights?: readonly number[] | null;
}

/**
 * An SSD with its loss, as an optimizer takes it: `loss = alpha * loc + conf`.
 *
 * Reports `loss`, `loss/loc` and `loss/conf` with itself as observer. Chainer counterpart: `MultiboxTrainChain` of
 * ChainerCV's example `ssd/train.py`.
 *
 * ```ts
 * const chain = new MultiboxTrainChain(model);
 * const optimizer = new MomentumSGD({ lr: 1e-3 }).setup(chain);
 * ssdUpdateHooks(model);
 * optimizer.update(chain, imgs, gtMbLocs, gtMbLabels);
 * ```
 */
export class MultiboxTrainChain<M extends SSD = SSD> extends Chain {
  readonly alpha: number;
  readonly k: number;
  readonly minNegatives: number;
  readonly classWeights: readonly number[] | null;

  constructor(
    readonly model: M,
    options: MultiboxTrainOptions = {},
  ) {
    super();
    const {
      alpha = 1,
      k = 3,
      minNegatives = 0,
      classWeights = null,
    } = checkOptions('MultiboxTrainChain', options, {
      alpha: 'number',
      k: 'number',
      minNegatives: 'number',
      classWeights: 'any',
    });
    this.alpha = alpha;
    this.k = k;
    this.minNegatives = minNegatives;
    this.classWeights = classWeights;
  }

  /**
   * @param imgs prepared images (B, insize, insize, 3).
   * @param gtMbLocs offsets (B, K, 4), from `coder.encode`.
   * @param gtMbLabels labels (B, K), int32, 0 for background.
   * @returns the loss, a scalar.
   */
  override forward(imgs: tf.Tensor4D, gtMbLocs: tf.Tensor3D, gtMbLabels: tf.Tensor2D): tf.Scalar {
    const [mbLocs, mbConfs] = this.model.call(imgs);
    const { k, minNegatives, classWeights } = this;
    const [loc, conf] = multiboxLoss(
      ...([mbLocs, mbConfs, gtMbLocs, gtMbLabels] as const),
      ...([k, minNegatives, classWeights] as const),
    );
    const loss = tf.add(tf.mul(loc, this.alpha), conf) as tf.Scalar;
    report({ loss, 'loss/loc': loc, 'loss/conf': conf }, this);
    return loss;
  }
}
