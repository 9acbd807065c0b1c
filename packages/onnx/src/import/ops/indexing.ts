/** Reading and writing at computed places. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { type HostArray, hostArray, numbers, sizeOf, stridesOf, walk } from '../values/host-array.ts';
import { gathered, indexTensor } from '../values/moves.ts';
import { reshaped, tensorType, Value } from '../values/value.ts';
import { axisOf, type Rule, type RuleTable } from './rule.ts';

const flatOf = (value: Value) => tf.reshape(value.tensor(), [value.size]);

/** For indices along one axis, each at its own place elsewhere: the places in the flat array. */
function elementPlaces(shape: readonly number[], axis: number, indices: Value): tf.Tensor {
  const strides = stridesOf(shape);
  const resolved = indexTensor(indices, shape[axis]!);
  const offsets = numbers('int32', indices.size) as Int32Array;
  walk(indices.shape, [strides.map((s, i) => (i === axis ? 0 : s))], (at, [offset]) => {
    offsets[at] = offset!;
  });
  const along = tf.mul(resolved, tf.scalar(strides[axis]!, 'int32'));
  return tf.reshape(tf.add(along, tf.tensor(offsets, [...indices.shape], 'int32')), [indices.size]);
}

const gatherElements: Rule = {
  opsets: [11, 25],
  run(call) {
    const [x, indices] = [call.input(0), call.input(1)];
    const places = elementPlaces(x.shape, axisOf(call.int('axis', 0), x.rank), indices);
    const picked = tf.gather(flatOf(x), places as tf.Tensor1D);
    return Value.device(tf.reshape(picked, [...indices.shape]), x.dtype);
  },
};

/** Indices whose last axis names places along the first axes (behind `batch` ones): places of rows of the flat array. */
function rowPlaces(
  shape: readonly number[],
  indices: Value,
  batch: number,
): { places: tf.Tensor1D; rows: number; row: number } {
  const depth = indices.shape.at(-1)!;
  const strides = stridesOf(shape);
  const row = sizeOf(shape.slice(batch + depth));
  const count = indices.size / depth;
  const table = tf.reshape(tf.cast(indices.tensor(), 'int32'), [count, depth]);
  const sizes = tf.tensor2d(Int32Array.from(shape.slice(batch, batch + depth)), [1, depth], 'int32');
  const resolved = tf.where(tf.less(table, 0), tf.add(table, sizes), table);
  const steps = tf.tensor2d(
    Int32Array.from({ length: depth }, (_, i) => strides[batch + i]! / row),
    [1, depth],
    'int32',
  );
  const within = tf.sum(tf.mul(resolved, steps), 1);
  const each = count / Math.max(1, sizeOf(shape.slice(0, batch)));
  const step = sizeOf(shape.slice(batch)) / row;
  const starts = Int32Array.from({ length: count }, (_, i) => Math.floor(i / each) * step);
  const places = tf.add(tf.cast(within, 'int32'), tf.tensor1d(starts, 'int32')) as tf.Tensor1D;
  return { places, rows: sizeOf(shape) / row, row };
}

const gatherND: Rule = {
  opsets: [11, 25],
  run(call) {
    const [x, indices] = [call.input(0), call.input(1)];
    const batch = call.int('batch_dims', 0);
    const { places, rows, row } = rowPlaces(x.shape, indices, batch);
    const picked = tf.gather(tf.reshape(x.tensor(), [rows, row]), places);
    const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batch + indices.shape.at(-1)!)];
    return Value.device(tf.reshape(picked, shape), x.dtype);
  },
};

