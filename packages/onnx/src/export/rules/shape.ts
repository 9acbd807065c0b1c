/** Kernels that move elements: reshaping, slicing, joining, repeating, gathering. */
import { Constant } from '../constant.ts';
import { type Dim, isFixed, sameDim, sameShape, Varying } from '../dims.ts';
import { type Emitter, identity, type Value } from '../emitter.ts';
import { cast } from './elementwise.ts';
import { listed, type OnnxRule, type OnnxRules } from './rule.ts';

/** Beyond the end of any axis. */
const TO_THE_END = Number.MAX_SAFE_INTEGER;

const reshape: OnnxRule = (e, inputs, { outputs: [out] }) => e.reshape(listed(inputs)[0]!, out!.shape);

/** The order in which most of the values are stored already. */
function commonOrder(values: readonly Value[]): readonly number[] {
  const votes = new Map<string, { order: readonly number[]; count: number }>();
  for (const { constant, order } of values) {
    if (constant !== null) continue;
    const vote = votes.get(order.join()) ?? { order, count: 0 };
    vote.count++;
    votes.set(order.join(), vote);
  }
  const [best] = [...votes.values()].sort((a, b) => b.count - a.count);
  return best?.order ?? identity(values[0]!.shape.length);
}

const axisOf = (given: unknown, rank: number) => ((given as number) + rank) % rank;

function concat(e: Emitter, values: readonly Value[], axis: number, shape: readonly Dim[]): Value {
  const whole = values.map((value) => e.whole(value));
  const order = commonOrder(whole);
  if (whole.length === 1) return whole[0]!;
  const names = whole.map((value) => e.at(value, order));
  return e.made(e.node('Concat', names, { axis: order.indexOf(axis) }), shape, values[0]!.dtype, order);
}

interface Part {
  readonly begin: number;
  /** Exclusive; null to the end. */
  readonly end: number | null;
  readonly step: number;
}

/** Some positions of some axes; null leaves an axis whole. */
function slice(e: Emitter, given: Value, parts: readonly (Part | null)[], shape: readonly Dim[]): Value {
  const x = e.whole(given);
  const cut = x.order.flatMap((axis, place) => {
    const part = parts[axis];
    return part == null ? [] : [{ place, ...part }];
  });
  if (cut.length === 0) return x;
  const end = (part: Part) => part.end ?? (part.step > 0 ? TO_THE_END : -TO_THE_END);
  const inputs = [
    e.at(x, x.order),
    e.builder.ints(cut.map(({ begin }) => begin)),
    e.builder.ints(cut.map(end)),
    e.builder.ints(cut.map(({ place }) => place)),
    cut.every(({ step }) => step === 1) ? '' : e.builder.ints(cut.map(({ step }) => step)),
  ];
  return e.made(e.node('Slice', inputs), shape, x.dtype, x.order);
}

const sliceRule: OnnxRule = (e, { x }, { attrs, outputs: [out] }) => {
  const begins = attrs['begin'] as readonly Dim[];
  const parts = x!.shape.map((dim, axis): Part | null => {
    const size = out!.shape[axis]!;
    if (sameDim(size, dim)) return null;
    const toEnd = reachesEnd(begins[axis]!, size, dim);
    if (begins[axis] instanceof Varying && toEnd && typeof size === 'number')
      return { begin: -size, end: null, step: 1 };
    const begin = e.fixed('where a slice begins', begins[axis]);
    return { begin, end: toEnd ? null : begin + e.fixed('the size of a slice', size), step: 1 };
  });
  return slice(e, x!, parts, out!.shape);
};

/** Whether begin + size is the whole axis in every trace. */
function reachesEnd(begin: Dim, size: Dim, dim: Dim): boolean {
  const count = Math.max(
    ...[begin, size, dim].map((each) => (each instanceof Varying ? each.values.length : 1)),
  );
  const value = (each: Dim, i: number) => (each instanceof Varying ? each.values[i]! : each);
  return Array.from({ length: count }, (_, i) => i).every(
    (i) => value(begin, i) + value(size, i) === value(dim, i),
  );
}

