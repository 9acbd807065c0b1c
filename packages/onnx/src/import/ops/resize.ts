/** Resizing and sampling: Resize, Upsample, GridSample, RoiAlign. Each axis is resized by itself. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { numbers } from '../values/host-array.ts';
import { channelsLast, Value } from '../values/value.ts';
import { axisOf, type Call, type Rule, type RuleTable } from './rule.ts';

/** What each element along a resized axis is made of: places in the input and their weights. */
interface Taps {
  readonly places: number[][];
  readonly weights: number[][];
}

interface Settings {
  readonly mode: string;
  readonly coordinates: string;
  readonly nearest: string;
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly antialias: boolean;
}

/** Where an element of the output lies in the input. */
function sourceOf(
  x: number,
  s: Settings,
  size: number,
  out: number,
  scale: number,
  roi: readonly [number, number],
): number {
  switch (s.coordinates) {
    case 'asymmetric':
      return x / scale;
    case 'align_corners': {
      // ONNX' definition takes the size that the scale asks for, which need not be whole.
      const wanted = size * scale;
      return wanted === 1 || out === 1 ? 0 : (x * (size - 1)) / (wanted - 1);
    }
    case 'pytorch_half_pixel':
      return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case 'tf_half_pixel_for_nn':
      return (x + 0.5) / scale;
    case 'half_pixel_symmetric': {
      const adjustment = out / (scale * size);
      return (size / 2) * (1 - adjustment) + (x + 0.5) / scale - 0.5;
    }
    case 'tf_crop_and_resize':
      return out > 1
        ? roi[0] * (size - 1) + (x * (roi[1] - roi[0]) * (size - 1)) / (out - 1)
        : 0.5 * (roi[0] + roi[1]) * (size - 1);
    default:
      return (x + 0.5) / scale - 0.5;
  }
}

/** Keys' cubic kernel. */
function cubic(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? a * (((d - 5) * d + 8) * d - 4) : 0;
}

function round(x: number, how: string): number {
  switch (how) {
    case 'floor':
      return Math.floor(x);
    case 'ceil':
      return Math.ceil(x);
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5);
    default:
      return Math.ceil(x - 0.5);
  }
}

function tapsOf(
  s: Settings,
  size: number,
  out: number,
  scale: number,
  roi: readonly [number, number],
  outside: number[],
): Taps {
  const clamp = (i: number) => Math.min(Math.max(i, 0), size - 1);
  const places: number[][] = [];
  const weights: number[][] = [];
  // With antialiasing the kernel grows as the picture shrinks.
  const grow = s.antialias && scale < 1 ? 1 / scale : 1;
  for (let o = 0; o < out; o++) {
    const x = sourceOf(o, s, size, out, scale, roi);
    if (s.coordinates === 'tf_crop_and_resize' && (x < 0 || x > size - 1)) outside.push(o);
    if (s.mode === 'nearest') {
      places.push([clamp(round(x, s.nearest))]);
      weights.push([1]);
      continue;
    }
    const reach = (s.mode === 'cubic' ? 2 : 1) * grow;
    const kernel = (d: number) =>
      s.mode === 'cubic' ? cubic(d / grow, s.cubic) : Math.max(0, 1 - Math.abs(d / grow));
    const [own, each]: [number[], number[]] = [[], []];
    // Taps of weight zero are kept where the kernel does not grow: all outputs then have equally many.
    const first = grow === 1 ? Math.floor(x) - (s.mode === 'cubic' ? 1 : 0) : Math.ceil(x - reach);
    const count = grow === 1 ? (s.mode === 'cubic' ? 4 : 2) : Math.floor(x + reach) - first + 1;
    for (let k = 0; k < count; k++) {
      const at = first + k;
      const drop = (s.excludeOutside || grow > 1) && (at < 0 || at >= size);
      own.push(clamp(at));
      each.push(drop ? 0 : kernel(at - x));
    }
    const sum = s.excludeOutside || grow > 1 ? each.reduce((a, b) => a + b, 0) : 1;
    places.push(own);
    weights.push(each.map((w) => w / sum));
  }
  const longest = Math.max(...places.map((p) => p.length));
  for (const p of places) while (p.length < longest) p.push(0);
  for (const w of weights) while (w.length < longest) w.push(0);
  return { places, weights };
}

