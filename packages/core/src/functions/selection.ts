/** Choosing elements by integers or by a mask. */
import * as tf from '@tensorflow/tfjs-core';
import { checkLabelRange, checkLabels, checkRank, checkSameShape } from './arguments.ts';
import { withGradient } from './with-gradient.ts';

/** x where the condition holds, else 0. */
const masked = <T extends tf.Tensor>(x: T, condition: tf.Tensor): T =>
  withGradient(
    x,
    (input) => ({ value: tf.where(condition, input, tf.zerosLike(input)) as T, save: [condition] }),
    (dy, [condition]) => tf.where(condition, dy, tf.zerosLike(dy)),
  );

/**
 * The rows of W that the ids name (`chainer.functions.embed_id`).
 *
 * @param x int32 ids of any shape, in 0..rows-1.
 * @param W (rows, width).
 * @param ignoreLabel the id whose row is zero and gets no gradient; none unless given.
 * @returns x's shape, then width.
 */
export function embedId(x: tf.Tensor, W: tf.Tensor2D, ignoreLabel: number | null = null): tf.Tensor {
  checkRank('embedId W', W, ['rows', 'width']);
  const [rows, width] = W.shape;
  checkLabelRange('embedId', x, rows, ignoreLabel);
  return tf.tidy(() => {
    const ids = tf.reshape(tf.cast(x, 'int32'), [-1]) as tf.Tensor1D;
    const counted = ignoreLabel === null ? null : tf.notEqual(ids, ignoreLabel);
    // An ignored id may lie outside the table: the row that is read for it is thrown away.
    const safe = counted === null ? ids : tf.mul(ids, tf.cast(counted, 'int32'));
    const read = withGradient(
      W,
      (table) => ({ value: tf.gather(table, safe), save: [safe] }),
      // A product with the one-hot ids, since not every backend can add up rows by id.
      (dy, [ids]) => tf.matMul(tf.cast(tf.oneHot(ids, rows), 'float32'), dy, true, false),
    );
    const y = counted === null ? read : masked(read, tf.broadcastTo(tf.expandDims(counted, 1), read.shape));
    return tf.reshape(y, [...x.shape, width]);
  });
}

/**
 * The element of each row that `t` names (`chainer.functions.select_item`).
 *
 * @param x (N, ..., C).
 * @param t (N, ...) int32 in 0..C-1.
 * @returns t's shape.
 */
export function selectItem(x: tf.Tensor, t: tf.Tensor): tf.Tensor {
  checkLabels('selectItem', x, t);
  const size = x.shape[x.rank - 1]!;
  checkLabelRange('selectItem', t, size, null);
  return tf.tidy(() => tf.sum(masked(x, tf.cast(tf.oneHot(t, size), 'bool')), -1));
}

/**
 * x where the condition holds, else y. Unlike `tf.where` the condition may come from what is differentiated.
 *
 * @param condition bool.
 * @param x, y of the condition's shape.
 * @throws ShapeMismatchError when the shapes differ.
 */
export function where<T extends tf.Tensor>(condition: tf.Tensor, x: T, y: T): T {
  checkSameShape('where x', condition.shape, x.shape);
  checkSameShape('where y', condition.shape, y.shape);
  return tf.tidy(() => tf.add(masked(x, condition), masked(y, tf.logicalNot(condition))) as T);
}
