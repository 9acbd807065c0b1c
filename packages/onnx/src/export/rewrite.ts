/**
 * Runs of kernels that one ONNX operator computes, and kernels that do nothing. Each rule looks at one kernel and at what
 * made its inputs; what nobody takes any more is dropped in the end.
 */

import { AVG_POOL_2D_GRAD, CONV_2D, CONV_2D_BACKPROP_INPUT } from '@chaingrad/kernels';
import { Constant } from './constant.ts';
import { type Dim, sameShape, Varying } from './dims.ts';
import type { Attribute, GraphKernel, GraphValue, KernelGraph } from './merge.ts';

/** Operators of ONNX that take the place of several kernels; by names that no kernel has. */
export const fused = {
  elu: 'onnx:Elu',
  hardSigmoid: 'onnx:HardSigmoid',
  l2: 'onnx:ReduceL2',
  logSoftmax: 'onnx:LogSoftmax',
  logSumExp: 'onnx:ReduceLogSumExp',
  standardize: 'onnx:Standardize',
} as const;

/** A graph with a look backwards. */
class View {
  readonly #makers = new Map<GraphValue, GraphKernel>();
  readonly #uses = new Map<GraphValue, number>();
  readonly #aliases = new Map<GraphValue, GraphValue>();

  constructor(
    graph: KernelGraph,
    readonly constants: ReadonlyMap<GraphValue, Constant>,
    readonly foldNormalization: boolean,
  ) {
    for (const kernel of graph.kernels) {
      for (const value of Object.values(kernel.inputs))
        this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
    }
    for (const [, value] of graph.outputs) this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
  }

  add(kernel: GraphKernel): void {
    for (const value of kernel.outputs) this.#makers.set(value, kernel);
  }

  alias(value: GraphValue, of: GraphValue): void {
    this.#aliases.set(value, of);
    this.#uses.set(of, (this.#uses.get(of) ?? 0) + (this.#uses.get(value) ?? 0) - 1);
  }

  resolve(value: GraphValue): GraphValue {
    return this.#aliases.get(value) ?? value;
  }

  /** The kernel of this name that made the value. */
  made(value: GraphValue | undefined, name: string): GraphKernel | undefined {
    const kernel = value === undefined ? undefined : this.#makers.get(value);
    return kernel?.name === name ? kernel : undefined;
  }

  constant(value: GraphValue | undefined): Constant | null {
    return value === undefined ? null : (value.constant ?? this.constants.get(value) ?? null);
  }

  /** The number that all elements of a constant are. */
  number(value: GraphValue | undefined): number | null {
    return this.constant(value)?.uniform ?? null;
  }

  usedOnce(value: GraphValue): boolean {
    return this.#uses.get(value) === 1;
  }

  /** The operands of a commutative kernel, both ways round. */
  pairs(kernel: GraphKernel | undefined): [GraphValue, GraphValue][] {
    if (kernel === undefined) return [];
    const { a, b } = kernel.inputs as { a: GraphValue; b: GraphValue };
    return [
      [a, b],
      [b, a],
    ];
  }
}

type Rule = (kernel: GraphKernel, view: View) => GraphKernel | null;

const axesOf = (kernel: GraphKernel, rank: number): number[] => {
  const given = kernel.attrs['axis'] ?? kernel.attrs['reductionIndices'] ?? null;
  if (given === null) return Array.from({ length: rank }, (_, axis) => axis);
  const list = (Array.isArray(given) ? given : [given]) as number[];
  return list.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
};

const sameAxes = (a: readonly number[], b: readonly number[]) => a.join() === b.join();

function replaced(
  kernel: GraphKernel,
  name: string,
  inputs: Record<string, GraphValue>,
  attrs: Record<string, Attribute> = {},
): GraphKernel {
  return { name, inputs, attrs, outputs: kernel.outputs, path: kernel.path };
}

/** max, sub, exp, sum, log, sub. */
const logSoftmax: Rule = (kernel, view) => {
  if (kernel.name !== 'Sub') return null;
  const shifted = view.made(kernel.inputs['a'], 'Sub');
  const sum = view.made(view.made(kernel.inputs['b'], 'Log')?.inputs['x'], 'Sum');
  const exp = view.made(sum?.inputs['x'], 'Exp');
  const max = view.made(shifted?.inputs['b'], 'Max');
  const x = shifted?.inputs['a'];
  if (x === undefined || sum === undefined || max === undefined) return null;
  if (exp?.inputs['x'] !== kernel.inputs['a'] || max.inputs['x'] !== x) return null;
  const axes = axesOf(sum, x.shape.length);
  if (axes.length !== 1 || !sameAxes(axes, axesOf(max, x.shape.length))) return null;
  return replaced(kernel, fused.logSoftmax, { x }, { axis: axes[0]! });
};