/** The sum of picked elements times their weights along one stored axis. */
function alongAxis(x: tf.Tensor, axis: number, { places, weights }: Taps): tf.Tensor {
  const count = places[0]!.length;
  const shape = x.shape.map((_, i) => (i === axis ? places.length : 1));
  let sum: tf.Tensor | null = null;
  for (let k = 0; k < count; k++) {
    const index = tf.tensor1d(
      Int32Array.from(places, (p) => p[k]!),
      'int32',
    );
    const picked = tf.gather(x, index, axis);
    const w = weights.map((each) => each[k]!);
    if (w.every((v) => v === 0)) continue;
    const term = w.every((v) => v === 1) ? picked : tf.mul(picked, tf.tensor(w, shape));
    sum = sum === null ? term : tf.add(sum, term);
  }
  return sum ?? tf.zerosLike(tf.gather(x, tf.zeros([places.length], 'int32') as tf.Tensor1D, axis));
}

/** tfjs' own resizing of pictures, where it is the same. */
function fast(
  x: tf.Tensor,
  s: Settings,
  sizes: readonly number[],
  out: readonly number[],
  exact: boolean,
): tf.Tensor | null {
  if (x.rank !== 4 || x.dtype !== 'float32' || !exact || s.antialias) return null;
  const size = [out[0]!, out[1]!] as [number, number];
  const picture = x as tf.Tensor4D;
  if (s.mode === 'linear') {
    const half =
      s.coordinates === 'half_pixel' || (s.coordinates === 'pytorch_half_pixel' && Math.min(...out) > 1);
    if (half) return tf.image.resizeBilinear(picture, size, false, true);
    if (s.coordinates === 'align_corners' && Math.min(...out) > 1)
      return tf.image.resizeBilinear(picture, size, true);
    if (s.coordinates === 'asymmetric') return tf.image.resizeBilinear(picture, size);
    return null;
  }
  const whole = sizes.every((n, i) => out[i]! % n === 0);
  const plain = s.coordinates === 'asymmetric' && s.nearest === 'floor';
  const centred = s.coordinates === 'half_pixel' && s.nearest.startsWith('round_prefer');
  if (s.mode === 'nearest' && whole && (plain || centred))
    return tf.image.resizeNearestNeighbor(picture, size);
  return null;
}

