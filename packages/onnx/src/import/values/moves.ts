/** Cutting, joining, repeating and picking along axes of values: on the host for constants, else wherever the axes lie. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  broadcastShape,
  broadcastStrides,
  type HostArray,
  hostArray,
  lengthWithin,
  numbers,
  sizeOf,
  strided,
  stridesOf,
  walk,
} from './host-array.ts';
import { type Order, reshaped, Value } from './value.ts';

/** Elements first, first + step, ... along one axis. */
export interface Cut {
  readonly first: number;
  readonly count: number;
  readonly step: number;
}

/** A cut of each axis. */
export function cut(value: Value, cuts: readonly Cut[]): Value {
  const host = value.constant;
  if (host !== null) {
    const strides = stridesOf(value.shape);
    const start = cuts.reduce((sum, { first }, axis) => sum + first * strides[axis]!, 0);
    return Value.host(
      strided(
        host,
        cuts.map(({ count }) => count),
        cuts.map(({ step }, axis) => step * strides[axis]!),
        start,
      ),
    );
  }
  if (cuts.some(({ count }) => count === 0)) {
    return Value.host(
      hostArray(
        value.dtype,
        cuts.map(({ count }) => count),
        [],
      ),
    );
  }
  const { order } = value;
  let { stored } = value;
  const whole = (c: Cut, axis: number) => c.first === 0 && c.step === 1 && c.count === value.shape[axis];
  if (cuts.every(whole)) return Value.device(tf.clone(stored), value.dtype, order);
  const byStorage = order.map((axis) => cuts[axis]!);
  // The span that each cut reaches over, from its lowest element.
  const low = byStorage.map(({ first, step, count }) => (step < 0 ? first + (count - 1) * step : first));
  const span = byStorage.map(({ step, count }) => (count - 1) * Math.abs(step) + 1);
  stored = tf.slice(stored, low, span);
  if (byStorage.some(({ step }) => Math.abs(step) > 1)) {
    stored = tf.stridedSlice(
      stored,
      low.map(() => 0),
      span,
      byStorage.map(({ step }) => Math.abs(step)),
    );
  }
  const turned = byStorage.flatMap(({ step }, k) => (step < 0 ? [k] : []));
  if (turned.length > 0) stored = tf.reverse(stored, turned);
  return Value.device(stored, value.dtype, order);
}

/** One cut, the other axes whole. */
export function cutAxis(value: Value, axis: number, one: Cut): Value {
  return cut(
    value,
    value.shape.map((count, i) => (i === axis ? one : { first: 0, count, step: 1 })),
  );
}

export function concatenated(values: readonly Value[], axis: number): Value {
  const { dtype } = values[0]!;
  const hosts = values.map((value) => value.constant);
  if (hosts.every((host): host is HostArray => host !== null)) {
    const shape = values[0]!.shape.with(
      axis,
      values.reduce((sum, value) => sum + value.shape[axis]!, 0),
    );
    const data = numbers(dtype, sizeOf(shape));
    const step = stridesOf(shape);
    let start = 0;
    for (const host of hosts) {
      const base = start * step[axis]!;
      walk(host.shape, [step], (at, [offset]) => {
        data[base + offset!] = host.data[at]!;
      });
      start += host.shape[axis]!;
    }
    return Value.host({ dtype, shape, data });
  }
  const full = values.filter((value) => value.size > 0);
  if (full.length === 0) return values[0]!.copy();
  const { order } = full.reduce(
    (a, b) => (b.constant === null && b.size > a.size ? b : a),
    full.find((v) => v.constant === null)!,
  );
  const tensors = full.map((value) => value.tensor(order));
  const joined = tensors.length === 1 ? tf.clone(tensors[0]!) : tf.concat(tensors, order.indexOf(axis));
  return Value.device(joined, dtype, order);
}

/** Indices within 0..size: negative ones count from the end. @throws ChaingradError when one is out of range. */
export function resolvedIndices(indices: HostArray, size: number): Int32Array<ArrayBuffer> {
  return Int32Array.from(indices.data as Float64Array, (index) => {
    if (!(index >= -size && index < size))
      throw new ChaingradError(`expected indices in ${-size}..${size - 1}, got ${index}.`);
    return index < 0 ? index + size : index;
  });
}

/** Indices as a tensor of int32, negative ones resolved. */
export function indexTensor(indices: Value, size: number): tf.Tensor {
  const host = indices.constant;
  if (host !== null) return tf.tensor(resolvedIndices(host, size), [...indices.shape], 'int32');
  const tensor = tf.cast(indices.tensor(), 'int32');
  return tf.where(tf.less(tensor, 0), tf.add(tensor, tf.scalar(size, 'int32')), tensor);
}

/** The slices at the indices along an axis, whose place the axes of the indices take. */
export function gathered(value: Value, indices: Value, axis: number): Value {
  const size = value.shape[axis]!;
  const shape = [...value.shape.slice(0, axis), ...indices.shape, ...value.shape.slice(axis + 1)];
  const host = value.constant;
  const places = indices.constant;
  if (host !== null && places !== null) {
    const strides = stridesOf(value.shape);
    const index = resolvedIndices(places, size);
    const data = numbers(value.dtype, sizeOf(shape));
    if (data.length === 0) return Value.host({ dtype: value.dtype, shape, data });
    const inner = strides[axis]!;
    const outer = sizeOf(value.shape.slice(0, axis));
    let at = 0;
    for (let o = 0; o < outer; o++)
      for (const i of index)
        for (let k = 0; k < inner; k++) data[at++] = host.data[(o * size + i) * inner + k]!;
    return Value.host({ dtype: value.dtype, shape, data });
  }
  const flat = tf.reshape(indexTensor(indices, size), [indices.size]);
  const picked = tf.gather(value.stored, flat as tf.Tensor1D, value.order.indexOf(axis));
  const one = Value.device(picked, value.dtype, value.order);
  return indices.rank === 1 ? one : reshaped(one, shape);
}

