import * as tf from '@tensorflow/tfjs-core';
import { checkRank, checkSameShape } from './arguments.ts';
import { tensordot } from './arithmetic.ts';

/**
 * Products of all pairs of units, weighted: y_k = sum_ij e1_i e2_j W_ijk, plus e1 V1 + e2 V2 + b (Socher et al., 2013;
 * `chainer.functions.bilinear`).
 *
 * @param e1 (N, I). @param e2 (N, J).
 * @param W (I, J, K).
 * @param rest V1 (I, K), V2 (J, K) and b (K), or null.
 * @returns (N, K).
 * @throws ShapeMismatchError when the sizes do not fit.
 */
export function bilinear(
  e1: tf.Tensor2D,
  e2: tf.Tensor2D,
  W: tf.Tensor3D,
  rest: { V1: tf.Tensor2D; V2: tf.Tensor2D; b: tf.Tensor1D } | null = null,
): tf.Tensor2D {
  checkRank('bilinear e1', e1, ['N', 'I']);
  checkRank('bilinear e2', e2, ['N', 'J']);
  checkSameShape('bilinear W', [e1.shape[1], e2.shape[1], W.shape[2]], W.shape);
  return tf.tidy(() => {
    const half = tensordot(e1, W, 1);
    const y = tf.sum(tf.mul(half, tf.expandDims(e2, 2)), 1) as tf.Tensor2D;
    if (rest === null) return y;
    const { V1, V2, b } = rest;
    return tf.add(tf.add(y, tf.add(tf.matMul(e1, V1), tf.matMul(e2, V2))), b) as tf.Tensor2D;
  });
}
