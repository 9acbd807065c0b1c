/** Operators that take one or more axes together. */
import { logsumexp } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { mapped } from '../values/aligned.ts';
import {
  type Dtype,
  type HostArray,
  isFloat,
  numbers,
  sizeOf,
  stridesOf,
  walk,
} from '../values/host-array.ts';
import { gathered, withoutAxes } from '../values/moves.ts';
import { reshaped, tensorType, transposed, Value } from '../values/value.ts';
import { axisOf, type Call, type Rule, type RuleTable } from './rule.ts';

/** The axes of a reduction; null where an operator without axes changes nothing. */
function axesOf(call: Call, x: Value): number[] | null {
  const given = call.ints(1, 'axes');
  if (given !== null && given.length > 0) return given.map((axis) => axisOf(axis, x.rank));
  return call.int('noop_with_empty_axes', 0) !== 0 ? null : x.shape.map((_, i) => i);
}

/** A tensor that was reduced over stored axes which were kept, as the value that the node gives. */
export function reducedValue(
  kept: tf.Tensor,
  x: Value,
  axes: readonly number[],
  keep: boolean,
  dtype: Dtype,
): Value {
  if (keep) return Value.device(kept, dtype, x.order);
  const { tensor, order } = withoutAxes(kept, x.order, axes);
  return Value.device(tensor, dtype, order);
}

const storedAxes = (x: Value, axes: readonly number[]) => axes.map((axis) => x.order.indexOf(axis));

type OnTensor = (x: tf.Tensor, axes: number[]) => tf.Tensor;

/** @param onTensor keeps the axes. @param fold on the host: the start, and how a value is added to it. */
function reduction(
  onTensor: OnTensor,
  fold?: readonly [start: number, add: (sum: number, value: number) => number],
  first = 1,
): Rule {
  return {
    opsets: [first, 25],
    reads: [1],
    folds: fold !== undefined,
    run(call) {
      const x = call.input(0);
      const axes = axesOf(call, x);
      if (axes === null) return x.copy();
      const keep = call.int('keepdims', 1) !== 0;
      const host = x.constant;
      if (host !== null && fold !== undefined) return Value.host(reduceHost(host, axes, keep, fold));
      const { stored } = x;
      const float = tf.cast(stored, 'float32');
      const out = axes.length === 0 ? tf.clone(float) : onTensor(float, storedAxes(x, axes));
      return reducedValue(isFloat(x.dtype) ? out : tf.cast(out, tensorType(x.dtype)), x, axes, keep, x.dtype);
    },
  };
}

function reduceHost(
  x: HostArray,
  axes: readonly number[],
  keep: boolean,
  [start, add]: readonly [number, (sum: number, value: number) => number],
): HostArray {
  const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  const data = numbers(x.dtype, sizeOf(kept)).fill(start);
  const strides = stridesOf(kept).map((stride, i) => (axes.includes(i) ? 0 : stride));
  walk(x.shape, [strides], (at, [offset]) => {
    data[offset!] = add(data[offset!]!, x.data[at]!);
  });
  return { dtype: x.dtype, shape: keep ? kept : x.shape.filter((_, i) => !axes.includes(i)), data };
}

/** The place of the largest (or smallest) value along an axis. */
function arg(onTensor: (x: tf.Tensor, axis: number) => tf.Tensor): Rule {
  return {
    opsets: [1, 25],
    run(call) {
      const x = call.input(0);
      const axis = axisOf(call.int('axis', 0), x.rank);
      const at = x.order.indexOf(axis);
      const last = call.int('select_last_index', 0) !== 0;
      const { stored } = x;
      const found = onTensor(last ? tf.reverse(stored, at) : stored, at);
      const places = last ? tf.sub(tf.scalar(x.shape[axis]! - 1, 'int32'), found) : found;
      return reducedValue(tf.expandDims(places, at), x, [axis], call.int('keepdims', 1) !== 0, 'int64');
    },
  };
}

/** Runs fn on the last stored axis, which is brought to be the given one. */
export function onLastAxis(x: Value, axis: number, fn: (t: tf.Tensor) => tf.Tensor): Value {
  const order = x.order.at(-1) === axis ? x.order : [...x.order.filter((a) => a !== axis), axis];
  return Value.device(fn(x.tensor(order)), x.dtype, order);
}

