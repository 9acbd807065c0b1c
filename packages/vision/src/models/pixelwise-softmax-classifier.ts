import { Chain, checkOptions, type Link, report, softmaxCrossEntropy } from '@chaingrad/core';
import type * as tf from '@tensorflow/tfjs-core';

export interface PixelwiseSoftmaxClassifierOptions {
  /** The label of pixels that do not count. Default -1. */
  readonly ignoreLabel?: number;
  /** A factor for each class. It does not change what the sum is divided by. */
  readonly classWeight?: readonly number[] | null;
}

/**
 * A network that gives every pixel scores, with its loss: the mean softmax cross entropy of the pixels that count. Child: predictor.
 *
 * A call reports `loss`. Chainer counterpart: `chainercv.links.PixelwiseSoftmaxClassifier`.
 *
 * ```ts
 * const model = new PixelwiseSoftmaxClassifier(new SegNetBasic({ nClass: 11 }), { classWeight });
 * ```
 */
export class PixelwiseSoftmaxClassifier<P extends Link = Link> extends Chain {
  readonly ignoreLabel: number;
  readonly classWeight: readonly number[] | null;

  constructor(
    readonly predictor: P,
    options: PixelwiseSoftmaxClassifierOptions = {},
  ) {
    super();
    const { ignoreLabel = -1, classWeight = null } = checkOptions('PixelwiseSoftmaxClassifier', options, {
      ignoreLabel: 'number',
      classWeight: 'object | null',
    });
    this.ignoreLabel = ignoreLabel;
    this.classWeight = classWeight;
  }

  /**
   * @param x images as the network wants them (N, H, W, C).
   * @param t int32 classes of their pixels (N, H, W).
   * @returns a scalar.
   */
  override forward(x: tf.Tensor4D, t: tf.Tensor3D): tf.Scalar {
    const { ignoreLabel, classWeight } = this;
    const y = this.predictor.call(...([x] as never[])) as tf.Tensor4D;
    const loss = softmaxCrossEntropy(y, t, { ignoreLabel, classWeight }) as tf.Scalar;
    report({ loss }, this);
    return loss;
  }
}
