/** Convolutions over one, two or three axes, all by the kernel for two: it has every padding, stride, dilation and group. */
import { ChaingradError } from '@chaingrad/core';
import { CONV_2D_BACKPROP_INPUT, conv2d, runKernel } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { channelsLast, Value } from '../values/value.ts';
import type { Call, Rule, RuleTable } from './rule.ts';
import { type Windows, windowsOf } from './windows.ts';

export type FusedActivation = 'linear' | 'relu' | 'relu6';

/** (N, ..., C) as (N, H, W, C): one axis becomes the width. */
const asPicture = (x: tf.Tensor): tf.Tensor4D =>
  (x.rank === 3 ? tf.reshape(x, [x.shape[0]!, 1, x.shape[1]!, x.shape[2]!]) : x) as tf.Tensor4D;

/** The filter of one axis as one of two. */
const asFilter = (w: tf.Tensor): tf.Tensor4D =>
  (w.rank === 3 ? tf.reshape(w, [w.shape[0]!, w.shape[1]!, 1, w.shape[2]!]) : w) as tf.Tensor4D;

function plane(w: Windows): {
  stride: [number, number];
  dilation: [number, number];
  pad: [number, number, number, number];
} {
  const at = (list: readonly number[], i: number, fallback: number) => list[list.length - 2 + i] ?? fallback;
  return {
    stride: [at(w.stride, 0, 1), at(w.stride, 1, 1)],
    dilation: [at(w.dilation, 0, 1), at(w.dilation, 1, 1)],
    pad: [at(w.before, 0, 0), at(w.after, 0, 0), at(w.before, 1, 0), at(w.after, 1, 0)],
  };
}

/** x (N, ..., C) by a filter (out, in / groups, ...). */
export function convolve(
  x: tf.Tensor,
  filter: tf.Tensor,
  bias: tf.Tensor | null,
  windows: Windows,
  groups: number,
  activation: FusedActivation = 'linear',
): tf.Tensor {
  const attrs = { ...plane(windows), groups, activation };
  if (x.rank <= 4) {
    const y = conv2d(asPicture(x), asFilter(filter), bias as tf.Tensor1D | null, attrs);
    return x.rank === 3 ? tf.reshape(y, [y.shape[0], y.shape[2], y.shape[3]]) : y;
  }
  // Three axes: the sum over the depth of the filter of convolutions of slices.
  const [n, , h, w, c] = x.shape as [number, number, number, number, number];
  const [stride, dilation, before, after] = [
    windows.stride[0]!,
    windows.dilation[0]!,
    windows.before[0]!,
    windows.after[0]!,
  ];
  const deep =
    before + after > 0
      ? tf.pad(x, [
          [0, 0],
          [before, after],
          [0, 0],
          [0, 0],
          [0, 0],
        ])
      : x;
  const depth = windows.out[0]!;
  const slices = Array.from({ length: windows.ksize[0]! }, (_, k) => {
    const from = [0, k * dilation, 0, 0, 0];
    const to = [n, k * dilation + (depth - 1) * stride + 1, h, w, c];
    const planes = tf.reshape(tf.stridedSlice(deep, from, to, [1, stride, 1, 1, 1]), [n * depth, h, w, c]);
    const [o, i, , kh, kw] = filter.shape as [number, number, number, number, number];
    const tap = tf.reshape(tf.slice(filter, [0, 0, k, 0, 0], [o, i, 1, kh, kw]), [o, i, kh, kw]);
    const last = k === windows.ksize[0]! - 1;
    return conv2d(planes as tf.Tensor4D, tap as tf.Tensor4D, last ? (bias as tf.Tensor1D | null) : null, {
      ...attrs,
      activation: 'linear',
    });
  });
  const sum = slices.reduce<tf.Tensor>((a, b) => (a === b ? a : tf.add(a, b)), slices[0]!);
  const [, oh, ow, oc] = sum.shape as [number, number, number, number];
  return tf.reshape(sum, [n, depth, oh, ow, oc]);
}

/** The windows of a Conv node over an input of this shape. */
export function convWindows(call: Call, x: Value, filter: Value): Windows {
  const groups = call.int('group', 1);
  if (x.rank < 3 || x.rank > 5) call.unsupported(`a convolution over ${x.rank - 2} axes.`);
  if (filter.rank !== x.rank || x.shape[1] !== filter.shape[1]! * groups)
    throw new ChaingradError(
      `expected a filter (out, ${x.shape[1]! / groups}, ...) of ${x.rank} axes, got (${filter.shape.join(', ')}).`,
    );
  return windowsOf(call, x.shape.slice(2), filter.shape.slice(2));
}

/** The bias as a vector, also where it came from an addition of (1, C, 1, 1). */
function biasOf(call: Call): tf.Tensor | null {
  const bias = call.optional(2);
  return bias === null ? null : tf.reshape(bias.tensor(), [bias.size]);
}

/** A convolution, transposed or not, of the call's three inputs; only one that is not can activate by itself. */
export function convolution(call: Call, activation: FusedActivation = 'linear'): Value {
  if (call.node.op === 'ConvTranspose') return transposedConvolution(call);
  const [x, filter] = [call.input(0), call.input(1)];
  const windows = convWindows(call, x, filter);
  const order = channelsLast(x.rank);
  const groups = call.int('group', 1);
  const y = convolve(x.tensor(order), filter.tensor(), biasOf(call), windows, groups, activation);
  return Value.device(y, x.dtype, order);
}

/** A transposed convolution, onto an output of `size` (before cutting). */
function deconvolve(
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  size: readonly [number, number],
  geometry: ReturnType<typeof plane>,
  groups: number,
) {
  return runKernel<tf.Tensor4D>(
    CONV_2D_BACKPROP_INPUT,
    { dy: x, filter },
    {
      ...{ ...geometry, groups, activation: 'linear' },
      inputShape: [x.shape[0], ...size, filter.shape[1]! * groups],
    },
  );
}

