/** Kernels that bring axes down to one element, or look along one axis. */
import { Float } from '../builder.ts';
import type { GraphType } from '../constant.ts';
import type { Dim } from '../dims.ts';
import { type Emitter, identity, type Value } from '../emitter.ts';
import { fused } from '../rewrite.ts';
import { cast, elementwise, unary } from './elementwise.ts';
import type { OnnxRule, OnnxRules } from './rule.ts';

/** The opset from which a reduction takes its axes as an input. */
const AXES_AS_INPUT: Readonly<Record<string, number>> = { ReduceSum: 13 };

export function reduce(
  e: Emitter,
  given: Value,
  opType: string,
  axes: readonly number[],
  keepDims: boolean,
  dtype: GraphType = given.dtype,
): Value {
  const x = e.whole(given);
  const rank = x.shape.length;
  const places = axes.map((axis) => e.place(x, axis)).sort((a, b) => a - b);
  const shape: Dim[] = keepDims
    ? x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim))
    : x.shape.filter((_, axis) => !axes.includes(axis));
  const left = identity(rank).filter((axis) => !axes.includes(axis));
  const order = keepDims
    ? x.order
    : x.order.filter((axis) => left.includes(axis)).map((axis) => left.indexOf(axis));
  const asInput = e.builder.opset >= (AXES_AS_INPUT[opType] ?? 18);
  const attrs = { keepdims: keepDims ? 1 : 0, ...(asInput ? {} : { axes: places }) };
  const name = e.node(opType, [e.at(x, x.order), ...(asInput ? [e.builder.ints(places)] : [])], attrs);
  return e.made(name, shape, dtype, order);
}

function axesOf(e: Emitter, x: Value, given: unknown): number[] {
  const rank = x.shape.length;
  if (given === null || given === undefined) return identity(rank);
  const list = (Array.isArray(given) ? given : [given]) as unknown[];
  return list.map((axis) => {
    const at = e.fixed('an axis', axis);
    return at < 0 ? at + rank : at;
  });
}

const reduction =
  (opType: string, key = 'axis'): OnnxRule =>
  (e, { x }, { attrs, outputs: [out] }) => {
    const axes = axesOf(e, x!, attrs[key]);
    if (axes.length === 0) return cast(e, x!, out!.dtype);
    return reduce(e, cast(e, x!, out!.dtype), opType, axes, Boolean(attrs['keepDims']));
  };

const logical =
  (opType: string): OnnxRule =>
  (e, { x }, { attrs }) => {
    const axes = axesOf(e, x!, attrs['axis']);
    return cast(e, reduce(e, cast(e, x!, 'int32'), opType, axes, Boolean(attrs['keepDims'])), 'bool');
  };

const arg =
  (opType: string): OnnxRule =>
  (e, { x: given }, { attrs, outputs: [out] }) => {
    const x = e.whole(given!);
    const [axis] = axesOf(e, x, attrs['axis']);
    const left = identity(x.shape.length).filter((each) => each !== axis);
    const order = x.order.filter((each) => each !== axis).map((each) => left.indexOf(each));
    const name = e.node(opType, [e.at(x, x.order)], { axis: e.place(x, axis!), keepdims: 0 });
    return cast(e, e.made(name, out!.shape, 'int64', order), 'int32');
  };

/** The largest along the last axis, and where they stand. */
const topK: OnnxRule = (e, { x: given }, { attrs, outputs: [values, places] }) => {
  const x = e.whole(given!);
  const count = e.builder.ints([e.fixed('how many are the largest', attrs['k'])]);
  const axis = e.place(x, x.shape.length - 1);
  const names = e.builder.node(e.path, 'TopK', [e.at(x, x.order), count], { axis }, 2);
  const [largest, at] = names.map((name, i) =>
    e.made(name, values!.shape, i === 0 ? x.dtype : 'int64', x.order),
  );
  return [largest!, cast(e, at!, places!.dtype)];
};