const stridedSlice: OnnxRule = (e, { x }, { attrs, outputs: [out] }) => {
  const masks = ['ellipsisMask', 'newAxisMask'].map((key) => attrs[key]);
  if (masks.some((mask) => mask !== 0))
    throw e.fail('a strided slice with new axes or an ellipsis has no operator.');
  const [begin, end, strides] = ['begin', 'end', 'strides'].map((key) => attrs[key] as readonly Dim[]);
  const bit = (key: string, axis: number) => (((attrs[key] as number) >> axis) & 1) === 1;
  const shrunk: number[] = [];
  const parts = x!.shape.map((_, axis): Part | null => {
    if (axis >= begin!.length) return null;
    const step = e.fixed('a stride', strides![axis]);
    if (bit('shrinkAxisMask', axis)) {
      shrunk.push(axis);
      const at = e.fixed('a position', begin![axis]);
      return { begin: at, end: at === -1 ? null : at + 1, step: 1 };
    }
    const first = step > 0 ? 0 : TO_THE_END;
    if (step === 1 && bit('beginMask', axis) && bit('endMask', axis)) return null;
    return {
      begin: bit('beginMask', axis) ? first : e.fixed('where a slice begins', begin![axis]),
      end: bit('endMask', axis) ? null : e.fixed('where a slice ends', end![axis]),
      step,
    };
  });
  const kept = [...out!.shape];
  for (const axis of shrunk) kept.splice(axis, 0, 1);
  return e.reshape(slice(e, x!, parts, kept), out!.shape);
};

const reverse: OnnxRule = (e, { x }, { attrs, outputs: [out] }) => {
  const axes = [attrs['dims']].flat().map((axis) => axisOf(axis, x!.shape.length));
  const parts = x!.shape.map((_, axis) => (axes.includes(axis) ? { begin: -1, end: null, step: -1 } : null));
  return slice(e, x!, parts, out!.shape);
};

const split: OnnxRule = (e, { x: given }, { attrs, outputs }) => {
  const x = e.whole(given!);
  const axis = axisOf(attrs['axis'], x.shape.length);
  const sizes = outputs.map(({ shape }) => e.fixed('the size of a part', shape[axis]));
  const names = e.builder.node(
    e.path,
    'Split',
    [e.at(x, x.order), e.builder.ints(sizes)],
    { axis: e.place(x, axis) },
    outputs.length,
  );
  return names.map((name, i) => e.made(name, outputs[i]!.shape, x.dtype, x.order));
};

const pack: OnnxRule = (e, inputs, { attrs, outputs: [out] }) => {
  const axis = axisOf(attrs['axis'], out!.shape.length);
  const shape = out!.shape.map((dim, i) => (i === axis ? 1 : dim));
  const values = listed(inputs).map((value) => e.reshape(value, shape));
  return concat(e, values, axis, out!.shape);
};

const unpack: OnnxRule = (e, { value }, kernel) => {
  const axis = axisOf(kernel.attrs['axis'], value!.shape.length);
  const one = value!.shape.map((dim, i) => (i === axis ? 1 : dim));
  const outputs = kernel.outputs.map((out) => ({ ...out, shape: one }));
  const parts = split(e, { x: value! }, { ...kernel, attrs: { axis }, outputs });
  return [parts].flat().map((part, i) => e.reshape(part as Value, kernel.outputs[i]!.shape));
};

const pad =
  (mode: (attrs: Readonly<Record<string, unknown>>) => string): OnnxRule =>
  (e, { x: given }, { attrs, outputs: [out] }) => {
    const x = e.whole(given!);
    const paddings = attrs['paddings'] as readonly (readonly Dim[])[];
    const sides = [0, 1].flatMap((side) =>
      x.order.map((axis) => e.fixed('a padding', paddings[axis]![side])),
    );
    if (sides.every((size) => size === 0)) return x;
    const how = mode(attrs);
    if (how === 'symmetric') throw e.fail("padding by 'symmetric' has no operator.", "Use 'reflect'.");
    const value =
      how === 'constant' ? e.builder.scalar((attrs['constantValue'] as number) ?? 0, x.dtype) : '';
    const name = e.node('Pad', [e.at(x, x.order), e.builder.ints(sides), value], { mode: how });
    return e.made(name, out!.shape, x.dtype, x.order);
  };

/** Repeats along axes of size 1 are left to the operators that broadcast. */
function stretched(value: Value, shape: readonly Dim[]): Value | null {
  const fits = value.shape.every((dim, axis) => sameDim(dim, shape[axis]!) || dim === 1);
  return fits ? { ...value, shape } : null;
}

