/** Choosing elements by integers. */
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkLabelRange, checkLabels, checkRank } from './arguments.ts';

/** x where the condition, which broadcasts, holds; else 0, also where x is not finite. */
const masked = (condition: tf.Tensor, x: tf.Tensor) => tf.where(condition, x, tf.zerosLike(x));

/**
 * The rows of W that the ids name (`chainer.functions.embed_id`).
 *
 * @param x int32 ids of any shape, in 0..rows-1.
 * @param W (rows, width).
 * @param ignoreLabel the id whose row is zero and gets no gradient; none unless given.
 * @returns x's shape, then width.
 * @throws InvalidArgumentError on ids that are not int32 and, with `config.debug`, on ids out of range.
 */
export function embedId(x: tf.Tensor, W: tf.Tensor2D, ignoreLabel: number | null = null): tf.Tensor {
  checkRank('embedId W', W, ['rows', 'width']);
  if (x.dtype !== 'int32') throw new InvalidArgumentError('embedId ids', 'an int32 tensor', x.dtype);
  checkLabelRange('embedId', x, W.shape[0], ignoreLabel);
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
 * @throws ShapeMismatchError when t does not fit x; InvalidArgumentError on labels that are not int32 and, with
 *   `config.debug`, on labels out of range.
 */
export function selectItem(x: tf.Tensor, t: tf.Tensor): tf.Tensor {
  checkLabels('selectItem', x, t);
  const size = x.shape[x.rank - 1]!;
  checkLabelRange('selectItem', t, size, null);
  return tf.tidy(() => tf.sum(masked(tf.cast(tf.oneHot(t, size), 'bool'), x), -1));
}