/** An operator along one axis, which keeps the shape. */
const along =
  (opType: string, input: string): OnnxRule =>
  (e, inputs, { attrs }) => {
    const x = e.whole(inputs[input]!);
    const axis = (attrs['axis'] ?? attrs['dim'] ?? -1) as number;
    const at = axis < 0 ? axis + x.shape.length : axis;
    return unary(e, x, opType, { axis: e.place(x, at) });
  };

const cumsum: OnnxRule = (e, { x: given }, { attrs }) => {
  const x = e.whole(given!);
  const [axis] = axesOf(e, x, attrs['axis']);
  const flags = { exclusive: attrs['exclusive'] ? 1 : 0, reverse: attrs['reverse'] ? 1 : 0 };
  return unary(e, x, 'CumSum', flags, x.dtype, [e.builder.scalar(e.place(x, axis!), 'int64')]);
};

/** Zero mean and unit variance over some axes; over the last one ONNX has an operator, with scale and shift. */
const standardize: OnnxRule = (e, { x: given, gamma, beta }, { attrs, outputs: [out] }) => {
  const x = e.whole(given!);
  const axes = attrs['axis'] as number[];
  const eps = attrs['eps'] as number;
  const rank = x.shape.length;
  const last = x.shape[rank - 1]!;
  if (axes.length === 1 && axes[0] === rank - 1 && typeof last === 'number') {
    const scale = gamma ?? e.filled(1, [last], 'float32');
    const inputs = [e.plain(x), e.plain(scale), beta === undefined ? '' : e.plain(beta)];
    const name = e.node('LayerNormalization', inputs, { axis: -1, epsilon: new Float(eps) });
    return e.made(name, out!.shape, 'float32');
  }
  const kept = x.order.filter((axis) => !axes.includes(axis));
  const channels = kept[1] === undefined ? undefined : x.shape[kept[1]];
  const reducedLast = x.order.slice(2).every((axis) => axes.includes(axis));
  if (kept.length === 2 && reducedLast && rank > 2 && typeof channels === 'number') {
    const [one, zero] = [1, 0].map((value) => e.plain(e.filled(value, [channels], 'float32')));
    const inputs = [e.at(x, x.order), one!, zero!];
    const name = e.node('InstanceNormalization', inputs, { epsilon: new Float(eps) });
    return e.made(name, out!.shape, 'float32', x.order);
  }
  const mean = reduce(e, x, 'ReduceMean', axes, true);
  const centred = elementwise(e, [x, mean], x.shape, 'Sub', 'float32');
  const squares = elementwise(e, [centred, centred], x.shape, 'Mul', 'float32');
  const variance = reduce(e, squares, 'ReduceMean', axes, true);
  const safe = elementwise(e, [variance, e.filled(eps, [], 'float32')], variance.shape, 'Add', 'float32');
  return elementwise(e, [centred, unary(e, safe, 'Sqrt')], x.shape, 'Div', 'float32');
};

const l2: OnnxRule = (e, inputs, kernel) => {
  const length = reduction('ReduceL2')(e, inputs, kernel) as Value;
  const { plus } = kernel.attrs;
  if (plus === undefined) return length;
  const eps = e.filled(e.fixed('eps', plus), [], 'float32');
  return elementwise(e, [length, eps], length.shape, 'Add', 'float32');
};

export const reductionRules: OnnxRules = {
  Sum: reduction('ReduceSum'),
  Mean: reduction('ReduceMean'),
  Max: reduction('ReduceMax', 'reductionIndices'),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  All: logical('ReduceMin'),
  Any: logical('ReduceMax'),
  ArgMax: arg('ArgMax'),
  ArgMin: arg('ArgMin'),
  TopK: topK,
  Softmax: along('Softmax', 'logits'),
  LogSoftmax: along('LogSoftmax', 'logits'),
  Cumsum: cumsum,
  [fused.logSoftmax]: along('LogSoftmax', 'x'),
  [fused.logSumExp]: reduction('ReduceLogSumExp'),
  [fused.l2]: l2,
  [fused.standardize]: standardize,
};