/** Writes rows of updates at places of x (rows, row). Places that occur twice add, multiply, ... or the last one wins. */
function scattered(
  x: Value,
  rows: number,
  row: number,
  places: tf.Tensor,
  updates: Value,
  reduction: string,
): Value {
  const flat = tf.reshape(x.tensor(), [rows, row]);
  const values = tf.reshape(updates.tensor(), [places.size, row]);
  const at = tf.reshape(places, [places.size, 1]);
  const type = tensorType(x.dtype);
  let y: tf.Tensor;
  if (reduction === 'none') y = tf.tensorScatterUpdate(flat, at, values);
  else if (reduction === 'add') y = tf.add(flat, tf.scatterND(at, values, [rows, row]));
  else {
    // No kernel multiplies at places that repeat: one after the other, which is right for them, too.
    const fn = { mul: tf.mul, max: tf.maximum, min: tf.minimum }[reduction];
    if (fn === undefined)
      throw new ChaingradError(`expected a reduction none, add, mul, max or min, got ${reduction}.`);
    y = tf.unstack(at).reduce<tf.Tensor>((all, place, i) => {
      const one = tf.reshape(place, [1]) as tf.Tensor1D;
      const now = fn(tf.gather(all, one), tf.slice(values, [i, 0], [1, row]));
      return tf.tensorScatterUpdate(all, tf.reshape(place, [1, 1]), now);
    }, flat);
  }
  return Value.device(tf.reshape(tf.cast(y, type), [...x.shape]), x.dtype);
}

const scatterElements: Rule = {
  opsets: [9, 25],
  run(call) {
    const [x, indices, updates] = [call.input(0), call.input(1), call.input(2)];
    const places = elementPlaces(x.shape, axisOf(call.int('axis', 0), x.rank), indices);
    return scattered(x, x.size, 1, places, updates, call.string('reduction', 'none'));
  },
};

const scatterND: Rule = {
  opsets: [11, 25],
  run(call) {
    const [x, indices, updates] = [call.input(0), call.input(1), call.input(2)];
    const { places, rows, row } = rowPlaces(x.shape, indices, 0);
    return scattered(x, rows, row, places, updates, call.string('reduction', 'none'));
  },
};

const nonZero: Rule = {
  opsets: [9, 25],
  reads: 'all',
  folds: true,
  run(call) {
    const x = call.host(0);
    const found: number[] = [];
    x.data.forEach((v, i) => {
      if (v !== 0) found.push(i);
    });
    const strides = stridesOf(x.shape);
    const rank = Math.max(1, x.shape.length);
    const data = numbers('int64', rank * found.length);
    found.forEach((flat, k) => {
      x.shape.forEach((n, axis) => {
        data[axis * found.length + k] = Math.floor(flat / strides[axis]!) % n;
      });
    });
    return Value.host({ dtype: 'int64', shape: [rank, found.length], data });
  },
};

const compress: Rule = {
  opsets: [9, 25],
  reads: [1],
  folds: true,
  run(call) {
    const axis = call.node.attributes.has('axis') ? call.int('axis', 0) : null;
    const x = axis === null ? reshaped(call.input(0), [call.input(0).size]) : call.input(0);
    const kept: number[] = [];
    call.host(1).data.forEach((v, i) => {
      if (v !== 0) kept.push(i);
    });
    return gathered(x, Value.host(hostArray('int64', [kept.length], kept)), axisOf(axis ?? 0, x.rank));
  },
};

/** The slices along an axis (or the elements) that differ, sorted or as they come. */
function uniqueOf(x: HostArray, axis: number | null, sorted: boolean) {
  const flat: HostArray = axis === null ? { ...x, shape: [x.data.length] } : x;
  const at = axis ?? 0;
  const size = flat.shape[at]!;
  const inner = stridesOf(flat.shape)[at]!;
  const outer = sizeOf(flat.shape.slice(0, at));
  const sliceOf = (i: number) =>
    Array.from(
      { length: outer * inner },
      (_, k) => flat.data[(Math.floor(k / inner) * size + i) * inner + (k % inner)]!,
    );
  const seen = new Map<string, { slice: number[]; first: number; members: number[] }>();
  for (let i = 0; i < size; i++) {
    const slice = sliceOf(i);
    const key = slice.join();
    const found = seen.get(key);
    if (found === undefined) seen.set(key, { slice, first: i, members: [i] });
    else found.members.push(i);
  }
  const groups = [...seen.values()];
  const order = (a: number[], b: number[]) => {
    const k = a.findIndex((v, i) => v !== b[i]);
    return k < 0 ? 0 : a[k]! - b[k]!;
  };
  if (sorted) groups.sort((a, b) => order(a.slice, b.slice));
  const inverse = new Array<number>(size);
  groups.forEach(({ members }, g) => {
    for (const i of members) inverse[i] = g;
  });
  return { flat, at, groups, inverse };
}