const tile: OnnxRule = (e, { x }, { attrs, outputs: [out] }) => {
  const lazy = stretched(x!, out!.shape);
  if (lazy !== null) return lazy;
  const whole = e.whole(x!);
  const reps = attrs['reps'] as readonly Dim[];
  const counts = whole.order.map((axis) => e.fixed('a number of repeats', reps[axis]));
  return e.made(
    e.node('Tile', [e.at(whole, whole.order), e.builder.ints(counts)]),
    out!.shape,
    whole.dtype,
    whole.order,
  );
};

const broadcastTo: OnnxRule = (e, { x }, { outputs: [out] }) => {
  const ones: Dim[] = out!.shape.slice(x!.shape.length).map(() => 1);
  const extended = e.reshape(x!, [...ones, ...x!.shape]);
  return stretched(extended, out!.shape) ?? e.whole(extended);
};

const gather: OnnxRule = (e, { x, indices }, { attrs, outputs: [out] }) => {
  if ((attrs['batchDims'] ?? 0) !== 0) throw e.fail('gathering by batches has no operator.');
  const axis = axisOf(attrs['axis'], x!.shape.length);
  return e.made(e.node('Gather', [e.plain(x!), e.plain(indices!)], { axis }), out!.shape, x!.dtype);
};

const gatherND: OnnxRule = (e, { params, indices }, { outputs: [out] }) => {
  const inputs = [e.plain(params!), e.plain(cast(e, indices!, 'int64'))];
  return e.made(e.node('GatherND', inputs), out!.shape, params!.dtype);
};

/** Rows of `updates` at places of an array, or added up over zeros. */
const scatterND: OnnxRule = (e, { tensor, indices, updates }, { outputs: [out] }) => {
  const base = tensor ?? e.filled(0, out!.shape, out!.dtype);
  const inputs = [e.plain(base), e.plain(cast(e, indices!, 'int64')), e.plain(updates!)];
  const reduction = tensor === undefined ? 'add' : undefined;
  return e.made(e.node('ScatterND', inputs, { reduction }), out!.shape, out!.dtype);
};

const oneHot: OnnxRule = (e, { indices }, { attrs, outputs: [out] }) => {
  const [on, off] = [attrs['onValue'] ?? 1, attrs['offValue'] ?? 0] as number[];
  const values = e.builder.initializer(Constant.of('float32', [2], Float32Array.of(off!, on!)));
  const inputs = [
    e.plain(cast(e, indices!, 'int64')),
    e.builder.scalar(e.fixed('depth', attrs['depth']), 'int64'),
    values,
  ];
  return cast(e, e.made(e.node('OneHot', inputs, { axis: -1 }), out!.shape, 'float32'), out!.dtype);
};

const range: OnnxRule = (e, _, { attrs, outputs: [out] }) => {
  const [start, step] = [e.fixed('start', attrs['start']), e.fixed('step', attrs['step'])];
  if (!isFixed(out!.shape)) throw e.fail('the length of a range follows the sizes of the inputs.');
  const values = Array.from({ length: out!.shape[0]! }, (_, i) => start + i * step);
  const data = out!.dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values);
  return e.constant(Constant.of(out!.dtype, out!.shape, data));
};

const depthToSpace: OnnxRule = (e, { x }, { attrs, outputs: [out] }) => {
  const first = [0, 3, 1, 2];
  const name = e.node('DepthToSpace', [e.at(x!, first)], {
    blocksize: attrs['blockSize'] as number,
    mode: 'DCR',
  });
  return e.made(name, out!.shape, x!.dtype, first);
};

export const shapeRules: OnnxRules = {
  Reshape: reshape,
  ExpandDims: reshape,
  Transpose: (e, { x }, { attrs }) => e.transpose(x!, attrs['perm'] as number[]),
  Concat: (e, inputs, { attrs, outputs: [out] }) => {
    const values = listed(inputs).filter(
      (value) => !value.shape.includes(0) || sameShape(value.shape, out!.shape),
    );
    return concat(e, values, axisOf(attrs['axis'], out!.shape.length), out!.shape);
  },
  Pack: pack,
  Unpack: unpack,
  Slice: sliceRule,
  StridedSlice: stridedSlice,
  Reverse: reverse,
  SplitV: split,
  PadV2: pad(() => 'constant'),
  MirrorPad: pad(({ mode }) => String(mode)),
  Tile: tile,
  BroadcastTo: broadcastTo,
  GatherV2: gather,
  GatherNd: gatherND,
  TensorScatterUpdate: scatterND,
  ScatterNd: scatterND,
  OneHot: oneHot,
  Range: range,
  DepthToSpace: depthToSpace,
};
