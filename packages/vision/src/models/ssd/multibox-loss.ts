import { InvalidArgumentError, ShapeMismatchError, withGradient } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * The two losses of an SSD: where the boxes are, and what is in them.
 *
 * The location loss is the Huber loss (delta 1) of the positive default boxes (label > 0); the confidence loss is the
 * cross entropy of the positive ones and of the hard negatives: in each image the k * positives negatives with the
 * highest loss, of equal losses the first. Both are sums divided by the number of positives of the whole batch. Without
 * positives both are 0 with zero gradients, where ChainerCV returns a variable without a graph.
 *
 * `minNegatives` lets images without objects teach: at least so many negatives of each image count. Where no image of the
 * batch has a positive, the confidence loss is divided by the positives that so many negatives would go with.
 *
 * `classWeights` lets rare classes learn as fast as frequent ones: what a positive box adds to both losses, and to their gradients,
 * is multiplied by the weight of its class. Negatives count once, and the ranking and the divisor know nothing of the weights.
 *
 * Nothing is read back from the device: the ranking runs as kernels, on every backend. Gradients flow to `mbLocs` and
 * `mbConfs`; the gradients of the targets are not defined. The offsets of background rows may be anything, also infinite.
 *
 * Source: Liu et al., SSD (2016). Chainer counterpart: `chainercv.links.model.ssd.multibox_loss`.
 *
 * @param mbLocs (B, K, 4) predicted offsets.
 * @param mbConfs (B, K, nClass) class outputs before the softmax; column 0 is background.
 * @param gtMbLocs (B, K, 4) offsets of `MultiboxCoder.encode`.
 * @param gtMbLabels (B, K) int32 labels of `MultiboxCoder.encode`; a label of nClass or more is an error nobody sees.
 * @param k hard negatives for each positive; need not be whole.
 * @param minNegatives hard negatives of each image, at least; 0 as in ChainerCV.
 * @param classWeights a weight of 0 or more for each foreground class, nClass - 1 of them; null for 1, as in ChainerCV.
 * @returns [location loss, confidence loss], two scalars that the caller owns.
 * @throws ShapeMismatchError if the shapes do not fit each other; InvalidArgumentError for a negative k or minNegatives, and for
 *   weights that are not one for each class.
 */
export function multiboxLoss(
  mbLocs: tf.Tensor3D,
  mbConfs: tf.Tensor3D,
  gtMbLocs: tf.Tensor3D,
  gtMbLabels: tf.Tensor2D,
  k = 3,
  minNegatives = 0,
  classWeights: readonly number[] | null = null,
): [location: tf.Scalar, confidence: tf.Scalar] {
  const [batch, count, nClass] = mbConfs.shape;
  expectShape('multiboxLoss(mbLocs)', mbLocs, [batch, count, 4]);
  expectShape('multiboxLoss(gtMbLocs)', gtMbLocs, [batch, count, 4]);
  expectShape('multiboxLoss(gtMbLabels)', gtMbLabels, [batch, count]);
  if (!(k >= 0)) throw new InvalidArgumentError('multiboxLoss', 'k of 0 or more', k);
  if (!(minNegatives >= 0)) {
    throw new InvalidArgumentError('multiboxLoss', 'minNegatives of 0 or more', minNegatives);
  }
  if (classWeights !== null) expectWeights(classWeights, nClass - 1);
  return [
    locationLoss(mbLocs, gtMbLocs, gtMbLabels, classWeights),
    confidenceLoss(mbConfs, gtMbLabels, k, minNegatives, classWeights),
  ];
}

function expectWeights(weights: readonly number[], classes: number): void {
  if (weights.length === classes && weights.every((weight) => weight >= 0 && Number.isFinite(weight))) return;
  throw new InvalidArgumentError(
    'multiboxLoss classWeights',
    `a number of 0 or more for each of the ${classes} foreground classes`,
    weights,
  );
}

/** `values`, of a box each, times the weight of its class; of background 1. */
function weighted(
  values: tf.Tensor2D,
  gtLabels: tf.Tensor2D,
  classWeights: readonly number[] | null,
): tf.Tensor2D {
  if (classWeights === null) return values;
  return tf.mul(values, tf.gather(tf.tensor1d([1, ...classWeights]), tf.cast(gtLabels, 'int32')));
}

function expectShape(where: string, tensor: tf.Tensor, shape: number[]): void {
  if (tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i])) {
    throw new ShapeMismatchError(where, shape, tensor.shape);
  }
}

const total = (mask: tf.Tensor): tf.Tensor => tf.sum(tf.cast(mask, 'float32'));

/** At least 1, so that no positives give 0 / 1. */
const divisor = (positive: tf.Tensor): tf.Tensor => tf.maximum(total(positive), 1);

/**
 * A scalar whose gradient is computed along with it and kept until it is asked for.
 *
 * Cheaper than a tape of a dozen kernels over (B, K, nClass), and numerically the textbook formula.
 */
