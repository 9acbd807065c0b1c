/** Moving axes and repeating along them, as in NumPy. */
import * as tf from '@tensorflow/tfjs-core';
import { checkOptions } from '../options.ts';
import { type Axes, checkInteger, checkSameShape, resolveAxes, resolveAxis } from './arguments.ts';

/** Exchanges two axes. */
export function swapaxes(x: tf.Tensor, axis1: number, axis2: number): tf.Tensor {
  const a = resolveAxis('swapaxes', axis1, x.rank);
  const b = resolveAxis('swapaxes', axis2, x.rank);
  return tf.transpose(
    x,
    x.shape.map((_, i) => (i === a ? b : i === b ? a : i)),
  );
}

/** Moves one axis to another place; the others keep their order. */
export function moveaxis(x: tf.Tensor, source: number, destination: number): tf.Tensor {
  const from = resolveAxis('moveaxis', source, x.rank);
  const order = x.shape.map((_, i) => i).filter((i) => i !== from);
  order.splice(resolveAxis('moveaxis', destination, x.rank), 0, from);
  return tf.transpose(x, order);
}

/** Moves `axis` before the axis that is at `start` now. */
export function rollaxis(x: tf.Tensor, axis: number, start = 0): tf.Tensor {
  const from = resolveAxis('rollaxis', axis, x.rank);
  // `start` may be behind the last axis.
  const before = resolveAxis('rollaxis start', start, x.rank + 1);
  return moveaxis(x, from, before > from ? before - 1 : before);
}

/** Repeats each element `times` times along `axis` (`chainer.functions.repeat`; `repeat` repeats links here). */
export function repeatElements(x: tf.Tensor, times: number, axis: number): tf.Tensor {
  checkInteger('repeatElements times', times, 1);
  const at = resolveAxis('repeatElements', axis, x.rank);
  return tf.tidy(() => {
    const expanded = tf.expandDims(x, at + 1);
    const repeated = tf.tile(
      expanded,
      expanded.shape.map((_, i) => (i === at + 1 ? times : 1)),
    );
    return tf.reshape(
      repeated,
      x.shape.map((size, i) => (i === at ? size * times : size)),
    );
  });
}

/**
 * The mean along `axis`, all axes unless given, weighted where weights are given (`chainer.functions.average`).
 *
 * @param options weights: of x's shape, or one for each element of the one axis. keepdims: reduced axes stay as 1.
 */
export function average(
  x: tf.Tensor,
  options: { axis?: Axes; weights?: tf.Tensor; keepdims?: boolean } = {},
): tf.Tensor {
  const {
    axis,
    weights,
    keepdims = false,
  } = checkOptions('average', options, { axis: 'any', weights: 'object', keepdims: 'boolean' });
  const axes = axis === undefined ? x.shape.map((_, i) => i) : resolveAxes('average', axis, x.rank);
  if (weights === undefined) return tf.mean(x, axes, keepdims);
  return tf.tidy(() => {
    let factors = weights;
    if (axes.length === 1 && weights.rank === 1) {
      checkSameShape('average weights', [x.shape[axes[0]!]!], weights.shape);
      factors = tf.reshape(
        weights,
        x.shape.map((size, i) => (i === axes[0] ? size : 1)),
      );
    } else checkSameShape('average weights', x.shape, weights.shape);
    return tf.div(tf.sum(tf.mul(x, factors), axes, keepdims), tf.sum(factors, axes, keepdims));
  });
}
