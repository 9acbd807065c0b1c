/** Operators that move elements about, and arithmetic of shapes, which is done on the host. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { dtypeOfCode } from '../read/element-types.ts';
import { mapped } from '../values/aligned.ts';
import {
  type Dtype,
  elementwise,
  type HostArray,
  hostArray,
  int64s,
  isFloat,
  numbers,
  sizeOf,
} from '../values/host-array.ts';
import {
  type Cut,
  concatenated,
  cut,
  cutAxis,
  expanded,
  gathered,
  type PadMode,
  padded,
  repeated,
} from '../values/moves.ts';
import { reshaped, tensorType, transposed, Value } from '../values/value.ts';
import { roundToBfloat, roundToHalf } from './halves.ts';
import { truncatedInt, wrapped } from './integers.ts';
import { axisOf, type Call, type Rule, type RuleTable } from './rule.ts';

const shape: Rule = {
  opsets: [1, 25],
  folds: true,
  run(call) {
    const dims = call.input(0).shape;
    return Value.host(
      int64s(dims.slice(...sliceRange(dims.length, call.int('start', 0), call.int('end', dims.length)))),
    );
  },
};

function sliceRange(rank: number, start: number, end: number): [number, number] {
  const clamp = (i: number) => Math.min(Math.max(i < 0 ? i + rank : i, 0), rank);
  return [clamp(start), clamp(end)];
}

const reshape: Rule = {
  opsets: [1, 25],
  reads: [1],
  folds: true,
  run(call) {
    const x = call.input(0);
    const wanted = call.ints(1, 'shape') ?? [];
    const zeros = call.int('allowzero', 0) !== 0;
    const known = wanted.map((n, i) => (n === 0 && !zeros ? (x.shape[i] ?? 0) : n));
    const rest = sizeOf(known.filter((n) => n !== -1));
    return reshaped(
      x,
      known.map((n) => (n === -1 ? (rest === 0 ? 0 : x.size / rest) : n)),
    );
  },
};

const flatten: Rule = {
  opsets: [1, 25],
  folds: true,
  run(call) {
    const x = call.input(0);
    const axis = call.int('axis', 1);
    const at = axis === x.rank ? axis : axisOf(axis, x.rank);
    return reshaped(x, [sizeOf(x.shape.slice(0, at)), sizeOf(x.shape.slice(at))]);
  },
};

const squeeze: Rule = {
  opsets: [1, 25],
  reads: [1],
  folds: true,
  run(call) {
    const x = call.input(0);
    const given = call.ints(1, 'axes')?.map((axis) => axisOf(axis, x.rank));
    const axes = given ?? x.shape.flatMap((n, i) => (n === 1 ? [i] : []));
    const long = axes.find((axis) => x.shape[axis] !== 1);
    if (long !== undefined)
      throw new ChaingradError(`expected axis ${long} of one element, got ${x.shape[long]}.`);
    return reshaped(
      x,
      x.shape.filter((_, i) => !axes.includes(i)),
    );
  },
};

const unsqueeze: Rule = {
  opsets: [1, 25],
  reads: [1],
  folds: true,
  run(call) {
    const x = call.input(0);
    const given = call.ints(1, 'axes') ?? [];
    const rank = x.rank + given.length;
    const axes = new Set(given.map((axis) => axisOf(axis, rank)));
    if (axes.size !== given.length)
      throw new ChaingradError(`expected axes that differ, got ${given.join(', ')}.`);
    const old = x.shape.values();
    return reshaped(
      x,
      Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : old.next().value!)),
    );
  },
};

const transpose: Rule = {
  opsets: [1, 25],
  folds: true,
  run(call) {
    const x = call.input(0);
    const perm = call.intsOf('perm') ?? x.shape.map((_, i) => x.rank - 1 - i);
    if (perm.length !== x.rank || new Set(perm.map((axis) => axisOf(axis, x.rank))).size !== x.rank)
      throw new ChaingradError(`expected a permutation of ${x.rank} axes, got ${perm.join(', ')}.`);
    return transposed(x, perm);
  },
};

const concat: Rule = {
  opsets: [1, 25],
  folds: true,
  run(call) {
    const values = call.inputs.map((_, i) => call.input(i));
    return concatenated(values, axisOf(call.int('axis', 1), values[0]!.rank));
  },
};

const split: Rule = {
  opsets: [1, 25],
  reads: [1],
  folds: true,
  run(call) {
    const x = call.input(0);
    const axis = axisOf(call.int('axis', 0), x.rank);
    const size = x.shape[axis]!;
    const outputs = call.int('num_outputs', call.node.outputs.length);
    const each = Math.ceil(size / outputs);
    const given = call.ints(1, 'split');
    const parts = given?.length ?? outputs;
    if (parts !== call.node.outputs.length)
      throw new ChaingradError(
        `expected ${call.node.outputs.length} parts, one for each output, got ${parts}.`,
      );
    const sizes =
      given ?? Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
    if (sizes.reduce((a, b) => a + b, 0) !== size)
      throw new ChaingradError(`expected parts of ${size} in all, got ${sizes.join(', ')}.`);
    let first = 0;
    return sizes.map((count) => {
      const part = cutAxis(x, axis, { first, count, step: 1 });
      first += count;
      return part;
    });
  },
};

/** The elements that start, end and step pick of an axis. */
export function sliceCut(size: number, start: number, end: number, step: number): Cut {
  if (step === 0) throw new ChaingradError('expected a step that is not 0, got 0.');
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const first = Math.min(Math.max(from, step > 0 ? 0 : low), step > 0 ? high : high);
  const stop = Math.min(Math.max(to, low), step > 0 ? high : size);
  const count = Math.max(0, Math.ceil((stop - first) / step));
  return { first: Math.max(first, 0), count, step };
}

