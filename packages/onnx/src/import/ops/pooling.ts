/** Pools over one, two or three axes, by the kernels for two. */
import { avgPool2d, maxPool2d } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { isFloat, numbers, sizeOf } from '../values/host-array.ts';
import { channelsLast, tensorType, Value } from '../values/value.ts';
import { reducedValue } from './reductions.ts';
import type { Call, Rule, RuleTable } from './rule.ts';
import { type Windows, windowsOf } from './windows.ts';

/** Runs a pool of two axes over one, two or three: windows are products, so axes may be pooled one after the other. */
function poolAxes(
  x: tf.Tensor,
  w: Windows,
  pool: (
    x: tf.Tensor4D,
    options: { ksize: [number, number]; stride: [number, number]; pad: [number, number, number, number] },
  ) => tf.Tensor4D,
): tf.Tensor {
  const two = (picture: tf.Tensor, i: number, k: number) =>
    pool(picture as tf.Tensor4D, {
      ksize: [i < 0 ? 1 : w.ksize[i]!, k < 0 ? 1 : w.ksize[k]!],
      stride: [i < 0 ? 1 : w.stride[i]!, k < 0 ? 1 : w.stride[k]!],
      pad: [
        i < 0 ? 0 : w.before[i]!,
        i < 0 ? 0 : w.after[i]!,
        k < 0 ? 0 : w.before[k]!,
        k < 0 ? 0 : w.after[k]!,
      ],
    });
  const [n, ...rest] = x.shape as [number, ...number[]];
  const c = rest.pop()!;
  if (rest.length === 1) return tf.reshape(two(tf.reshape(x, [n, 1, rest[0]!, c]), -1, 0), [n, w.out[0]!, c]);
  if (rest.length === 2) return two(x, 0, 1);
  const [d, h, wd] = rest as [number, number, number];
  const planes = two(tf.reshape(x, [n * d, h, wd, c]), 1, 2);
  const [oh, ow] = [planes.shape[1], planes.shape[2]];
  const deep = two(tf.reshape(planes, [n, d, oh * ow, c]), 0, -1);
  return tf.reshape(deep, [n, w.out[0]!, oh, ow, c]);
}

function checked(call: Call): { x: Value; windows: Windows } {
  const x = call.input(0);
  if (x.rank < 3 || x.rank > 5) call.unsupported(`pooling over ${x.rank - 2} axes.`);
  return { x, windows: windowsOf(call, x.shape.slice(2), call.intsOf('kernel_shape') ?? []) };
}

const averagePool: Rule = {
  opsets: [1, 25],
  run(call) {
    const { x, windows } = checked(call);
    if (windows.dilation.some((d) => d > 1)) call.unsupported('average pooling with dilated windows.');
    const order = channelsLast(x.rank);
    let y = poolAxes(x.tensor(order), windows, avgPool2d);
    const countPad = call.int('count_include_pad', 0) !== 0;
    // The kernel divides by the whole window; ONNX by what lies in the picture, or in its padding.
    windows.out.forEach((count, i) => {
      const size = x.shape[i + 2]!;
      const [low, high] = countPad
        ? [-windows.before[i]!, size + windows.after[i]! - windows.extra[i]!]
        : [0, size];
      const factors = Array.from({ length: count }, (_, k) => {
        const from = k * windows.stride[i]! - windows.before[i]!;
        const inside = Math.min(from + windows.ksize[i]!, high) - Math.max(from, low);
        return windows.ksize[i]! / Math.max(1, inside);
      });
      if (factors.every((f) => f === 1)) return;
      y = tf.mul(
        y,
        tf.tensor(
          factors,
          y.shape.map((_, k) => (k === i + 1 ? count : 1)),
        ),
      );
    });
    return Value.device(y, x.dtype, order);
  },
};

const maxPool: Rule = {
  opsets: [1, 25],
  run(call) {
    const { x, windows } = checked(call);
    const order = channelsLast(x.rank);
    const tensor = tf.cast(x.tensor(order), 'float32');
    const indexed = (call.node.outputs[1] ?? '') !== '';
    if (indexed || windows.dilation.some((d) => d > 1)) {
      const { best, places } = maxOfTaps(tensor, windows, indexed, x, call.int('storage_order', 0) !== 0);
      const values = Value.device(cast(best, x), x.dtype, order);
      return places === null ? values : [values, Value.device(places, 'int64', order)];
    }
    return Value.device(cast(poolAxes(tensor, windows, maxPool2d), x), x.dtype, order);
  },
};

const cast = (y: tf.Tensor, x: Value) => (isFloat(x.dtype) ? y : tf.cast(y, tensorType(x.dtype)));