function transposedConvolution(call: Call): Value {
  const [x, filter] = [call.input(0), call.input(1)];
  const n = x.rank - 2;
  if (n < 1 || n > 3) call.unsupported(`a transposed convolution over ${n} axes.`);
  if (filter.rank !== x.rank || filter.shape[0] !== x.shape[1])
    throw new ChaingradError(
      `expected a filter (${x.shape[1]}, ...) of ${x.rank} axes, got (${filter.shape.join(', ')}).`,
    );
  const groups = call.int('group', 1);
  const list = (name: string, fallback: number) => call.intsOf(name) ?? new Array<number>(n).fill(fallback);
  const [stride, dilation, grown] = [list('strides', 1), list('dilations', 1), list('output_padding', 0)];
  const ksize = filter.shape.slice(2);
  const pads = call.intsOf('pads') ?? new Array<number>(2 * n).fill(0);
  const auto = call.string('auto_pad', 'NOTSET');
  const wanted = call.intsOf('output_shape')?.slice(-n) ?? null;
  const [before, out]: [number[], number[]] = [[], []];
  for (let i = 0; i < n; i++) {
    const full = stride[i]! * (x.shape[i + 2]! - 1) + grown[i]! + (ksize[i]! - 1) * dilation[i]! + 1;
    const same = auto === 'SAME_UPPER' || auto === 'SAME_LOWER';
    const size = wanted?.[i] ?? (same ? x.shape[i + 2]! * stride[i]! : full - pads[i]! - pads[n + i]!);
    const total = full - size;
    const small = Math.floor(total / 2);
    before.push(wanted === null && !same ? pads[i]! : auto === 'SAME_UPPER' ? small : total - small);
    out.push(size);
  }
  // Pads that the attribute does not give come from the size; the kernel takes none below zero.
  if (before.some((b) => b < 0))
    call.unsupported(`an output (${out.join(', ')}) that is larger than what the filter reaches.`);
  const after = out.map(
    (size, i) => (x.shape[i + 2]! - 1) * stride[i]! + (ksize[i]! - 1) * dilation[i]! + 1 - before[i]! - size,
  );
  const order = channelsLast(x.rank);
  const flat = { ksize, stride, dilation, before, after, extra: [], out };
  let y = turned(x.tensor(order), filter.tensor(), flat, groups);
  const bias = biasOf(call);
  if (bias !== null) y = tf.add(y, bias);
  return Value.device(y, x.dtype, order);
}

function turned(x: tf.Tensor, filter: tf.Tensor, w: Windows, groups: number): tf.Tensor {
  // What lies behind the reach of the last window is zero, and is added after the kernel.
  const lack = w.after.map((a) => Math.max(0, -a));
  const geometry = plane({ ...w, after: w.after.map((a) => Math.max(0, a)) });
  const reach = w.out.map((n, i) => n - lack[i]!);
  const [oh, ow] = [reach.at(-2) ?? 1, reach.at(-1)!];
  if (x.rank <= 4) {
    const size: [number, number] = x.rank === 3 ? [1, ow] : [oh, ow];
    const y = deconvolve(asPicture(x), asFilter(filter), size, geometry, groups);
    const shaped = x.rank === 3 ? tf.reshape(y, [y.shape[0], y.shape[2], y.shape[3]]) : y;
    return grownBy(shaped, lack);
  }
  const [n, d, h, wd, c] = x.shape as [number, number, number, number, number];
  const [i, o, kd, kh, kw] = filter.shape as [number, number, number, number, number];
  const planes = tf.reshape(x, [n * d, h, wd, c]) as tf.Tensor4D;
  const step = w.stride[0]!;
  const whole = (d - 1) * step + (kd - 1) * w.dilation[0]! + 1;
  const taps = Array.from({ length: kd }, (_, k) => {
    const tap = tf.reshape(tf.slice(filter, [0, 0, k, 0, 0], [i, o, 1, kh, kw]), [
      i,
      o,
      kh,
      kw,
    ]) as tf.Tensor4D;
    const y = deconvolve(planes, tap, [oh, ow], geometry, groups);
    const oc = y.shape[3];
    // Zeros between the slices, one stride apart.
    const apart = tf.pad(tf.reshape(y, [n, d, 1, oh * ow * oc]), [
      [0, 0],
      [0, 0],
      [0, step - 1],
      [0, 0],
    ]);
    const spread = tf.slice(
      tf.reshape(apart, [n, d * step, oh * ow * oc]),
      [0, 0, 0],
      [n, (d - 1) * step + 1, -1],
    );
    const from = k * w.dilation[0]!;
    return tf.pad(spread, [
      [0, 0],
      [from, whole - from - spread.shape[1]!],
      [0, 0],
    ]);
  });
  const sum = taps.reduce((a, b) => tf.add(a, b));
  const kept = tf.slice(sum, [0, w.before[0]!, 0], [n, reach[0]!, -1]);
  return grownBy(tf.reshape(kept, [n, reach[0]!, oh, ow, o * groups]), lack);
}

function grownBy(y: tf.Tensor, lack: readonly number[]): tf.Tensor {
  if (lack.every((n) => n === 0)) return y;
  return tf.pad(y, [[0, 0], ...lack.map((n) => [0, n] as [number, number]), [0, 0]]);
}

const rule: Rule = {
  opsets: [1, 25],
  weights: { 1: 'weight', 2: 'bias' },
  layer: 'channels-last',
  run: (call) => convolution(call),
};

export const convolutionRules: RuleTable = { Conv: rule, ConvTranspose: rule };