/** Softmax and its kin: along one axis since opset 13; before, over all axes from one on, taken as one. */
function alongAxis(onTensor: (t: tf.Tensor) => tf.Tensor): Rule {
  return {
    opsets: [1, 25],
    run(call) {
      const x = call.input(0);
      const joint = call.opset < 13;
      const axis = axisOf(call.int('axis', joint ? 1 : -1), x.rank);
      if (!joint || x.shape.every((n, i) => i <= axis || n === 1)) return onLastAxis(x, axis, onTensor);
      const flat = reshaped(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
      return reshaped(onLastAxis(flat, 1, onTensor), x.shape);
    },
  };
}

/** One at the first of the largest values, zero elsewhere. */
function hardmax(x: tf.Tensor): tf.Tensor {
  const depth = x.shape.at(-1)!;
  return tf.cast(tf.oneHot(tf.cast(tf.argMax(x, -1), 'int32'), depth), 'float32');
}

const topK: Rule = {
  opsets: [1, 25],
  reads: [1],
  run(call) {
    const x = call.input(0);
    const k = call.optional(1)?.hostArray?.data[0] ?? call.int('k', 1);
    const axis = axisOf(call.int('axis', -1), x.rank);
    const largest = call.int('largest', 1) !== 0;
    const order = x.order.at(-1) === axis ? x.order : [...x.order.filter((a) => a !== axis), axis];
    const tensor = tf.cast(x.tensor(order), 'float32');
    const { values, indices } = tf.topk(largest ? tensor : tf.neg(tensor), k);
    const signed = largest ? values : tf.neg(values);
    const typed = isFloat(x.dtype) ? signed : tf.cast(signed, tensorType(x.dtype));
    return [Value.device(typed, x.dtype, order), Value.device(indices, 'int64', order)];
  },
};

const cumSum: Rule = {
  opsets: [11, 25],
  reads: [1],
  run(call) {
    const x = call.input(0);
    const axis = x.order.indexOf(axisOf(call.host(1).data[0]!, x.rank));
    const [exclusive, reverse] = [call.int('exclusive', 0) !== 0, call.int('reverse', 0) !== 0];
    return mapped(x, (t) => tf.cumsum(t, axis, exclusive, reverse));
  },
};

/** Zero mean and unit variance over some axes. */
const meanVarianceNormalization: Rule = {
  opsets: [9, 25],
  run(call) {
    const x = call.input(0);
    const axes = storedAxes(
      x,
      (call.intsOf('axes') ?? [0, 2, 3]).map((axis) => axisOf(axis, x.rank)),
    );
    return mapped(x, (t) => {
      const centered = tf.sub(t, tf.mean(t, axes, true));
      return tf.div(centered, tf.add(tf.sqrt(tf.mean(tf.square(centered), axes, true)), 1e-9));
    });
  },
};

/** The lengths of the sequences that are turned round come as numbers; each step picks its elements. */
const reverseSequence: Rule = {
  opsets: [10, 25],
  reads: [1],
  run(call) {
    const x = call.input(0);
    const [batchAxis, timeAxis] = [call.int('batch_axis', 1), call.int('time_axis', 0)];
    const lengths = call.host(1).data;
    const steps = x.shape[timeAxis]!;
    const batches = x.shape[batchAxis]!;
    // As (batch * time, rest): one pick of rows turns all sequences at once.
    const rest = x.shape.map((_, i) => i).filter((i) => i !== batchAxis && i !== timeAxis);
    const perm = [batchAxis, timeAxis, ...rest];
    const rows = reshaped(transposed(x, perm), [batches * steps, x.size / (batches * steps)]);
    const places = numbers('int64', batches * steps);
    for (let b = 0; b < batches; b++)
      for (let t = 0; t < steps; t++)
        places[b * steps + t] = b * steps + (t < lengths[b]! ? lengths[b]! - 1 - t : t);
    const picked = gathered(rows, Value.host({ dtype: 'int64', shape: [places.length], data: places }), 0);
    const shape = perm.map((axis) => x.shape[axis]!);
    return transposed(
      reshaped(picked, shape),
      perm.map((_, i) => perm.indexOf(i)),
    );
  },
};

const add = (sum: number, value: number) => sum + value;
const onAxes =
  (fn: (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor): OnTensor =>
  (x, axes) =>
    fn(x, axes, true);

export const reductionRules: RuleTable = {
  ReduceSum: reduction(onAxes(tf.sum), [0, add]),
  ReduceMean: reduction(onAxes(tf.mean)),
  ReduceMax: reduction(onAxes(tf.max), [Number.NEGATIVE_INFINITY, Math.max]),
  ReduceMin: reduction(onAxes(tf.min), [Number.POSITIVE_INFINITY, Math.min]),
  ReduceProd: reduction(onAxes(tf.prod), [1, (product, value) => product * value]),
  ReduceL1: reduction((x, axes) => tf.sum(tf.abs(x), axes, true)),
  ReduceL2: reduction((x, axes) => tf.sqrt(tf.sum(tf.square(x), axes, true))),
  ReduceSumSquare: reduction((x, axes) => tf.sum(tf.square(x), axes, true)),
  ReduceLogSum: reduction((x, axes) => tf.log(tf.sum(x, axes, true))),
  ReduceLogSumExp: reduction((x, axes) => {
    const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
    return tf.reshape(logsumexp(x, axes), kept);
  }),
  ArgMax: arg((x, axis) => tf.argMax(x, axis)),
  ArgMin: arg((x, axis) => tf.argMin(x, axis)),
  Softmax: alongAxis((t) => tf.softmax(t)),
  LogSoftmax: alongAxis((t) => tf.logSoftmax(t)),
  Hardmax: alongAxis(hardmax),
  TopK: topK,
  CumSum: cumSum,
  MeanVarianceNormalization: meanVarianceNormalization,
  ReverseSequence: reverseSequence,
};
