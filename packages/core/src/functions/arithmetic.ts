/** Mathematics that tfjs-core does not have under a name of its own. Elementwise unless said. */
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkSameShape, resolveAxis } from './arguments.ts';

/** 1 - erf(x); within 1.5e-7, as tfjs computes erf. */
export function erfc<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.sub(1, tf.erf(x)) as T);
}

/** The distribution function of the normal distribution: erfc(-x / sqrt(2)) / 2, within 1e-7. */
export function ndtr<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5) as T);
}

/** The logarithm of base 2. */
export function log2<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.mul(tf.log(x), Math.LOG2E) as T);
}

/** The logarithm of base 10. */
export function log10<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.mul(tf.log(x), Math.LOG10E) as T);
}

/** x without what is behind the point: towards zero. Its gradient is zero. */
export function fix<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => tf.mul(tf.sign(x), tf.floor(tf.abs(x))) as T);
}

/** What is left of x / y after whole steps towards zero: of x's sign, as C's `fmod`. x and y broadcast. */
export function fmod(x: tf.Tensor, y: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.sub(x, tf.mul(fix(tf.div(x, y)), y)));
}

/** p x + (1 - p) y. @throws ShapeMismatchError when the shapes differ. */
export function linearInterpolate<T extends tf.Tensor>(p: T, x: T, y: T): T {
  checkSameShape('linearInterpolate x', p.shape, x.shape);
  checkSameShape('linearInterpolate y', p.shape, y.shape);
  return tf.tidy(() => tf.add(y, tf.mul(p, tf.sub(x, y))) as T);
}

/** The square of the length of each sample: (N, ...) to (N). */
export function batchL2NormSquared(x: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => tf.sum(tf.square(tf.reshape(x, [x.shape[0]!, -1])), 1));
}

/** Sums over the axes along which `shape` would be broadcast to x's shape. @throws InvalidArgumentError when it would not be. */
export function sumTo(x: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const offset = x.rank - shape.length;
  const axes = x.shape.flatMap((size, i) =>
    i < offset || (shape[i - offset] === 1 && size !== 1) ? [i] : [],
  );
  if (offset < 0 || shape.some((size, i) => size !== 1 && size !== x.shape[i + offset]))
    throw new InvalidArgumentError(
      'sumTo shape',
      `a shape that broadcasts to (${x.shape.join(', ')})`,
      `(${shape.join(', ')})`,
    );
  return tf.tidy(() => tf.reshape(tf.sum(x, axes, true), [...shape]));
}

/**
 * The sums of products over axes of both (`chainer.functions.tensordot`), as one matrix product.
 *
 * @param axes how many of a's last and b's first axes meet, or a list of a's axes and one of b's. Default 2.
 * @returns a's other axes, then b's.
 * @throws ShapeMismatchError when axes that meet differ in size; InvalidArgumentError on other bad axes.
 */
export function tensordot(
  a: tf.Tensor,
  b: tf.Tensor,
  axes: number | readonly [a: readonly number[], b: readonly number[]] = 2,
): tf.Tensor {
  const range = (n: number, from: number) => Array.from({ length: n }, (_, i) => from + i);
  const [metA, metB] =
    typeof axes === 'number' ? [range(axes, a.rank - axes), range(axes, 0)] : [axes[0], axes[1]];
  const own = (x: tf.Tensor, list: readonly number[]) =>
    list.map((axis) => resolveAxis('tensordot', axis, x.rank));
  const [ofA, ofB] = [own(a, metA), own(b, metB)];
  checkSameShape(
    'tensordot b',
    ofA.map((axis) => a.shape[axis]!),
    ofB.map((axis) => b.shape[axis]!),
  );
  const rest = (x: tf.Tensor, met: number[]) => range(x.rank, 0).filter((axis) => !met.includes(axis));
  const [restA, restB] = [rest(a, ofA), rest(b, ofB)];
  const sizes = (x: tf.Tensor, list: number[]) => list.map((axis) => x.shape[axis]!);
  const product = (list: number[]) => list.reduce((m, n) => m * n, 1);
  return tf.tidy(() => {
    const inner = product(sizes(a, ofA));
    const left = tf.reshape(tf.transpose(a, [...restA, ...ofA]), [product(sizes(a, restA)), inner]);
    const right = tf.reshape(tf.transpose(b, [...ofB, ...restB]), [inner, product(sizes(b, restB))]);
    return tf.reshape(tf.matMul(left, right), [...sizes(a, restA), ...sizes(b, restB)]);
  });
}
