/** Normalizations, and dropout. */
import { batchNormalization, config, fixedBatchNormalization } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { numbers, sizeOf } from '../values/host-array.ts';
import { channelsLast, Value } from '../values/value.ts';
import { axisOf, type Rule, type RuleTable } from './rule.ts';

const batchNorm: Rule = {
  opsets: [1, 25],
  weights: { 1: 'weight', 2: 'bias', 3: 'running_mean', 4: 'running_var' },
  statistics: [3, 4],
  layer: 'channels-last',
  run(call) {
    const x = call.input(0);
    const order = channelsLast(x.rank);
    const [scale, shift, mean, variance] = [1, 2, 3, 4].map((i) => call.input(i).tensor()) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const eps = call.float('epsilon', 1e-5);
    const tensor = x.tensor(order);
    const asked = call.int('training_mode', 0) !== 0;
    const { moveStatistics } = call.surroundings;
    if (!asked && !(config.train && moveStatistics !== undefined))
      return Value.device(
        fixedBatchNormalization(tensor, scale, shift, mean, variance, { eps }),
        x.dtype,
        order,
      );
    const batch = batchNormalization(tensor, scale, shift, { eps });
    const momentum = call.float('momentum', 0.9);
    const moved = (old: tf.Tensor, now: tf.Tensor) =>
      Value.device(tf.add(tf.mul(old, momentum), tf.mul(now, 1 - momentum)), x.dtype);
    const y = Value.device(batch.y, x.dtype, order);
    if (asked) return [y, moved(mean, batch.mean), moved(variance, batch.variance)];
    moveStatistics!(moved(mean, batch.mean), moved(variance, tf.mul(batch.variance, batch.unbiased)));
    return y;
  },
};

/** (x - mean) / sqrt(variance + eps) over some stored axes, with what it was made of. */
function standardized(x: tf.Tensor, axes: number[], eps: number) {
  const mean = tf.mean(x, axes, true);
  const centered = tf.sub(x, mean);
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centered), axes, true), eps));
  return { y: tf.mul(centered, inverse), mean, inverse };
}

const layerNormalization: Rule = {
  opsets: [17, 25],
  weights: { 1: 'weight', 2: 'bias' },
  layer: 'plain',
  run(call) {
    const x = call.input(0);
    const axis = axisOf(call.int('axis', -1), x.rank);
    const axes = x.shape.map((_, i) => i).slice(axis);
    const { y, mean, inverse } = standardized(x.tensor(), axes, call.float('epsilon', 1e-5));
    const scaled = tf.mul(y, call.input(1).tensor());
    const bias = call.optional(2);
    const out = Value.device(bias === null ? scaled : tf.add(scaled, bias.tensor()), x.dtype);
    return [out, Value.device(mean, x.dtype), Value.device(inverse, x.dtype)];
  },
};

const instanceNormalization: Rule = {
  opsets: [1, 25],
  weights: { 1: 'weight', 2: 'bias' },
  neutral: { 1: 1, 2: 0 },
  layer: 'channels-last',
  run(call) {
    const x = call.input(0);
    const order = channelsLast(x.rank);
    const axes = x.shape.map((_, i) => i).slice(1, -1);
    const { y } = standardized(x.tensor(order), axes, call.float('epsilon', 1e-5));
    return Value.device(tf.add(tf.mul(y, call.input(1).tensor()), call.input(2).tensor()), x.dtype, order);
  },
};

const groupNormalization: Rule = {
  opsets: [18, 25],
  weights: { 1: 'weight', 2: 'bias' },
  layer: 'channels-last',
  run(call) {
    const x = call.input(0);
    const groups = call.int('num_groups', 1);
    const order = channelsLast(x.rank);
    const [n, c] = x.shape as [number, number];
    const pixels = sizeOf(x.shape.slice(2));
    const tensor = x.tensor(order);
    const { y } = standardized(
      tf.reshape(tensor, [n, pixels, groups, c / groups]),
      [1, 3],
      call.float('epsilon', 1e-5),
    );
    let [scale, shift] = [call.input(1).tensor(), call.input(2).tensor()];
    // Before opset 21 there was one scale a group.
    const each = (t: tf.Tensor) => tf.reshape(tf.tile(tf.reshape(t, [groups, 1]), [1, c / groups]), [c]);
    if (scale.size === groups && groups !== c) [scale, shift] = [each(scale), each(shift)];
    return Value.device(tf.add(tf.mul(tf.reshape(y, tensor.shape), scale), shift), x.dtype, order);
  },
};

