/** Gradients of reductions and of running sums and products. */
import * as tf from '@tensorflow/tfjs-core';
import { isRecorded } from '../tape.ts';
import { axesOf, keptShape, product, type RuleTable, rule, where, zeros } from './rule.ts';

interface Reduction {
  axis?: number | number[] | null;
  /** tfjs' Max calls its axes so. */
  reductionIndices?: number | number[] | null;
}

interface Running {
  axis: number;
  exclusive: boolean;
  reverse: boolean;
}

const spread = (dy: tf.Tensor, x: tf.Tensor, axes: number[]) =>
  tf.broadcastTo(tf.reshape(dy, keptShape(x.shape, axes)), x.shape);

/** All tied elements get the whole gradient, as in Chainer. */
const extremum = rule<Reduction>(
  { inputs: ['x'], output: true },
  (dy, [x, y], { axis, reductionIndices }) => ({
    x: () => {
      const axes = axesOf(axis ?? reductionIndices, x!.rank);
      return where(tf.equal(x!, tf.reshape(y!, keptShape(x!.shape, axes))), spread(dy, x!, axes));
    },
  }),
);

const nil = rule({ inputs: ['x'] }, (_, [x]) => ({ x: () => zeros(x!) }));

/** The product of the other elements of each row, made of running products, so that zeros do no harm. */
const othersOfRows = (rows: tf.Tensor) =>
  tf.mul(tf.cumprod(rows, 1, true, false), tf.cumprod(rows, 1, true, true));

/** The same with right gradients where elements are zero, which running products do not have: as many copies as columns. */
function othersOfRowsRecorded(rows: tf.Tensor): tf.Tensor {
  const [count, size] = rows.shape as [number, number];
  const copies = tf.broadcastTo(tf.reshape(rows, [count, 1, size]), [count, size, size]);
  return tf.prod(tf.where(tf.cast(tf.eye(size), 'bool'), tf.onesLike(copies), copies), 2);
}

/** The product of all other elements along the reduced axes. */
function productOfOthers(x: tf.Tensor, axes: number[]): tf.Tensor {
  const others = Array.from({ length: x.rank }, (_, i) => i).filter((axis) => !axes.includes(axis));
  const perm = [...others, ...axes];
  const back = perm.map((_, axis) => perm.indexOf(axis));
  const moved = tf.transpose(x, perm);
  const rows = tf.reshape(moved, [-1, product(axes.map((axis) => x.shape[axis]!))]);
  const rest = isRecorded() ? othersOfRowsRecorded(rows) : othersOfRows(rows);
  return tf.transpose(tf.reshape(rest, moved.shape), back);
}

export const reductionRules: RuleTable = {
  All: nil,
  Any: nil,
  ArgMax: nil,
  ArgMin: nil,
  Cumprod: rule<Running>({ inputs: ['x'], output: true }, (dy, [x, y], { axis, exclusive, reverse }) => ({
    // Not defined at zeros.
    x: () => tf.div(tf.cumsum(tf.mul(dy, y!), axis, exclusive, !reverse), x!),
  })),
  Cumsum: rule<Running>({}, (dy, _, { axis, exclusive, reverse }) => ({
    x: () => tf.cumsum(dy, axis, exclusive, !reverse),
  })),
  Max: extremum,
  Mean: rule<Reduction>({ inputs: ['x'] }, (dy, [x], { axis }) => ({
    x: () => {
      const axes = axesOf(axis, x!.rank);
      return spread(tf.div(dy, product(axes.map((a) => x!.shape[a]!))), x!, axes);
    },
  })),
  Min: extremum,
  Prod: rule<Reduction>({ inputs: ['x'] }, (dy, [x], { axis }) => ({
    x: () => {
      const axes = axesOf(axis, x!.rank);
      return tf.mul(tf.reshape(dy, keptShape(x!.shape, axes)), productOfOthers(tf.cast(x!, 'float32'), axes));
    },
  })),
  Sum: rule<Reduction>({ inputs: ['x'] }, (dy, [x], { axis }) => ({
    x: () => spread(dy, x!, axesOf(axis, x!.rank)),
  })),
};
