/** Integers that stand for real numbers. Computed in float32, which is exact up to sums of 2^24; not trained. */
import * as tf from '@tensorflow/tfjs-core';
import { mapped } from '../values/aligned.ts';
import { type Dtype, elementwise, type HostArray } from '../values/host-array.ts';
import { channelsLast, reshaped, Value } from '../values/value.ts';
import { convolve, convWindows } from './convolution.ts';
import { matMul } from './linear.ts';
import { axisOf, type Call, type Rule, type RuleTable } from './rule.ts';

const ranges: Partial<Record<Dtype, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/** A scale or zero point as an array that broadcasts over x: one value, or one of each slice along an axis. */
function perAxis(parameter: Value, x: Value, axis: number): Value {
  if (parameter.size === 1 || parameter.rank !== 1)
    return parameter.size === 1 ? reshaped(parameter, []) : parameter;
  const at = axisOf(axis, x.rank);
  return reshaped(
    parameter,
    x.shape.map((_, i) => (i === at ? parameter.size : 1)),
  );
}

const float = (value: Value) => tf.cast(value.tensor(), 'float32');

function dequantized(x: Value, scale: Value, zero: Value | null, axis: number): Value {
  const s = perAxis(scale, x, axis);
  const z = zero === null ? null : perAxis(zero, x, axis);
  const hosts = [x, s, z].flatMap((v) => (v === null ? [] : [v.constant]));
  if (hosts.every((h): h is HostArray => h !== null))
    return Value.host(elementwise('float32', hosts, (v, by, from = 0) => (v - from) * by));
  const shifted = z === null ? float(x) : tf.sub(float(x), float(z));
  return Value.device(tf.mul(shifted, float(s)), 'float32');
}

function quantized(x: tf.Tensor, scale: tf.Tensor, zero: tf.Tensor | null, dtype: Dtype): Value {
  const [low, high] = ranges[dtype] ?? [-2147483648, 2147483647];
  const rounded = tf.round(tf.div(x, scale));
  const shifted = zero === null ? rounded : tf.add(rounded, tf.cast(zero, 'float32'));
  return Value.device(tf.cast(tf.clipByValue(shifted, low, high), 'int32'), dtype);
}

/** Integers less their zero point. */
function centred(x: Value, zero: Value | null, axis = -1): Value {
  return Value.device(zero === null ? float(x) : tf.sub(float(x), float(perAxis(zero, x, axis))), 'float32');
}

/** The convolution of centred integers. */
function integerConv(call: Call, x: Value, filter: Value, bias: Value | null): Value {
  const order = channelsLast(x.rank);
  const y = convolve(
    x.tensor(order),
    filter.tensor(),
    bias === null ? null : float(bias),
    convWindows(call, x, filter),
    call.int('group', 1),
  );
  return Value.device(y, 'float32', order);
}

const rule = (first: number, run: Rule['run'], extra: Partial<Rule> = {}): Rule => ({
  opsets: [first, 25],
  run,
  ...extra,
});

export const quantizationRules: RuleTable = {
  DequantizeLinear: rule(
    10,
    (call) => dequantized(call.input(0), call.input(1), call.optional(2), call.int('axis', 1)),
    { folds: true },
  ),
  QuantizeLinear: rule(10, (call) => {
    const x = call.input(0);
    const axis = call.int('axis', 1);
    const zero = call.optional(2);
    return quantized(
      float(x),
      float(perAxis(call.input(1), x, axis)),
      zero === null ? null : float(perAxis(zero, x, axis)),
      zero?.dtype ?? 'uint8',
    );
  }),
  DynamicQuantizeLinear: rule(11, (call) => {
    const x = float(call.input(0));
    const [low, high] = [tf.minimum(tf.min(x), 0), tf.maximum(tf.max(x), 0)];
    const scale = tf.div(tf.sub(high, low), 255);
    const zero = tf.clipByValue(tf.round(tf.neg(tf.div(low, scale))), 0, 255);
    return [
      quantized(x, scale, zero, 'uint8'),
      Value.device(scale, 'float32'),
      Value.device(tf.cast(zero, 'int32'), 'uint8'),
    ];
  }),
  MatMulInteger: rule(10, (call) => {
    const y = matMul(centred(call.input(0), call.optional(2), -2), centred(call.input(1), call.optional(3)));
    return mapped(y, (t) => tf.cast(t, 'int32'), 'int32');
  }),
  ConvInteger: rule(10, (call) => {
    const [x, filter] = [call.input(0), call.input(1)];
    const y = integerConv(call, centred(x, call.optional(2)), centred(filter, call.optional(3), 0), null);
    return mapped(y, (t) => tf.cast(t, 'int32'), 'int32');
  }),
  QLinearMatMul: rule(10, (call) => {
    const y = matMul(centred(call.input(0), call.input(2), -2), centred(call.input(3), call.input(5)));
    const scale = tf.div(tf.mul(float(call.input(1)), float(call.input(4))), float(call.input(6)));
    return quantized(tf.mul(y.tensor(), scale), tf.scalar(1), float(call.input(7)), call.input(7).dtype);
  }),
  QLinearConv: rule(10, (call) => {
    const [x, filter] = [call.input(0), call.input(3)];
    const y = integerConv(
      call,
      centred(x, call.input(2)),
      centred(filter, call.input(5), 0),
      call.optional(8),
    );
    const weightScale = perAxis(call.input(4), y, 1);
    const scale = tf.div(tf.mul(float(call.input(1)), float(weightScale)), float(call.input(6)));
    return quantized(tf.mul(y.tensor(), scale), tf.scalar(1), float(call.input(7)), call.input(7).dtype);
  }),
};
