/** Moving elements to other places. */
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkOptions } from '../options.ts';
import { checkInteger, checkRank, resolveAxis } from './arguments.ts';

const nhwc = ['N', 'H', 'W', 'C'];

/**
 * Channels as blocks of pixels (`chainer.functions.depth2space`): y[r i + a, r j + b, c] = x[i, j, (a r + b) C + c]. PyTorch's pixel shuffle
 * has another order of channels.
 *
 * @param x (N, H, W, r r C).
 * @returns (N, r H, r W, C).
 */
export function depth2space(x: tf.Tensor4D, r: number): tf.Tensor4D {
  checkRank('depth2space x', x, nhwc);
  checkInteger('depth2space r', r, 1);
  const [n, h, w, c] = x.shape;
  if (c % (r * r) !== 0)
    throw new InvalidArgumentError('depth2space x', `channels divisible by r^2 = ${r * r}`, c);
  return tf.tidy(() => {
    const blocks = tf.transpose(tf.reshape(x, [n, h, w, r, r, c / (r * r)]), [0, 1, 3, 2, 4, 5]);
    return tf.reshape(blocks, [n, h * r, w * r, c / (r * r)]);
  });
}

/** Blocks of pixels as channels (`chainer.functions.space2depth`): the inverse of `depth2space`. @returns (N, H / r, W / r, r r C). */
export function space2depth(x: tf.Tensor4D, r: number): tf.Tensor4D {
  checkRank('space2depth x', x, nhwc);
  checkInteger('space2depth r', r, 1);
  const [n, h, w, c] = x.shape;
  if (h % r !== 0 || w % r !== 0)
    throw new InvalidArgumentError(
      'space2depth x',
      `a height and width divisible by r = ${r}`,
      `${h} x ${w}`,
    );
  return tf.tidy(() => {
    const blocks = tf.transpose(tf.reshape(x, [n, h / r, r, w / r, r, c]), [0, 1, 3, 2, 4, 5]);
    return tf.reshape(blocks, [n, h / r, w / r, r * r * c]);
  });
}

/**
 * x in another order along an axis (`chainer.functions.permutate`).
 *
 * @param indices int32 or a list: each of 0..size-1 once.
 * @param options axis: default 0. inv: whether element i goes to place indices[i] instead of coming from it; needs a list.
 */
export function permutate(
  x: tf.Tensor,
  indices: readonly number[],
  options: { axis?: number; inv?: boolean } = {},
): tf.Tensor {
  const { axis = 0, inv = false } = checkOptions('permutate', options, { axis: 'number', inv: 'boolean' });
  const at = resolveAxis('permutate', axis, x.rank);
  const places = new Int32Array(x.shape[at]!).fill(-1);
  for (const [i, from] of indices.entries()) places[from] = i;
  if (indices.length !== places.length || places.includes(-1))
    throw new InvalidArgumentError(
      'permutate indices',
      `each of 0..${places.length - 1} once`,
      `[${indices.join(', ')}]`,
    );
  return tf.tidy(() => tf.gather(x, tf.tensor1d(inv ? places : [...indices], 'int32'), at));
}

/**
 * x with y added to the rows that `indices` name; a row named twice gets both (`chainer.functions.scatter_add`).
 *
 * @param x (rows, ...).
 * @param indices int32 (n) in 0..rows-1.
 * @param y (n, ...).
 */
export function scatterAdd(x: tf.Tensor, indices: tf.Tensor1D, y: tf.Tensor): tf.Tensor {
  if (indices.dtype !== 'int32')
    throw new InvalidArgumentError('scatterAdd indices', 'an int32 tensor', indices.dtype);
  return tf.tidy(() => tf.add(x, tf.unsortedSegmentSum(y, indices, x.shape[0]!)));
}

/**
 * The diagonal of the last two axes of x (`chainer.functions.diagonal`), which come last.
 *
 * @param offset how many columns right of the main one; negative below it.
 */
export function diagonal(x: tf.Tensor, offset = 0): tf.Tensor {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const [down, right] = [Math.max(-offset, 0), Math.max(offset, 0)];
  const length = Math.min(rows - down, columns - right);
  if (!(Number.isInteger(offset) && length > 0))
    throw new InvalidArgumentError('diagonal offset', `an integer in ${1 - rows}..${columns - 1}`, offset);
  const places = Array.from({ length }, (_, i) => (i + down) * columns + i + right);
  return tf.tidy(() =>
    tf.gather(
      tf.reshape(x, [...x.shape.slice(0, -2), rows * columns]),
      tf.tensor1d(places, 'int32'),
      x.rank - 2,
    ),
  );
}

/**
 * Sequences of several lengths as one tensor (`chainer.functions.pad_sequence`).
 *
 * @param xs each (length, ...).
 * @param options length: of the result, the longest unless given. padding: what fills up. Default 0.
 * @returns (number of sequences, length, ...).
 */
export function padSequence(
  xs: readonly tf.Tensor[],
  options: { length?: number; padding?: number } = {},
): tf.Tensor {
  const { length = Math.max(...xs.map((x) => x.shape[0]!)), padding = 0 } = checkOptions(
    'padSequence',
    options,
    { length: 'number', padding: 'number' },
  );
  return tf.tidy(() =>
    tf.stack(
      xs.map((x) => {
        if (x.shape[0]! > length)
          throw new InvalidArgumentError('padSequence length', `at least ${x.shape[0]}`, length);
        return tf.pad(
          x,
          x.shape.map((size, i): [number, number] => [0, i === 0 ? length - size : 0]),
          padding,
        );
      }),
    ),
  );
}

/**
 * Sequences by time: from the elements of each sequence to those of all sequences at each step, and back
 * (`chainer.functions.transpose_sequence`).
 *
 * @param xs each (length, ...), the longest first.
 * @returns one tensor a step, (number of sequences that reach it, ...).
 * @throws InvalidArgumentError when a sequence is longer than the one before.
 */
export function transposeSequence(xs: readonly tf.Tensor[]): tf.Tensor[] {
  const lengths = xs.map((x) => x.shape[0]!);
  if (lengths.some((length, i) => i > 0 && length > lengths[i - 1]!))
    throw new InvalidArgumentError(
      'transposeSequence xs',
      'the longest first',
      `lengths ${lengths.join(', ')}`,
    );
  return tf.tidy(() => {
    const steps = xs.map((x) => (x.shape[0] === 0 ? [] : tf.unstack(x)));
    return Array.from({ length: lengths[0] ?? 0 }, (_, t) =>
      tf.stack(steps.flatMap((own) => (t < own.length ? [own[t]!] : []))),
    );
  });
}