function resize(
  call: Call,
  x: Value,
  scales: number[] | null,
  sizes: number[] | null,
  s: Settings,
  roi: number[],
): Value {
  const axes = call.intsOf('axes')?.map((axis) => axisOf(axis, x.rank)) ?? x.shape.map((_, i) => i);
  const given = scales ?? sizes;
  if (given === null || given.length !== axes.length)
    throw new ChaingradError(`expected ${axes.length} scales or sizes, got ${given?.length ?? 'none'}.`);
  let wanted = sizes;
  const policy = call.string('keep_aspect_ratio_policy', 'stretch');
  if (wanted !== null && policy !== 'stretch') {
    const ratios = wanted.map((n, i) => n / x.shape[axes[i]!]!);
    const ratio = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
    wanted = axes.map((axis) => Math.floor(ratio * x.shape[axis]! + 0.5));
    scales = axes.map(() => ratio);
  }
  const plans = axes.map((axis, i) => {
    const size = x.shape[axis]!;
    const crop: [number, number] = [roi[i] ?? 0, roi[axes.length + i] ?? 1];
    const span = s.coordinates === 'tf_crop_and_resize' ? size * (crop[1] - crop[0]) : size;
    const out = wanted?.[i] ?? Math.floor(span * scales![i]!);
    return { axis, size, out, scale: scales?.[i] ?? out / size, crop };
  });
  const moved = plans.filter(
    ({ size, out, scale }) => out !== size || scale !== 1 || s.coordinates === 'tf_crop_and_resize',
  );
  if (moved.length === 0) return x.copy();
  if (moved.some(({ out }) => !(out > 0))) throw new ChaingradError('expected sizes of at least 1.');
  const order = x.rank === 4 && moved.every(({ axis }) => axis > 1) ? channelsLast(4) : x.order;
  const tensor = tf.cast(x.tensor(order), 'float32');
  if (order.join() === channelsLast(4).join() && x.rank === 4) {
    const full = [2, 3].map(
      (axis) =>
        plans.find((p) => p.axis === axis) ?? { axis, size: x.shape[axis]!, out: x.shape[axis]!, scale: 1 },
    );
    const exact = full.every(({ size, out, scale }) => Math.abs(size * scale - out) < 1e-6 * out);
    const quick = fast(
      tensor,
      s,
      full.map((p) => p.size),
      full.map((p) => p.out),
      exact,
    );
    if (quick !== null) return Value.device(quick, x.dtype, order);
  }
  let y = tensor;
  for (const { axis, size, out, scale, crop } of moved) {
    const outside: number[] = [];
    const at = order.indexOf(axis);
    y = alongAxis(y, at, tapsOf(s, size, out, scale, crop, outside));
    if (outside.length === 0) continue;
    // What lies outside of the picture is filled.
    const inside = Array.from({ length: out }, (_, o) => (outside.includes(o) ? 0 : 1));
    const mask = tf.tensor(
      inside,
      y.shape.map((_, i) => (i === at ? out : 1)),
      'bool',
    );
    y = tf.where(mask, y, call.float('extrapolation_value', 0));
  }
  return Value.device(y, x.dtype, order);
}

const listOf = (call: Call, index: number): number[] | null => {
  const data = call.optional(index)?.hostArray?.data;
  return data === undefined || data.length === 0 ? null : [...data];
};

const resizeRule: Rule = {
  opsets: [10, 25],
  reads: [1, 2, 3],
  run(call) {
    // In opset 10 the scales were the second input, and pixels had no centres.
    const old = call.opset < 11;
    const settings: Settings = {
      mode: call.string('mode', 'nearest'),
      coordinates: call.string('coordinate_transformation_mode', old ? 'asymmetric' : 'half_pixel'),
      nearest: call.string('nearest_mode', old ? 'floor' : 'round_prefer_floor'),
      cubic: call.float('cubic_coeff_a', -0.75),
      excludeOutside: call.int('exclude_outside', 0) !== 0,
      antialias: call.int('antialias', 0) !== 0,
    };
    const roi = old ? [] : (listOf(call, 1) ?? []);
    return resize(call, call.input(0), listOf(call, old ? 1 : 2), listOf(call, 3), settings, roi);
  },
};

const upsample: Rule = {
  opsets: [7, 9],
  reads: [1],
  run(call) {
    const settings: Settings = {
      mode: call.string('mode', 'nearest'),
      coordinates: 'asymmetric',
      nearest: 'floor',
      cubic: -0.75,
      excludeOutside: false,
      antialias: false,
    };
    return resize(call, call.input(0), listOf(call, 1) ?? call.floatsOf('scales'), null, settings, []);
  },
};

/** Pixels of x (N, H, W, C) at integer coordinates of shape (N, ...), zero outside. */
function pixelsAt(x: tf.Tensor, ys: tf.Tensor, xs: tf.Tensor, padding: string, align: boolean): tf.Tensor {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const inside = tf.logicalAnd(
    tf.logicalAnd(tf.greaterEqual(ys, 0), tf.lessEqual(ys, h - 1)),
    tf.logicalAnd(tf.greaterEqual(xs, 0), tf.lessEqual(xs, w - 1)),
  );
  const at = (coordinates: tf.Tensor, size: number) => {
    const turned = padding === 'reflection' ? reflected(coordinates, size, align) : coordinates;
    return tf.clipByValue(turned, 0, size - 1);
  };
  const flat = tf.cast(tf.add(tf.mul(at(ys, h), w), at(xs, w)), 'int32');
  const starts = tf.reshape(tf.range(0, n * h * w, h * w, 'int32'), [n, ...ys.shape.slice(1).map(() => 1)]);
  const index = tf.reshape(tf.add(flat, starts), [ys.size]) as tf.Tensor1D;
  const picked = tf.reshape(tf.gather(tf.reshape(x, [n * h * w, c]), index), [...ys.shape, c]);
  if (padding !== 'zeros') return picked;
  return tf.mul(picked, tf.expandDims(tf.cast(inside, 'float32'), -1));
}