const slice: Rule = {
  opsets: [1, 25],
  reads: [1, 2, 3, 4],
  folds: true,
  run(call) {
    const x = call.input(0);
    const starts = call.ints(1, 'starts') ?? [];
    const ends = call.ints(2, 'ends') ?? [];
    const axes = call.ints(3, 'axes') ?? starts.map((_, i) => i);
    const steps = call.ints(4, 'steps') ?? [];
    const cuts: Cut[] = x.shape.map((count) => ({ first: 0, count, step: 1 }));
    axes.forEach((given, i) => {
      const axis = axisOf(given, x.rank);
      cuts[axis] = sliceCut(x.shape[axis]!, starts[i]!, ends[i]!, steps[i] ?? 1);
    });
    return cut(x, cuts);
  },
};

const gather: Rule = {
  opsets: [1, 25],
  weights: { 0: 'weight' },
  folds: true,
  run(call) {
    const x = call.input(0);
    return gathered(x, call.input(1), axisOf(call.int('axis', 0), x.rank));
  },
};

const expand: Rule = {
  opsets: [8, 25],
  reads: [1],
  folds: true,
  run: (call) => expanded(call.input(0), call.ints(1, 'shape')!),
};

const tile: Rule = {
  opsets: [1, 25],
  reads: [1, 2],
  folds: true,
  run(call) {
    const x = call.input(0);
    if (call.opset >= 6) return repeated(x, call.ints(1, 'repeats')!);
    const reps = x.shape.map(() => 1);
    reps[axisOf(call.host(2).data[0]!, x.rank)] = call.host(1).data[0]!;
    return repeated(x, reps);
  },
};

const pad: Rule = {
  opsets: [1, 25],
  reads: [1, 2, 3],
  folds: true,
  run(call) {
    const x = call.input(0);
    const pads = call.ints(1, 'pads') ?? call.intsOf('paddings') ?? [];
    const axes =
      call.optional(3) === null
        ? x.shape.map((_, i) => i)
        : [...call.host(3).data].map((a) => axisOf(a, x.rank));
    if (pads.length !== 2 * axes.length)
      throw new ChaingradError(`expected ${2 * axes.length} paddings, got ${pads.length}.`);
    const [before, after] = [x.shape.map(() => 0), x.shape.map(() => 0)];
    axes.forEach((axis, i) => {
      before[axis] = pads[i]!;
      after[axis] = pads[axes.length + i]!;
    });
    const fill = call.optional(2)?.hostArray?.data[0] ?? call.float('value', 0);
    return padded(x, before, after, call.string('mode', 'constant') as PadMode, fill);
  },
};