/** The elements of one axis in another order, possibly several times. */
export function pickedAlong(value: Value, axis: number, places: readonly number[]): Value {
  return gathered(value, Value.host(hostArray('int64', [places.length], places)), axis);
}

export function repeated(value: Value, reps: readonly number[]): Value {
  const host = value.constant;
  const shape = value.shape.map((n, i) => n * reps[i]!);
  if (host !== null) {
    const data = numbers(value.dtype, sizeOf(shape));
    const strides = stridesOf(value.shape);
    // Each axis twice, the copies with a stride of zero.
    walk(
      value.shape.flatMap((n, i) => [reps[i]!, n]),
      [strides.flatMap((stride) => [0, stride])],
      (at, [offset]) => {
        data[at] = host.data[offset!]!;
      },
    );
    return Value.host({ dtype: value.dtype, shape, data });
  }
  return Value.device(
    tf.tile(
      value.stored,
      value.order.map((axis) => reps[axis]!),
    ),
    value.dtype,
    value.order,
  );
}

/** Broadcasts in both directions, as ONNX' Expand does. */
export function expanded(value: Value, to: readonly number[]): Value {
  const shape = broadcastShape([value.shape, to]);
  const host = value.constant;
  if (host !== null) return Value.host(strided(host, shape, broadcastStrides(value.shape, shape)));
  const lead = shape.length - value.rank;
  const wide = lead === 0 ? value : reshaped(value, [...new Array<number>(lead).fill(1), ...value.shape]);
  return repeated(
    wide,
    shape.map((n, i) => (wide.shape[i] === n ? 1 : n)),
  );
}

export type PadMode = 'constant' | 'reflect' | 'symmetric' | 'edge' | 'wrap';

/** For one axis: where each element of the padded one comes from. */
function padPlaces(
  size: number,
  before: number,
  after: number,
  mode: Exclude<PadMode, 'constant'>,
): number[] {
  const mod = (x: number, n: number) => ((x % n) + n) % n;
  return Array.from({ length: lengthWithin(before + size + after) }, (_, i) => {
    const at = i - before;
    if (mode === 'edge') return Math.min(Math.max(at, 0), size - 1);
    if (mode === 'wrap') return mod(at, size);
    if (mode === 'symmetric') {
      const turn = mod(at, 2 * size);
      return turn < size ? turn : 2 * size - 1 - turn;
    }
    if (size === 1) return 0;
    const turn = mod(at, 2 * (size - 1));
    return turn < size ? turn : 2 * (size - 1) - turn;
  });
}

/** Adds elements before and after each axis; negative counts cut. */
export function padded(
  value: Value,
  before: readonly number[],
  after: readonly number[],
  mode: PadMode = 'constant',
  fill = 0,
): Value {
  const negative = [...before, ...after].some((n) => n < 0);
  const inner = negative
    ? cut(
        value,
        value.shape.map((n, i) => ({
          first: Math.max(0, -before[i]!),
          count: Math.max(0, n + Math.min(before[i]!, 0) + Math.min(after[i]!, 0)),
          step: 1,
        })),
      )
    : value;
  const pads = value.shape.map(
    (_, i) => [Math.max(0, before[i]!), Math.max(0, after[i]!)] as [number, number],
  );
  if (pads.every(([a, b]) => a === 0 && b === 0)) return inner === value ? value.copy() : inner;
  if (mode !== 'constant') {
    let out = inner;
    pads.forEach(([a, b], axis) => {
      if (a > 0 || b > 0) out = pickedAlong(out, axis, padPlaces(inner.shape[axis]!, a, b, mode));
    });
    return out;
  }
  const host = inner.constant;
  const shape = inner.shape.map((n, i) => n + pads[i]![0] + pads[i]![1]);
  if (host !== null) {
    const data = numbers(value.dtype, sizeOf(shape)).fill(fill);
    const strides = stridesOf(shape);
    const start = pads.reduce((sum, [a], i) => sum + a * strides[i]!, 0);
    walk(inner.shape, [strides], (at, [offset]) => {
      data[start + offset!] = host.data[at]!;
    });
    return Value.host({ dtype: value.dtype, shape, data });
  }
  const byStorage = inner.order.map((axis) => pads[axis]!);
  const { stored } = inner;
  const padBool = stored.dtype === 'bool';
  const out = tf.pad(padBool ? tf.cast(stored, 'int32') : stored, byStorage, fill);
  return Value.device(padBool ? tf.cast(out, 'bool') : out, value.dtype, inner.order);
}

/** Keeps or removes axes of one element that a reduction over storage axes has left. */
export function withoutAxes(
  tensor: tf.Tensor,
  order: Order,
  axes: readonly number[],
): { tensor: tf.Tensor; order: Order } {
  const kept = order.filter((axis) => !axes.includes(axis));
  return {
    tensor: tf.reshape(
      tensor,
      order.flatMap((axis, k) => (axes.includes(axis) ? [] : [tensor.shape[k]!])),
    ),
    order: kept.map((axis) => axis - axes.filter((a) => a < axis).length),
  };
}
