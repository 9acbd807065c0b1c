import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkOptions } from '../options.ts';

/** A range of positions: from `start` on, before `stop`, every `step`-th. Negative positions count from the end. */
export interface Range {
  start?: number;
  stop?: number;
  /** Default 1. A negative step walks backwards. */
  step?: number;
}

/**
 * What stands for one axis: a position (the axis goes), a range, a list of positions, null for a new axis of size 1, or '...'
 * for all axes that are not named. An empty range `{}` takes the whole axis.
 */
export type ItemIndex = number | Range | readonly number[] | null | '...';

/** The positions of a Python slice: the first one, how many, and the step. */
function positions(range: Range, size: number): { first: number; count: number; step: number } {
  const {
    start,
    stop,
    step = 1,
  } = checkOptions('getItem range', range, {
    start: 'number',
    stop: 'number',
    step: 'number',
  });
  if (!Number.isInteger(step) || step === 0)
    throw new InvalidArgumentError('getItem step', 'an integer that is not 0', step);
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
  const first = start === undefined ? (step > 0 ? low : high) : clamp(start);
  const end = stop === undefined ? (step > 0 ? high : low) : clamp(stop);
  return { first, count: Math.max(0, Math.ceil((end - first) / step)), step };
}

/** Every `step`-th element of an axis from `first` on, made of operations that every backend can differentiate. */
function take(x: tf.Tensor, axis: number, range: Range): tf.Tensor {
  const { first, count, step } = positions(range, x.shape[axis]!);
  const part = (t: tf.Tensor, at: number, begin: number, size: number) =>
    tf.slice(
      t,
      t.shape.map((_, i) => (i === at ? begin : 0)),
      t.shape.map((all, i) => (i === at ? size : all)),
    );
  const stride = Math.abs(step);
  const reach = count === 0 ? 0 : (count - 1) * stride + 1;
  const covered = part(x, axis, step > 0 ? first : first - reach + 1, reach);
  const forward = step > 0 ? covered : tf.reverse(covered, axis);
  if (stride === 1 || count === 0) return forward;
  // (count * stride) as (count, stride), of which the first column is wanted.
  const padded = tf.pad(
    forward,
    forward.shape.map((_, i): [number, number] => [0, i === axis ? count * stride - reach : 0]),
  );
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const columns = part(tf.reshape(padded, [...before, count, stride, ...after]), axis + 1, 0, 1);
  return tf.reshape(columns, [...before, count, ...after]);
}

/** The given positions of an axis, which may repeat. */
function pick(x: tf.Tensor, axis: number, list: readonly number[]): tf.Tensor {
  const size = x.shape[axis]!;
  const places = list.map((index) => position(index, size));
  return tf.gather(x, tf.tensor1d(places, 'int32'), axis);
}

function position(at: number, size: number): number {
  if (!Number.isInteger(at) || at < -size || at >= size) {
    throw new InvalidArgumentError('getItem', `an integer position in ${-size}..${size - 1}`, at);
  }
  return at < 0 ? at + size : at;
}

/**
 * Part of a tensor, as `x[...]` in NumPy and Chainer (`chainer.functions.get_item`); differentiable.
 *
 * `getItem(x, 1)` is x[1]; `getItem(x, {}, { start: 1 })` is x[:, 1:]; `getItem(x, '...', null)` adds an axis at the end.
 *
 * @param indices one for each axis from the first on; axes that are not named stay whole.
 * @throws InvalidArgumentError on positions outside the tensor and on more indices than axes.
 */
export function getItem(x: tf.Tensor, ...indices: readonly ItemIndex[]): tf.Tensor {
  const named = indices.filter((index) => index !== null && index !== '...').length;
  if (named > x.rank || indices.filter((index) => index === '...').length > 1) {
    throw new InvalidArgumentError('getItem', `at most ${x.rank} indices and one '...'`, indices.length);
  }
  const whole: ItemIndex[] = Array.from({ length: x.rank - named }, () => ({}));
  const all = indices.includes('...')
    ? indices.flatMap((index) => (index === '...' ? whole : [index]))
    : [...indices, ...whole];
  return tf.tidy(() => {
    let y = tf.clone(x);
    let axis = 0;
    for (const index of all as Exclude<ItemIndex, '...'>[]) {
      if (index === null) y = tf.expandDims(y, axis++);
      else if (typeof index === 'number') y = tf.squeeze(take(y, axis, at(index, y.shape[axis]!)), [axis]);
      else if (isList(index)) y = pick(y, axis++, index);
      else y = take(y, axis++, index);
    }
    return y;
  });
}

const isList = (index: Range | readonly number[]): index is readonly number[] => Array.isArray(index);

function at(index: number, size: number): Range {
  const start = position(index, size);
  return { start, stop: start + 1 };
}