const constant: Rule = {
  opsets: [1, 25],
  folds: true,
  run(call) {
    const tensor = call.tensorOf('value');
    if (tensor !== null) return Value.host(tensor);
    const ints = call.has('value_int') ? [call.int('value_int', 0)] : call.intsOf('value_ints');
    const floats = call.has('value_float') ? [call.float('value_float', 0)] : call.floatsOf('value_floats');
    const values = ints ?? floats;
    if (values === null) return call.unsupported('a constant that is neither numbers nor a dense array.');
    const scalar = call.has('value_int') || call.has('value_float');
    return Value.host(hostArray(ints !== null ? 'int64' : 'float32', scalar ? [] : [values.length], values));
  },
};

const constantOfShape: Rule = {
  opsets: [9, 25],
  reads: [0],
  folds: true,
  run(call) {
    const dims = [...call.host(0).data];
    const value = call.tensorOf('value');
    const dtype = value?.dtype ?? 'float32';
    return Value.host({ dtype, shape: dims, data: numbers(dtype, sizeOf(dims)).fill(value?.data[0] ?? 0) });
  },
};

const range: Rule = {
  opsets: [11, 25],
  reads: 'all',
  folds: true,
  run(call) {
    const [start, limit, delta] = [0, 1, 2].map((i) => call.host(i).data[0]!) as [number, number, number];
    if (delta === 0) throw new ChaingradError('expected a step other than 0.');
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    const data = numbers(call.input(0).dtype, Number.isFinite(count) ? count : -1);
    for (let i = 0; i < data.length; i++) data[i] = start + i * delta;
    return Value.host({ dtype: call.input(0).dtype, shape: [count], data });
  },
};

/** Numbers of one type as another, on the host. */
function castHost(array: HostArray, to: Dtype): HostArray {
  if (to === 'bool') return elementwise(to, [array], (x) => (x !== 0 ? 1 : 0));
  if (to === 'float16') return elementwise(to, [array], roundToHalf);
  if (to === 'bfloat16') return elementwise(to, [array], roundToBfloat);
  return elementwise(to, [array], isFloat(array.dtype) && !isFloat(to) ? Math.trunc : (x) => x);
}

/** A value as another element type. Halves are not rounded on the device. */
export function castTo(value: Value, to: Dtype): Value {
  const host = value.constant;
  if (host !== null) return Value.host(castHost(host, to));
  return mapped(
    value,
    (x) => {
      if (isFloat(value.dtype) && !isFloat(to) && to !== 'bool') return wrapped(truncatedInt(x), to);
      if (to === 'bool') return tf.notEqual(x, tf.scalar(0, x.dtype === 'float32' ? 'float32' : 'int32'));
      return wrapped(tf.cast(x, tensorType(to)), to);
    },
    to,
  );
}

const oneHot: Rule = {
  opsets: [9, 25],
  reads: [1, 2],
  folds: true,
  run(call) {
    const indices = call.input(0);
    const depth = call.host(1).data[0]!;
    const { dtype, data } = call.host(2);
    const axis = call.int('axis', -1);
    const at = axis < 0 ? axis + indices.rank + 1 : axis;
    const places = indices.constant;
    if (places !== null) {
      const out = numbers(dtype, indices.size * depth).fill(data[0]!);
      places.data.forEach((place, i) => {
        const k = place < 0 ? place + depth : place;
        if (k >= 0 && k < depth) out[i * depth + k] = data[1]!;
      });
      return lastAxisTo(Value.host({ dtype, shape: [...indices.shape, depth], data: out }), at);
    }
    const flat = tf.cast(indices.tensor(), 'int32');
    const resolved = tf.where(tf.less(flat, 0), tf.add(flat, tf.scalar(depth, 'int32')), flat);
    const hot = tf.oneHot(tf.reshape(resolved, [indices.size]) as tf.Tensor1D, depth);
    const filled = tf.where(tf.equal(hot, 1), data[1]!, data[0]!);
    const shaped = tf.reshape(tf.cast(filled, tensorType(dtype)), [...indices.shape, depth]);
    return lastAxisTo(Value.device(shaped, dtype), at);
  },
};

