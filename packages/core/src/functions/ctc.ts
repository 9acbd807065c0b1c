import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { checkRank, checkSameShape } from './arguments.ts';

/** The logarithm of what is impossible: finite, so that differences of two of them are too. */
const never = -1e30;

/**
 * -log of the probability that a sequence spells its labels, over all alignments (Graves et al., 2006;
 * `chainer.functions.connectionist_temporal_classification`).
 *
 * @param xs one tensor a step, (N, classes): scores before the softmax.
 * @param t (N, L) int32: labels, none of them blank.
 * @param blankSymbol the class that stands between labels.
 * @param options inputLength: (N) how many steps count, all unless given. labelLength: (N) how many labels count, all unless given.
 *   reduce: 'mean' gives a scalar (default), 'no' (N).
 */
export function connectionistTemporalClassification(
  xs: readonly tf.Tensor2D[],
  t: tf.Tensor2D,
  blankSymbol: number,
  options: { inputLength?: readonly number[]; labelLength?: readonly number[]; reduce?: 'mean' | 'no' } = {},
): tf.Tensor {
  const name = 'connectionistTemporalClassification';
  const {
    inputLength,
    labelLength,
    reduce = 'mean',
  } = checkOptions(name, options, {
    inputLength: 'object',
    labelLength: 'object',
    reduce: ['mean', 'no'],
  });
  if (xs.length === 0) throw new InvalidArgumentError(`${name} xs`, 'at least one step', 'none');
  const [n, classes] = xs[0]!.shape;
  for (const x of xs) checkSameShape(`${name} xs`, [n, classes], x.shape);
  checkRank(`${name} t`, t, ['N', 'L']);
  checkSameShape(`${name} t`, [n, t.shape[1]], t.shape);
  if (t.dtype !== 'int32') throw new InvalidArgumentError(`${name} t`, 'an int32 tensor', t.dtype);
  if (!(Number.isInteger(blankSymbol) && blankSymbol >= 0 && blankSymbol < classes))
    throw new InvalidArgumentError(`${name} blankSymbol`, `a class in 0..${classes - 1}`, blankSymbol);
  const lengths = (list: readonly number[] | undefined, most: number, what: string): number[] => {
    const all = [...(list ?? new Array<number>(n).fill(most))];
    if (
      all.length !== n ||
      all.some((length) => !(Number.isInteger(length) && length >= 1 && length <= most))
    )
      throw new InvalidArgumentError(`${name} ${what}`, `${n} lengths in 1..${most}`, all.join(', '));
    return all;
  };
  const [steps, labels] = [
    lengths(inputLength, xs.length, 'inputLength'),
    lengths(labelLength, t.shape[1], 'labelLength'),
  ];
  return tf.tidy(() => {
    // Blanks before, between and behind the labels: 2 L + 1 places.
    const blank = tf.fill(t.shape, blankSymbol, 'int32');
    const path = tf.concat(
      [tf.reshape(tf.stack([blank, t], 2), [n, -1]), tf.slice(blank, [0, 0], [n, 1])],
      1,
    ) as tf.Tensor2D;
    const places = path.shape[1];
    const spelled = (x: tf.Tensor2D) => tf.gather(tf.logSoftmax(x), path, 1, 1);
    const later = (alpha: tf.Tensor, by: number) =>
      tf.slice(
        tf.pad(
          alpha as tf.Tensor2D,
          [
            [0, 0],
            [by, 0],
          ],
          never,
        ),
        [0, 0],
        [n, places],
      );
    // From a label to the next one without a blank, unless they are the same.
    const twoBefore = tf.slice(
      tf.pad(
        path,
        [
          [0, 0],
          [2, 0],
        ],
        -1,
      ),
      [0, 0],
      [n, places],
    );
    const isLabel = tf.tensor2d(
      Array.from({ length: n * places }, (_, i) => (i % places) % 2),
      [n, places],
    );
    const mayLeap = tf.logicalAnd(tf.cast(isLabel, 'bool'), tf.notEqual(path, twoBefore));
    const impossible = tf.fill([n, places], never);
    const start = tf.tensor2d(
      Array.from({ length: n * places }, (_, i) => (i % places < 2 ? 0 : never)),
      [n, places],
    );
    let alpha = tf.add(start, spelled(xs[0]!));
    for (const [k, x] of xs.entries()) {
      if (k === 0) continue;
      const ways = [alpha, later(alpha, 1), tf.where(mayLeap, later(alpha, 2), impossible)];
      const next = tf.add(tf.logSumExp(tf.stack(ways), 0), spelled(x));
      const counts = tf.tensor2d(
        steps.map((length) => (k < length ? 1 : 0)),
        [n, 1],
      );
      alpha = tf.where(tf.broadcastTo(tf.cast(counts, 'bool'), [n, places]), next, alpha);
    }
    // The last label, or the blank behind it.
    const ends = tf.tensor2d(
      labels.flatMap((length) => [2 * length - 1, 2 * length]),
      [n, 2],
      'int32',
    );
    const losses = tf.neg(tf.logSumExp(tf.gather(alpha, ends, 1, 1), 1));
    return reduce === 'no' ? losses : tf.mean(losses);
  });
}