/** The largest of the taps of each window, tap by tap, and where in the flat input it was. */
function maxOfTaps(x: tf.Tensor, w: Windows, indexed: boolean, value: Value, columnMajor: boolean) {
  const n = w.ksize.length;
  const pads = w.before.map((b, i) => [b, w.after[i]!] as [number, number]);
  const padded = tf.pad(x, [[0, 0], ...pads, [0, 0]], Number.NEGATIVE_INFINITY);
  const sizes = value.shape.slice(2);
  const ones = new Array<number>(n).fill(1);
  let best: tf.Tensor | null = null;
  let places: tf.Tensor | null = null;
  const [batch, channels] = [value.shape[0]!, value.shape[1]!];
  const pixels = sizeOf(sizes);
  for (let tap = 0; tap < sizeOf(w.ksize); tap++) {
    let rest = tap;
    const at = new Array<number>(n);
    for (let i = n - 1; i >= 0; i--) {
      at[i] = (rest % w.ksize[i]!) * w.dilation[i]!;
      rest = Math.floor(rest / w.ksize[i]!);
    }
    const end = at.map((a, i) => a + (w.out[i]! - 1) * w.stride[i]! + 1);
    const taken = tf.stridedSlice(padded, [0, ...at, 0], [batch, ...end, channels], [1, ...w.stride, 1]);
    if (!indexed) {
      best = best === null ? taken : tf.maximum(best, taken);
      continue;
    }
    const index = numbers('int32', sizeOf(w.out));
    for (let o = 0; o < index.length; o++) {
      let left = o;
      let flat = 0;
      const strides = stepsOf(sizes, columnMajor);
      for (let i = n - 1; i >= 0; i--) {
        const pixel = (left % w.out[i]!) * w.stride[i]! - w.before[i]! + at[i]!;
        left = Math.floor(left / w.out[i]!);
        flat += Math.min(Math.max(pixel, 0), sizes[i]! - 1) * strides[i]!;
      }
      index[o] = flat;
    }
    const plane = tf.tensor(index as Int32Array, [1, ...w.out, 1], 'int32');
    if (best === null || places === null) {
      best = taken;
      places = tf.add(plane, tf.zerosLike(tf.cast(taken, 'int32')));
      continue;
    }
    const better: tf.Tensor = tf.greater(taken, best);
    best = tf.where(better, taken, best);
    places = tf.where(better, plane, places);
  }
  if (places !== null) {
    // Each picture and channel starts where the one before it ends.
    const starts = Int32Array.from({ length: batch * channels }, (_, i) => i * pixels);
    places = tf.add(places, tf.tensor(starts, [batch, ...ones, channels], 'int32'));
  }
  return { best: best!, places };
}

function stepsOf(sizes: readonly number[], columnMajor: boolean): number[] {
  const steps: number[] = new Array(sizes.length);
  let step = 1;
  const axes = sizes.map((_, i) => i);
  for (const axis of columnMajor ? axes : axes.reverse()) {
    steps[axis] = step;
    step *= sizes[axis]!;
  }
  return steps;
}

/** Puts values back where MaxPool found them. */
const maxUnpool: Rule = {
  opsets: [9, 25],
  reads: [2],
  run(call) {
    const [x, places] = [call.input(0), call.input(1)];
    const n = x.rank - 2;
    const ksize = call.intsOf('kernel_shape') ?? [];
    const stride = call.intsOf('strides') ?? new Array<number>(n).fill(1);
    const pads = call.intsOf('pads') ?? new Array<number>(2 * n).fill(0);
    const natural = [
      ...x.shape.slice(0, 2),
      ...ksize.map((k, i) => (x.shape[i + 2]! - 1) * stride[i]! + k - pads[i]! - pads[n + i]!),
    ];
    const wanted = call.ints(2, 'output_shape') ?? natural;
    const flat = tf.scatterND(
      tf.reshape(tf.cast(places.tensor(), 'int32'), [x.size, 1]),
      tf.reshape(x.tensor(), [x.size]),
      [sizeOf(natural)],
    );
    const grown = wanted.map((size, i) => [0, size - natural[i]!] as [number, number]);
    return Value.device(tf.pad(tf.reshape(flat, natural), grown), x.dtype);
  },
};

/** One value of each channel. */
function global(fn: (x: tf.Tensor, axes: number[]) => tf.Tensor): Rule {
  return {
    opsets: [1, 25],
    run(call) {
      const x = call.input(0);
      const axes = x.shape.map((_, i) => i).slice(2);
      const stored = axes.map((axis) => x.order.indexOf(axis));
      return reducedValue(fn(x.stored, stored), x, axes, true, x.dtype);
    },
  };
}

export const poolingRules: RuleTable = {
  AveragePool: averagePool,
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
  GlobalAveragePool: global((x, axes) => tf.mean(x, axes, true)),
  GlobalMaxPool: global((x, axes) => tf.max(x, axes, true)),
  LpPool: {
    opsets: [1, 25],
    run(call) {
      const { x, windows } = checked(call);
      const p = call.int('p', 2);
      const order = channelsLast(x.rank);
      const powers = p === 2 ? tf.square(x.tensor(order)) : tf.pow(tf.abs(x.tensor(order)), p);
      const sums = tf.mul(poolAxes(powers, windows, avgPool2d), sizeOf(windows.ksize));
      return Value.device(p === 1 ? sums : p === 2 ? tf.sqrt(sums) : tf.pow(sums, 1 / p), x.dtype, order);
    },
  },
  GlobalLpPool: {
    opsets: [1, 25],
    run(call) {
      const x = call.input(0);
      const p = call.int('p', 2);
      const axes = x.shape.map((_, i) => i).slice(2);
      const stored = axes.map((axis) => x.order.indexOf(axis));
      const sums = tf.sum(tf.pow(tf.abs(x.stored), p), stored, true);
      return reducedValue(tf.pow(sums, 1 / p), x, axes, true, x.dtype);
    },
  },
};
