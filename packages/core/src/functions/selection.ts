/** Choosing elements by integers. */
import * as tf from '@tensorflow/tfjs-core';
import { checkInteger, checkIntegers, checkLabelRange, checkLabels, checkRank } from './arguments.ts';

/** x where the condition, which broadcasts, holds; else 0, also where x is not finite. */
const masked = (condition: tf.Tensor, x: tf.Tensor) => tf.where(condition, x, tf.zerosLike(x));

/**
 * The rows of W that the ids name (`chainer.functions.embed_id`).
 *
 * @param x int32 ids of any shape, in 0..rows-1.
 * @param W (rows, width).
 * @param ignoreLabel the id whose row is zero and gets no gradient; none unless given.
 * @returns x's shape, then width.
 * @throws InvalidArgumentError on ids that are not int32 or out of range.
 */
export function embedId(x: tf.Tensor, W: tf.Tensor2D, ignoreLabel: number | null = null): tf.Tensor {
  checkRank('embedId W', W, ['rows', 'width']);
  checkIntegers('embedId ids', x);
  checkLabelRange('embedId', x, W.shape[0], ignoreLabel, 'ids');
  return tf.tidy(() => {
    if (ignoreLabel === null) return tf.gather(W, x);
    const counted = tf.notEqual(x, ignoreLabel);
    // An ignored id may lie outside the table: the row that is read for it is thrown away.
    const rows = tf.gather(W, tf.mul(x, tf.cast(counted, 'int32')));
    return masked(tf.expandDims(counted, -1), rows);
  });
}

/**
 * The element of each row that `t` names (`chainer.functions.select_item`).
 *
 * @param x (N, ..., C).
 * @param t (N, ...) int32 in 0..C-1.
 * @returns t's shape.
 * @throws ShapeMismatchError when t does not fit x; InvalidArgumentError on labels that are not int32 or out of
 *   range.
 */
export function selectItem(x: tf.Tensor, t: tf.Tensor): tf.Tensor {
  checkLabels('selectItem', x, t);
  const size = x.shape[x.rank - 1]!;
  checkLabelRange('selectItem', t, size, null);
  return tf.tidy(() => tf.sum(masked(tf.cast(tf.oneHot(t, size), 'bool'), x), -1));
}

/**
 * A 1 at the place of each index, 0 elsewhere: `tf.oneHot`, which gives a row of zeros to an index out of range.
 *
 * @param indices int32 in 0..depth-1, of any shape.
 * @param depth how many places there are.
 * @param onValue what stands at the index. @param offValue what stands everywhere else.
 * @returns the shape of `indices`, then depth.
 * @throws InvalidArgumentError on indices that are not int32 or out of range.
 */
export function oneHot(
  indices: tf.Tensor,
  depth: number,
  onValue = 1,
  offValue = 0,
  dtype: tf.DataType = 'int32',
): tf.Tensor {
  checkInteger('oneHot depth', depth, 1);
  checkIntegers('oneHot indices', indices);
  checkLabelRange('oneHot', indices, depth, null, 'indices');
  return tf.oneHot(indices, depth, onValue, offValue, dtype);
}