const unique: Rule = {
  opsets: [11, 25],
  reads: 'all',
  run(call) {
    const x = call.host(0);
    const axis = call.node.attributes.has('axis') ? axisOf(call.int('axis', 0), x.shape.length) : null;
    const { flat, at, groups, inverse } = uniqueOf(x, axis, call.int('sorted', 1) !== 0);
    const list = (values: number[]) => Value.host(hostArray('int64', [values.length], values));
    const firsts = groups.map(({ first }) => first);
    return [
      gathered(Value.host(flat), list(firsts), at),
      list(firsts),
      list(inverse),
      list(groups.map(({ members }) => members.length)),
    ];
  },
};

type Box = readonly [y1: number, x1: number, y2: number, x2: number];

function overlap(a: Box, b: Box): number {
  const height = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (height <= 0 || width <= 0) return 0;
  const area = ([y1, x1, y2, x2]: Box) => (y2 - y1) * (x2 - x1);
  return (height * width) / (area(a) + area(b) - height * width);
}

/** Of each picture and class the boxes of highest score that do not overlap a better one. On the host. */
const nonMaxSuppression: Rule = {
  opsets: [10, 25],
  reads: 'all',
  run(call) {
    const [boxes, scores] = [call.host(0), call.host(1)];
    const number = (index: number, fallback: number) => call.optional(index)?.hostArray?.data[0] ?? fallback;
    const most = number(2, 0);
    const iou = number(3, 0);
    const least = number(4, Number.NEGATIVE_INFINITY);
    const centred = call.int('center_point_box', 0) !== 0;
    const [batches, classes, count] = scores.shape as [number, number, number];
    const boxOf = (b: number, i: number): Box => {
      const [p, q, r, s] = [0, 1, 2, 3].map((k) => boxes.data[(b * count + i) * 4 + k]!) as [
        number,
        number,
        number,
        number,
      ];
      if (centred) return [q - s / 2, p - r / 2, q + s / 2, p + r / 2];
      return [Math.min(p, r), Math.min(q, s), Math.max(p, r), Math.max(q, s)];
    };
    const chosen: number[] = [];
    for (let b = 0; b < batches; b++) {
      const all = Array.from({ length: count }, (_, i) => boxOf(b, i));
      for (let c = 0; c < classes; c++) {
        const score = (i: number) => scores.data[(b * classes + c) * count + i]!;
        const order = all
          .map((_, i) => i)
          .filter((i) => score(i) > least)
          .sort((i, k) => score(k) - score(i) || i - k);
        const kept: number[] = [];
        for (const i of order) {
          if (kept.length >= most) break;
          if (kept.some((k) => overlap(all[i]!, all[k]!) > iou)) continue;
          kept.push(i);
        }
        for (const i of kept) chosen.push(b, c, i);
      }
    }
    return Value.host(hostArray('int64', [chosen.length / 3, 3], chosen));
  },
};

export const indexingRules: RuleTable = {
  GatherElements: gatherElements,
  GatherND: gatherND,
  Scatter: { ...scatterElements, opsets: [9, 10] },
  ScatterElements: { ...scatterElements, opsets: [11, 25] },
  ScatterND: scatterND,
  NonZero: nonZero,
  Compress: compress,
  Unique: unique,
  NonMaxSuppression: nonMaxSuppression,
};