/** largest + log(sum(exp(x - largest))). */
const logSumExp: Rule = (kernel, view) => {
  if (kernel.name !== 'Add') return null;
  for (const [largest, log] of view.pairs(kernel)) {
    const max = view.made(largest, 'Max');
    const sum = view.made(view.made(log, 'Log')?.inputs['x'], 'Sum');
    const shifted = view.made(view.made(sum?.inputs['x'], 'Exp')?.inputs['x'], 'Sub');
    const x = max?.inputs['x'];
    if (max === undefined || sum === undefined || x === undefined) continue;
    if (shifted?.inputs['a'] !== x || shifted.inputs['b'] !== largest) continue;
    const axes = axesOf(max, x.shape.length);
    if (!sameAxes(axes, axesOf(sum, x.shape.length)) || !max.attrs['keepDims'] || !sum.attrs['keepDims'])
      continue;
    return replaced(kernel, fused.logSumExp, { x }, { axis: axes, keepDims: true });
  }
  return null;
};

/** sqrt(sum(x^2)). */
const l2: Rule = (kernel, view) => {
  if (kernel.name !== 'Sqrt') return null;
  const sum = view.made(kernel.inputs['x'], 'Sum');
  const x = view.made(sum?.inputs['x'], 'Square')?.inputs['x'];
  if (sum === undefined || x === undefined) return null;
  const attrs = { axis: axesOf(sum, x.shape.length), keepDims: sum.attrs['keepDims'] };
  return replaced(kernel, fused.l2, { x }, attrs);
};

/** What is lost beside a number of this size and more. */
const NEGLIGIBLE = 1e-30;

/** sqrt(max(sum(x^2), tiny)) + eps: the guard is of the gradient, and nothing beside eps. */
const guardedL2: Rule = (kernel, view) => {
  if (kernel.name !== 'Add') return null;
  const max = view.made(view.made(kernel.inputs['a'], 'Sqrt')?.inputs['x'], 'Maximum');
  const sum = view.made(max?.inputs['a'], 'Sum');
  const x = view.made(sum?.inputs['x'], 'Square')?.inputs['x'];
  const [tiny, eps] = [view.number(max?.inputs['b']), view.number(kernel.inputs['b'])];
  if (sum === undefined || x === undefined || tiny === null || eps === null) return null;
  if (!(tiny >= 0 && tiny < NEGLIGIBLE && eps > 1e-12)) return null;
  const attrs = { axis: axesOf(sum, x.shape.length), keepDims: sum.attrs['keepDims'], plus: eps };
  return replaced(kernel, fused.l2, { x }, attrs);
};

/** (x - mean(x)) * rsqrt(mean((x - mean(x))^2) + eps). */
const standardize: Rule = (kernel, view) => {
  if (kernel.name !== 'Multiply') return null;
  for (const [centred, inverse] of view.pairs(kernel)) {
    const sub = view.made(centred, 'Sub');
    const add = view.made(view.made(inverse, 'Rsqrt')?.inputs['x'], 'Add');
    const mean = view.made(sub?.inputs['b'], 'Mean');
    const x = sub?.inputs['a'];
    if (add === undefined || mean === undefined || x === undefined || mean.inputs['x'] !== x) continue;
    const eps = view.number(add.inputs['b']);
    const variance = view.made(add.inputs['a'], 'Mean');
    const square = view.made(view.made(variance?.inputs['x'], 'Square')?.inputs['x'], 'Sub');
    if (eps === null || variance === undefined || square?.inputs['a'] !== x) continue;
    if (square.inputs['b'] !== sub!.inputs['b']) continue;
    const axis = axesOf(mean, x.shape.length);
    if (!sameAxes(axis, axesOf(variance, x.shape.length))) continue;
    return replaced(kernel, fused.standardize, { x }, { axis, eps });
  }
  return null;
};