const rmsNormalization: Rule = {
  opsets: [23, 25],
  weights: { 1: 'weight' },
  layer: 'plain',
  run(call) {
    const x = call.input(0);
    const axes = x.shape.map((_, i) => i).slice(axisOf(call.int('axis', -1), x.rank));
    const tensor = x.tensor();
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(tensor), axes, true), call.float('epsilon', 1e-5)));
    return Value.device(tf.mul(tf.mul(tensor, inverse), call.input(1).tensor()), x.dtype);
  },
};

/** x / (bias + alpha / size * the sum of squares of neighbouring channels)^beta. */
const lrn: Rule = {
  opsets: [1, 25],
  run(call) {
    const x = call.input(0);
    const size = call.int('size', 1);
    const order = channelsLast(x.rank);
    const tensor = x.tensor(order);
    const before = Math.floor((size - 1) / 2);
    const pads = order.map((axis) => (axis === 1 ? [before, size - 1 - before] : [0, 0]) as [number, number]);
    // The sum over a window of channels is the difference of two running sums.
    const squares = tf.pad(
      tf.square(tensor),
      pads.map(([a, b], i) => (order[i] === 1 ? [a + 1, b] : [a, b]) as [number, number]),
    );
    const running = tf.cumsum(squares, order.length - 1);
    const at = (from: number) =>
      tf.slice(
        running,
        order.map((axis) => (axis === 1 ? from : 0)),
        tensor.shape,
      );
    const sums = tf.sub(at(size), at(0));
    const base = tf.add(tf.mul(sums, call.float('alpha', 1e-4) / size), call.float('bias', 1));
    return Value.device(tf.div(tensor, tf.pow(base, call.float('beta', 0.75))), x.dtype, order);
  },
};

const lpNormalization: Rule = {
  opsets: [1, 25],
  run(call) {
    const x = call.input(0);
    const axis = x.order.indexOf(axisOf(call.int('axis', -1), x.rank));
    const { stored } = x;
    const norm =
      call.int('p', 2) === 1
        ? tf.sum(tf.abs(stored), axis, true)
        : tf.sqrt(tf.sum(tf.square(stored), axis, true));
    return Value.device(tf.div(stored, norm), x.dtype, x.order);
  },
};

/** Drops while the node asks for it, or while `config.train` is on where files leave that to the program: before opset 12. */
const dropout: Rule = {
  opsets: [1, 25],
  reads: [1, 2],
  run(call) {
    const x = call.input(0);
    const ratio = call.optional(1)?.hostArray?.data[0] ?? call.float('ratio', 0.5);
    const mode = call.optional(2)?.hostArray?.data[0];
    const drops =
      mode === undefined ? config.train && call.opset < 12 && call.int('is_test', 0) === 0 : mode !== 0;
    const whole = () => Value.host({ dtype: 'bool', shape: x.shape, data: numbers('bool', x.size).fill(1) });
    if (!drops || ratio === 0) return call.node.outputs.length > 1 ? [x.copy(), whole()] : x.copy();
    const kept = tf.greaterEqual(tf.randomUniform([...x.stored.shape], 0, 1), ratio);
    const y = tf.div(tf.mul(x.stored, tf.cast(kept, 'float32')), 1 - ratio);
    return [Value.device(y, x.dtype, x.order), Value.device(kept, 'bool', x.order)];
  },
};

export const normalizationRules: RuleTable = {
  BatchNormalization: batchNorm,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  RMSNormalization: rmsNormalization,
  LRN: lrn,
  LpNormalization: lpNormalization,
  Dropout: dropout,
};