/** Coordinates thrown back at the border pixels (aligned corners) or at their outer edges. */
function reflected(x: tf.Tensor, size: number, align: boolean): tf.Tensor {
  const [low, high] = align ? [0, size - 1] : [-0.5, size - 0.5];
  const span = high - low;
  if (span <= 0) return tf.zerosLike(x);
  const from = tf.sub(x, low);
  const turn = tf.sub(from, tf.mul(tf.floor(tf.div(from, 2 * span)), 2 * span));
  return tf.add(tf.minimum(turn, tf.sub(2 * span, turn)), low);
}

const gridSample: Rule = {
  opsets: [16, 25],
  run(call) {
    const [x, grid] = [call.input(0), call.input(1)];
    if (x.rank !== 4) call.unsupported('sampling over three axes.');
    const mode = call.string('mode', 'linear');
    const padding = call.string('padding_mode', 'zeros');
    const align = call.int('align_corners', 0) !== 0;
    const order = channelsLast(4);
    const picture = x.tensor(order);
    const [h, w] = [x.shape[2]!, x.shape[3]!];
    const [gx, gy] = tf.unstack(grid.tensor(), -1) as [tf.Tensor, tf.Tensor];
    const toPixels = (g: tf.Tensor, size: number) => {
      const raw = align ? tf.mul(tf.add(g, 1), (size - 1) / 2) : tf.sub(tf.mul(tf.add(g, 1), size / 2), 0.5);
      const turned = padding === 'reflection' ? reflected(raw, size, align) : raw;
      return padding === 'zeros' || mode.includes('cubic') ? turned : tf.clipByValue(turned, 0, size - 1);
    };
    const cubicMode = mode.includes('cubic');
    const [px, py] =
      cubicMode && padding === 'reflection'
        ? [
            align ? tf.mul(tf.add(gx, 1), (w - 1) / 2) : tf.sub(tf.mul(tf.add(gx, 1), w / 2), 0.5),
            align ? tf.mul(tf.add(gy, 1), (h - 1) / 2) : tf.sub(tf.mul(tf.add(gy, 1), h / 2), 0.5),
          ]
        : [toPixels(gx, w), toPixels(gy, h)];
    if (mode === 'nearest')
      return Value.device(pixelsAt(picture, tf.round(py), tf.round(px), padding, align), x.dtype, order);
    const [fx, fy] = [tf.floor(px), tf.floor(py)];
    const [rx, ry] = [tf.sub(px, fx), tf.sub(py, fy)];
    const weights = (rest: tf.Tensor): [number, tf.Tensor][] =>
      cubicMode
        ? [-1, 0, 1, 2].map((k) => [k, cubicOf(tf.abs(tf.sub(rest, k)))])
        : [
            [0, tf.sub(1, rest)],
            [1, rest],
          ];
    let sum: tf.Tensor | null = null;
    for (const [ky, wy] of weights(ry))
      for (const [kx, wx] of weights(rx)) {
        const pixels = pixelsAt(picture, tf.add(fy, ky), tf.add(fx, kx), padding, align);
        const term = tf.mul(pixels, tf.expandDims(tf.mul(wy, wx), -1));
        sum = sum === null ? term : tf.add(sum, term);
      }
    return Value.device(sum!, x.dtype, order);
  },
};

/** Keys' kernel with a = -0.75 of distances. */
function cubicOf(d: tf.Tensor): tf.Tensor {
  const a = -0.75;
  const near = tf.add(tf.mul(tf.mul(tf.sub(tf.mul(d, a + 2), a + 3), d), d), 1);
  const far = tf.mul(tf.sub(tf.mul(tf.add(tf.mul(tf.sub(d, 5), d), 8), d), 4), a);
  return tf.where(tf.lessEqual(d, 1), near, far);
}