function withItsGradient<T extends tf.Tensor>(
  x: T,
  compute: (x: T) => { value: tf.Scalar; gradient: T },
): tf.Scalar {
  return withGradient(
    x,
    (input) => {
      const { value, gradient } = compute(input as T);
      return { value, save: [gradient] };
    },
    (dy, [gradient]) => tf.mul(dy, gradient),
    'multiboxLoss',
  );
}

function locationLoss(
  locs: tf.Tensor3D,
  gtLocs: tf.Tensor3D,
  gtLabels: tf.Tensor2D,
  classWeights: readonly number[] | null,
): tf.Scalar {
  return withItsGradient(locs, (x) => {
    const positive = tf.greater(gtLabels, 0);
    const n = divisor(positive);
    // Selected, not multiplied by a mask: background offsets may be infinite.
    const difference = tf.where(tf.expandDims(positive, 2), tf.sub(x, gtLocs), tf.zerosLike(x));
    const size = tf.abs(difference);
    const quadratic = tf.minimum(size, 1);
    const huber = tf.mul(quadratic, tf.sub(size, tf.mul(quadratic, 0.5)));
    const each = weighted(tf.cast(positive, 'float32') as tf.Tensor2D, gtLabels, classWeights);
    const share = tf.expandDims(each, 2);
    return {
      value: tf.div(tf.sum(tf.mul(huber, share)), n) as tf.Scalar,
      gradient: tf.div(tf.mul(tf.clipByValue(difference, -1, 1), share), n) as tf.Tensor3D,
    };
  });
}

function confidenceLoss(
  confs: tf.Tensor3D,
  gtLabels: tf.Tensor2D,
  k: number,
  minNegatives: number,
  classWeights: readonly number[] | null,
): tf.Scalar {
  return withItsGradient(confs, (x) => {
    const positive = tf.greater(gtLabels, 0);
    const shifted = tf.sub(x, tf.max(x, 2, true));
    const exponential = tf.exp(shifted);
    const sum = tf.sum(exponential, 2, true);
    // Cast, not made as float32: tfjs 4.22 on wasm then writes integer ones into the float tensor.
    const truth = tf.cast(tf.oneHot(tf.cast(gtLabels, 'int32'), x.shape[2]), 'float32');
    const crossEntropy = tf.sub(
      tf.log(tf.squeeze(sum, [2])),
      tf.sum(tf.mul(shifted, truth), 2),
    ) as tf.Tensor2D;
    const negative = hardNegatives(crossEntropy, positive, k, minNegatives);
    const counted = weighted(
      tf.cast(tf.logicalOr(positive, negative), 'float32') as tf.Tensor2D,
      gtLabels,
      classWeights,
    );
    const n =
      minNegatives === 0
        ? divisor(positive)
        : tf.where(
            tf.greater(total(positive), 0),
            total(positive),
            tf.maximum(tf.div(total(negative), Math.max(k, 1)), 1),
          );
    return {
      value: tf.div(tf.sum(tf.mul(crossEntropy, counted)), n) as tf.Scalar,
      gradient: tf.mul(
        tf.sub(tf.div(exponential, sum), truth),
        tf.expandDims(tf.div(counted, n), 2),
      ) as tf.Tensor3D,
    };
  });
}

/** The largest float32: above every loss. */
const LARGEST = 3.4028234663852886e38;

/**
 * Which negatives are among the k * positives of their row, but at least `minNegatives`, with the highest loss.
 *
 * The loss at the last rank that counts is a threshold; where several boxes have exactly that loss, the first ones take
 * the ranks left. So ties go by index on every backend, also where `topk` does not order them.
 */
function hardNegatives(loss: tf.Tensor2D, positive: tf.Tensor, k: number, minNegatives: number): tf.Tensor {
  const asNumber = (mask: tf.Tensor) => tf.cast(mask, 'float32');
  const rowSum = (mask: tf.Tensor) => tf.sum(asNumber(mask), 1, true);
  const count = loss.shape[1];
  const wanted = tf.maximum(tf.mul(rowSum(positive), k), minNegatives);
  // Losses are not negative, so that -1 ranks every positive after them.
  const key = tf.where(positive, tf.fill(loss.shape, -1), loss);
  const sorted = tf.topk(key, count).values;
  const ranks = tf.less(tf.expandDims(tf.range(0, count, 1, 'float32'), 0), wanted);
  const threshold = tf.min(tf.where(ranks, sorted, tf.fill(loss.shape, LARGEST)), 1, true);
  const above = tf.greater(key, threshold);
  const equal = tf.equal(key, threshold);
  const left = tf.sub(rowSum(ranks), rowSum(above));
  const before = tf.cumsum(asNumber(equal), 1, true);
  const chosen = tf.logicalOr(above, tf.logicalAnd(equal, tf.less(before, left)));
  return tf.logicalAnd(chosen, tf.logicalNot(positive));
}