/** The scale and the shift after it, of the size of the normalized axis. */
const standardizeAffine: Rule = (kernel, view) => {
  const key = kernel.name === 'Multiply' ? 'gamma' : kernel.name === 'Add' ? 'beta' : null;
  if (key === null) return null;
  for (const [y, factor] of view.pairs(kernel)) {
    const norm = view.made(y, fused.standardize);
    if (norm === undefined || key in norm.inputs || (key === 'gamma' && 'beta' in norm.inputs)) continue;
    const rank = y.shape.length;
    if (!sameAxes(norm.attrs['axis'] as number[], [rank - 1]) || !view.usedOnce(y)) continue;
    if (view.constant(factor) === null || !sameShape(factor.shape, y.shape.slice(-1))) continue;
    return replaced(kernel, fused.standardize, { ...norm.inputs, [key]: factor }, norm.attrs);
  }
  return null;
};

/** min(max(alpha x + beta, 0), 1). */
const hardSigmoid: Rule = (kernel, view) => {
  const { clipValueMin: low, clipValueMax: high } = kernel.attrs;
  if (kernel.name !== 'ClipByValue' || low !== 0 || high !== 1) return null;
  const add = view.made(kernel.inputs['x'], 'Add');
  const mul = view.made(add?.inputs['a'], 'Multiply');
  const beta = view.number(add?.inputs['b']);
  const alpha = view.number(mul?.inputs['b']);
  if (alpha === null || beta === null) return null;
  return replaced(kernel, fused.hardSigmoid, { x: mul!.inputs['a']! }, { alpha, beta });
};

/** relu(x) + alpha (exp(min(x, 0)) - 1). */
const elu: Rule = (kernel, view) => {
  if (kernel.name !== 'Add') return null;
  const relu = view.made(kernel.inputs['a'], 'Relu');
  const mul = view.made(kernel.inputs['b'], 'Multiply');
  const alpha = view.number(mul?.inputs['b']);
  const min = view.made(view.made(mul?.inputs['a'], 'Expm1')?.inputs['x'], 'Minimum');
  const x = relu?.inputs['x'];
  if (x === undefined || alpha === null || min?.inputs['a'] !== x || view.number(min.inputs['b']) !== 0)
    return null;
  return replaced(kernel, fused.elu, { x }, { alpha });
};

const TAKES_BIAS = ['BatchMatMul', CONV_2D_BACKPROP_INPUT];

/** A matrix product or a transposed convolution with the bias that is added to it. */
const bias: Rule = (kernel, view) => {
  if (kernel.name !== 'Add') return null;
  for (const [y, b] of view.pairs(kernel)) {
    for (const name of TAKES_BIAS) {
      const maker = view.made(y, name);
      if (maker === undefined || 'bias' in maker.inputs || !view.usedOnce(y)) continue;
      if (name === 'BatchMatMul' && y.shape.length !== 2) continue;
      if (view.constant(b) === null || !sameShape(b.shape, y.shape.slice(-1))) continue;
      return replaced(kernel, name, { ...maker.inputs, bias: b }, maker.attrs);
    }
  }
  return null;
};

/** Spreading values over windows, and the number that brings them back to their size. */
const spread: Rule = (kernel, view) => {
  if (kernel.name !== 'Multiply') return null;
  const maker = view.made(kernel.inputs['a'], AVG_POOL_2D_GRAD);
  const factor = view.number(kernel.inputs['b']);
  if (maker === undefined || factor === null || !view.usedOnce(kernel.inputs['a']!)) return null;
  return replaced(kernel, AVG_POOL_2D_GRAD, maker.inputs, { ...maker.attrs, factor });
};

/** tfjs normalizes 4 axes only, and reshapes to and fro. */
const normalizationRank: Rule = (kernel, view) => {
  if (kernel.name !== 'FusedBatchNorm') return null;
  const before = view.made(kernel.inputs['x'], 'Reshape')?.inputs['x'];
  const x = kernel.inputs['x']!;
  if (before === undefined || before.shape.length < 2) return null;
  const channels = x.shape.at(-1)!;
  if (before.shape.length >= x.shape.length || before.shape.at(-1) !== channels) return null;
  return replaced(kernel, kernel.name, { ...kernel.inputs, x: before }, kernel.attrs);
};