/** Moves the last axis to a place before it. */
function lastAxisTo(value: Value, at: number): Value {
  const perm = value.shape.map((_, i) => i).slice(0, -1);
  perm.splice(at, 0, value.rank - 1);
  return at === value.rank - 1 ? value : transposed(value, perm);
}

const eyeLike: Rule = {
  opsets: [9, 25],
  folds: true,
  run(call) {
    const x = call.input(0);
    const dtype = call.has('dtype') ? dtypeOfCode(call.int('dtype', 1)) : x.dtype;
    const [rows, columns] = x.shape as [number, number];
    const k = call.int('k', 0);
    const data = numbers(dtype, rows * columns);
    for (let i = 0; i < rows; i++) if (i + k >= 0 && i + k < columns) data[i * columns + i + k] = 1;
    return Value.host({ dtype, shape: [rows, columns], data });
  },
};

const trilu: Rule = {
  opsets: [14, 25],
  reads: [1],
  folds: true,
  run(call) {
    const x = call.input(0);
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    const k = call.optional(1)?.hostArray?.data[0] ?? 0;
    const upper = call.int('upper', 1) !== 0;
    const keep = numbers('bool', rows * columns);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) keep[i * columns + j] = (upper ? j - i >= k : j - i <= k) ? 1 : 0;
    const mask: HostArray = { dtype: 'bool', shape: [rows, columns], data: keep };
    const host = x.constant;
    if (host !== null) return Value.host(elementwise(x.dtype, [mask, host], (m, v) => (m !== 0 ? v : 0)));
    const tensor = x.tensor();
    if (x.size === 0) return x.copy();
    return Value.device(tf.where(Value.host(mask).tensor(), tensor, tf.zerosLike(tensor)), x.dtype);
  },
};

/** (N, C, H, W) with blocks of channels as pixels, by reshaping and transposing. */
const depthToSpace: Rule = {
  opsets: [1, 25],
  folds: true,
  run(call) {
    const x = call.input(0);
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const b = call.int('blocksize', 1);
    const depth = c / (b * b);
    const rows = call.string('mode', 'DCR') === 'CRD';
    const split = reshaped(x, rows ? [n, depth, b, b, h, w] : [n, b, b, depth, h, w]);
    const moved = transposed(split, rows ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
    return reshaped(moved, [n, depth, h * b, w * b]);
  },
};

const spaceToDepth: Rule = {
  opsets: [1, 25],
  folds: true,
  run(call) {
    const x = call.input(0);
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const b = call.int('blocksize', 1);
    const split = reshaped(x, [n, c, h / b, b, w / b, b]);
    return reshaped(transposed(split, [0, 3, 5, 1, 2, 4]), [n, c * b * b, h / b, w / b]);
  },
};

const identity: Rule = { opsets: [1, 25], folds: true, run: (call) => call.input(0).copy() };

const cast: Rule = {
  opsets: [1, 25],
  folds: true,
  run: (call) => castTo(call.input(0), codeOf(call)),
};

/** The type that Cast asks for: its number, or before opset 6 its name. */
function codeOf(call: Call): Dtype {
  const attribute = call.node.attributes.get('to');
  if (attribute?.kind !== 'string') return dtypeOfCode(call.int('to', 0));
  const name = attribute.value.toLowerCase();
  return (name === 'float' ? 'float32' : name === 'double' ? 'float64' : name) as Dtype;
}

export const shapeRules: RuleTable = {
  Shape: shape,
  Size: {
    opsets: [1, 25],
    folds: true,
    run: (call) => Value.host(hostArray('int64', [], [call.input(0).size])),
  },
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Split: split,
  Slice: slice,
  Gather: gather,
  Expand: expand,
  Tile: tile,
  Pad: pad,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Cast: cast,
  CastLike: { opsets: [15, 25], folds: true, run: (call) => castTo(call.input(0), call.input(1).dtype) },
  Identity: identity,
  OneHot: oneHot,
  EyeLike: eyeLike,
  Trilu: trilu,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
};