/** Pools parts of the picture; the boxes are read on the host, the pixels are sampled on the device. */
const roiAlign: Rule = {
  opsets: [10, 25],
  reads: [1, 2],
  run(call) {
    const x = call.input(0);
    const [rois, batches] = [call.host(1), call.host(2)];
    const [oh, ow] = [call.int('output_height', 1), call.int('output_width', 1)];
    const ratio = call.int('sampling_ratio', 0);
    const scale = call.float('spatial_scale', 1);
    const half =
      call.opset >= 16 && call.string('coordinate_transformation_mode', 'half_pixel') === 'half_pixel';
    const max = call.string('mode', 'avg') === 'max';
    const order = channelsLast(4);
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const rows = tf.reshape(x.tensor(order), [n * h * w, c]);
    const count = rois.shape[0]!;
    const outputs = Array.from({ length: count }, (_, r) => {
      const [x1, y1, x2, y2] = [0, 1, 2, 3].map((k) => rois.data[4 * r + k]! * scale - (half ? 0.5 : 0)) as [
        number,
        number,
        number,
        number,
      ];
      const least = half ? 0 : 1;
      const [height, width] = [
        Math.max(y2 - y1, half ? y2 - y1 : least),
        Math.max(x2 - x1, half ? x2 - x1 : least),
      ];
      const [sy, sx] =
        ratio > 0
          ? [ratio, ratio]
          : [Math.max(1, Math.ceil(height / oh)), Math.max(1, Math.ceil(width / ow))];
      const samples = oh * ow * sy * sx;
      const places = [0, 1, 2, 3].map(() => numbers('int32', samples) as Int32Array);
      const weights = [0, 1, 2, 3].map(() => new Float32Array(samples));
      let at = 0;
      for (let i = 0; i < oh * ow; i++)
        for (let k = 0; k < sy * sx; k++, at++) {
          const [row, column] = [Math.floor(i / ow), i % ow];
          let py = y1 + ((row + (Math.floor(k / sx) + 0.5) / sy) * height) / oh;
          let px = x1 + ((column + ((k % sx) + 0.5) / sx) * width) / ow;
          if (py < -1 || py > h || px < -1 || px > w) continue;
          py = Math.max(py, 0);
          px = Math.max(px, 0);
          const [fy, fx] = [Math.min(Math.floor(py), h - 1), Math.min(Math.floor(px), w - 1)];
          const [cy, cx] = [Math.min(fy + 1, h - 1), Math.min(fx + 1, w - 1)];
          const [ly, lx] = [fy >= h - 1 ? 0 : py - fy, fx >= w - 1 ? 0 : px - fx];
          const base = batches.data[r]! * h * w;
          [
            [fy, fx],
            [fy, cx],
            [cy, fx],
            [cy, cx],
          ].forEach(([yy, xx], q) => {
            places[q]![at] = base + yy! * w + xx!;
            weights[q]![at] = (q < 2 ? 1 - ly : ly) * (q % 2 === 0 ? 1 - lx : lx);
          });
        }
      const terms = places.map((index, q) =>
        tf.mul(tf.gather(rows, tf.tensor1d(index, 'int32')), tf.tensor2d(weights[q]!, [samples, 1])),
      );
      const shape = [oh, ow, sy * sx, c];
      // The largest is taken of the four weighted pixels, not of their sum.
      if (max)
        return tf.max(
          tf.reshape(
            terms.reduce((a, b) => tf.maximum(a, b)),
            shape,
          ),
          2,
        );
      return tf.mean(tf.reshape(tf.addN(terms), shape), 2);
    });
    return Value.device(tf.stack(outputs), x.dtype, order);
  },
};

export const resizeRules: RuleTable = {
  Resize: resizeRule,
  Upsample: upsample,
  GridSample: gridSample,
  RoiAlign: roiAlign,
};