/** A convolution, transposed or not, and the fixed normalization behind it are one convolution. */
const foldNormalization: Rule = (kernel, view) => {
  if (!view.foldNormalization || kernel.name !== 'FusedBatchNorm') return null;
  const x = kernel.inputs['x']!;
  const conv = view.made(x, CONV_2D) ?? view.made(x, CONV_2D_BACKPROP_INPUT);
  if (conv === undefined || !view.usedOnce(x)) return null;
  if ((conv.attrs['activation'] ?? 'linear') !== 'linear') return null;
  const filter = view.constant(conv.inputs['filter']);
  const bias = conv.inputs['bias'] === undefined ? null : view.constant(conv.inputs['bias']);
  const [mean, variance] = [view.constant(kernel.inputs['mean']), view.constant(kernel.inputs['variance'])];
  if (filter === null || mean === null || variance === null) return null;
  if (conv.inputs['bias'] !== undefined && bias === null) return null;
  const [scale, offset] = [kernel.inputs['scale'], kernel.inputs['offset']].map((value) =>
    view.constant(value),
  );
  const eps = kernel.attrs['varianceEpsilon'] as number;
  const factors = async () => {
    const [s, v] = [(await scale?.read()) ?? null, await variance.read()];
    return Float64Array.from(v as Float32Array, (each, i) => Number(s?.[i] ?? 1) / Math.sqrt(each + eps));
  };
  // A transposed convolution's filter is (in, out / groups, kh, kw).
  const [from, outs, kh, kw] = filter.shape as [number, number, number, number];
  const shared = from / ((conv.attrs['groups'] as number | undefined) ?? 1);
  const outOf = (i: number) => {
    const row = Math.floor(i / (kh * kw));
    return Math.floor(row / (outs * shared)) * outs + (row % outs);
  };
  const W = new Constant('float32', filter.shape, filter.label, async () => {
    const [values, f] = [(await filter.read()) as Float32Array, await factors()];
    const channel = conv.name === CONV_2D ? (i: number) => Math.floor((i * f.length) / values.length) : outOf;
    return values.map((value, i) => value * f[channel(i)]!);
  });
  const label = bias?.label ?? filter.label?.replace(/W$/, 'b') ?? null;
  const b = new Constant('float32', mean.shape, label, async () => {
    const f = await factors();
    const [m, own, add] = [await mean.read(), (await bias?.read()) ?? null, (await offset?.read()) ?? null];
    return Float32Array.from(
      f,
      (each, i) => (Number(own?.[i] ?? 0) - Number(m[i])) * each + Number(add?.[i] ?? 0),
    );
  });
  const value = (constant: Constant): GraphValue => ({
    shape: constant.shape,
    dtype: 'float32',
    constant,
    argument: null,
    size: null,
  });
  return replaced(kernel, conv.name, { ...conv.inputs, filter: value(W), bias: value(b) }, conv.attrs);
};

const REDUCTIONS = ['Sum', 'Mean', 'Max', 'Min', 'Prod', fused.logSumExp];

/** Axes that a reduction keeps as 1, and that are then dropped. */
const dropped: Rule = (kernel, view) => {
  if (kernel.name !== 'Reshape') return null;
  for (const name of REDUCTIONS) {
    const reduction = view.made(kernel.inputs['x'], name);
    if (reduction === undefined || !reduction.attrs['keepDims'] || !view.usedOnce(kernel.inputs['x']!))
      continue;
    const x = reduction.inputs['x']!;
    const axes = axesOf(reduction, x.shape.length);
    if (
      !sameShape(
        kernel.outputs[0]!.shape,
        x.shape.filter((_, axis) => !axes.includes(axis)),
      )
    )
      continue;
    return replaced(kernel, name, reduction.inputs, { ...reduction.attrs, keepDims: false });
  }
  return null;
};

const add = (a: Attribute, b: Attribute): Dim | null =>
  a instanceof Varying || b instanceof Varying
    ? a === 0
      ? (b as Dim)
      : b === 0
        ? (a as Dim)
        : null
    : (a as number) + (b as number);

/** A slice of a slice. */
const slices: Rule = (kernel, view) => {
  const inner = view.made(kernel.inputs['x'], 'Slice');
  if (kernel.name !== 'Slice' || inner === undefined || !view.usedOnce(kernel.inputs['x']!)) return null;
  const begin = (kernel.attrs['begin'] as Dim[]).map((at, i) => add(at, (inner.attrs['begin'] as Dim[])[i]!));
  if (begin.includes(null)) return null;
  return replaced(kernel, 'Slice', inner.inputs, { ...kernel.attrs, begin: begin as Dim[] });
};

/** Every n-th element of an axis: padded, as rows of n, of which the first column is taken (`getItem`). */
const strided: Rule = (kernel, view) => {
  const column = kernel.name === 'Reshape' ? view.made(kernel.inputs['x'], 'Slice') : undefined;
  const rows = view.made(column?.inputs['x'], 'Reshape');
  const pad = view.made(rows?.inputs['x'], 'PadV2');
  const x = pad?.inputs['x'];
  if (x === undefined || pad === undefined || column === undefined || rows === undefined) return null;
  if (!(column.attrs['begin'] as Dim[]).every((at) => at === 0)) return null;
  const split = rows.outputs[0]!.shape;
  const out = kernel.outputs[0]!.shape;
  for (let axis = 0; axis < out.length; axis++) {
    const step = split[axis + 1]!;
    const taken = split.map((dim, i) => (i === axis + 1 ? 1 : dim));
    const whole = split.filter((_, i) => i !== axis + 1);
    if (typeof step !== 'number' || step < 2) continue;
    if (!sameShape(column.outputs[0]!.shape, taken) || !sameShape(out, whole)) continue;
    if (
      !(pad.attrs['paddings'] as Dim[][]).every(([low, high], i) => low === 0 && (i === axis || high === 0))
    ) {
      continue;
    }
    const zeros = out.map(() => 0);
    return replaced(
      kernel,
      'StridedSlice',
      { x },
      {
        begin: zeros,
        end: zeros,
        strides: out.map((_, i) => (i === axis ? step : 1)),
        beginMask: 2 ** out.length - 1,
        endMask: 2 ** out.length - 1,
        ellipsisMask: 0,
        newAxisMask: 0,
        shrinkAxisMask: 0,
      },
    );
  }
  return null;
};

const rules: readonly Rule[] = [
  dropped,
  slices,
  strided,
  logSoftmax,
  logSumExp,
  l2,
  guardedL2,
  standardize,
  standardizeAffine,
  hardSigmoid,
  elu,
  bias,
  spread,
  normalizationRank,
  foldNormalization,
];

/** Whether the kernel gives what it got. */
function isNothing({ name, inputs, outputs }: GraphKernel): boolean {
  if (name !== 'Identity' && name !== 'Cast' && name !== 'Reshape') return false;
  const [x] = Object.values(inputs);
  return x!.dtype === outputs[0]!.dtype && sameShape(x!.shape, outputs[0]!.shape);
}

/** The same computation by fewer kernels. */
export function rewrite(
  graph: KernelGraph,
  constants: ReadonlyMap<GraphValue, Constant>,
  options: { readonly foldNormalization: boolean },
): KernelGraph {
  const view = new View(graph, constants, options.foldNormalization);
  const kernels: GraphKernel[] = [];
  for (const original of graph.kernels) {
    let kernel: GraphKernel = {
      ...original,
      inputs: Object.fromEntries(
        Object.entries(original.inputs).map(([key, value]) => [key, view.resolve(value)]),
      ),
    };
    if (isNothing(kernel)) {
      view.alias(kernel.outputs[0]!, Object.values(kernel.inputs)[0]!);
      continue;
    }
    for (let again = true; again; ) {
      again = false;
      for (const rule of rules) {
        const better = rule(kernel, view);
        if (better === null) continue;
        kernel = better;
        again = true;
      }
    }
    view.add(kernel);
    kernels.push(kernel);
  }
  const outputs = graph.outputs.map(([place, value]) => [place, view.resolve(value)] as const);
  return { args: graph.args, kernels: used(kernels, outputs, constants), outputs };
}

/** The kernels that the outputs need. */
function used(
  kernels: readonly GraphKernel[],
  outputs: KernelGraph['outputs'],
  constants: ReadonlyMap<GraphValue, Constant>,
): GraphKernel[] {
  const needed = new Set(outputs.map(([, value]) => value));
  const kept: GraphKernel[] = [];
  for (const kernel of [...kernels].reverse()) {
    if (!kernel.outputs.some((value) => needed.has(value) && !constants.has(value))) continue;
    for (const value of Object.values(kernel.inputs)) needed.add(value);
    kept.push(kernel);
  }
  return kept.reverse();
}
