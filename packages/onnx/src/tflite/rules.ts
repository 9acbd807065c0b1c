/** The kernels of a trace as TFLite's operators, channels last as they are. */
import { AVG_POOL_2D, CONV_2D, CONV_2D_BACKPROP_INPUT, MAX_POOL_2D } from '@chaingrad/kernels';
import { Constant } from '../export/constant.ts';
import type { Attribute, GraphKernel, GraphValue } from '../export/merge.ts';
import { fused } from '../export/rewrite.ts';
import { type Activation, ELEMENT_TYPES, type Options, type TfliteEmitter } from './emitter.ts';
import { byte, float, int, table } from './flatbuffer.ts';

type Inputs = Readonly<Record<string, GraphValue>>;
export type TfliteRule = (e: TfliteEmitter, inputs: Inputs, kernel: GraphKernel) => void;

/** Options that are the activation alone: of sums, products, quotients. */
const arithmetic = (type: number): Options => ({ type, make: (act) => table(byte(act)), activates: true });
const plain = (type: number): Options => ({ type, make: () => table() });

const binary =
  (code: number, options: Options): TfliteRule =>
  (e, { a, b }, { outputs: [out] }) =>
    e.op(code, [e.index(a!), e.index(b!)], out!, options);

const unary =
  (code: number, options: Options | null = null): TfliteRule =>
  (e, inputs, { outputs: [out] }) =>
    e.op(code, [e.index(Object.values(inputs)[0]!)], out!, options);

const activation =
  (name: Activation, code: number): TfliteRule =>
  (e, inputs, kernel) => {
    const [x] = Object.values(inputs);
    if (!e.fuse(x!, name, kernel.outputs[0]!)) unary(code)(e, inputs, kernel);
  };

type Pair = readonly [y: number, x: number];
const pair = (value: Attribute): Pair =>
  (Array.isArray(value) ? value : [value ?? 1, value ?? 1]) as unknown as Pair;

const SAME = 0;
const VALID = 1;

/** TFLite pads as TensorFlow does, or not at all: other padding is an operator of its own. */
function padded(
  e: TfliteEmitter,
  x: GraphValue,
  { pad, ksize, stride, dilation }: { pad: readonly number[]; ksize: Pair; stride: Pair; dilation: Pair },
  fill: number | null,
): { input: number; padding: number } {
  const [n, h, w, c] = e.shape(x) as [number, number, number, number];
  const [top, bottom, left, right] = pad as [number, number, number, number];
  const input = e.index(x);
  if (pad.every((size) => size === 0)) return { input, padding: VALID };
  const same = [h, w].every((size, i) => {
    const reach = (ksize[i]! - 1) * dilation[i]! + 1;
    const total = Math.max(0, (Math.ceil(size / stride[i]!) - 1) * stride[i]! + reach - size);
    return pad[2 * i] === Math.floor(total / 2) && pad[2 * i + 1] === Math.ceil(total / 2);
  });
  // What an average counts in the padding is not told by its options.
  if (same && fill !== 0) return { input, padding: SAME };
  const sides = e.ints([0, 0, top, bottom, left, right, 0, 0], [4, 2]);
  const shape = [n, h + top + bottom, w + left + right, c];
  const more =
    fill === null || fill === 0 ? { code: 34, inputs: [] } : { code: 60, inputs: [e.number(fill)] };
  return {
    input: e.step(more.code, [input, sides, ...more.inputs], shape, plain(more.code === 34 ? 22 : 43)),
    padding: VALID,
  };
}

const convolution: TfliteRule = (e, { x, filter, bias }, { attrs, outputs: [out] }) => {
  const W = e.constantOf(filter);
  if (W === null) throw e.fail("a convolution's filter must not depend on the inputs.");
  const [stride, dilation] = [pair(attrs['stride']), pair(attrs['dilation'])];
  const groups = attrs['groups'] as number;
  const [outputs, shared, kh, kw] = W.shape as [number, number, number, number];
  const depthwise = groups > 1 && shared === 1 && groups === x!.shape[3];
  const windows = { pad: attrs['pad'] as number[], ksize: [kh, kw] as const, stride, dilation };
  const { input, padding } = padded(e, x!, windows, null);
  // (out, in, kh, kw) as (out, kh, kw, in), of each channel for itself as (1, kh, kw, out).
  const turned = W.transposed(depthwise ? [1, 2, 3, 0] : [0, 2, 3, 1]);
  const b = e.constantOf(bias) ?? Constant.of('float32', [outputs], new Float32Array(outputs));
  const steps = [byte(padding), int(stride[1]), int(stride[0])];
  const far = [int(dilation[1]), int(dilation[0])];
  e.op(depthwise ? 4 : 3, [input, e.constant(turned), e.constant(b)], out!, {
    type: depthwise ? 2 : 1,
    make: (act) =>
      depthwise
        ? table(...steps, int(outputs / groups), byte(act), ...far)
        : table(...steps, byte(act), ...far),
    activates: true,
  });
  const given = attrs['activation'] as Activation | 'linear' | undefined;
  if (given === 'relu' || given === 'relu6') e.activate(out!, given);
  else if (given !== undefined && given !== null && given !== 'linear')
    throw e.fail(`the activation '${given}' of a convolution has no translation.`);
};

const pool =
  (code: number, fill: number): TfliteRule =>
  (e, { x }, { attrs, outputs: [out] }) => {
    const [ksize, stride] = [pair(attrs['ksize']), pair(attrs['stride'])];
    const windows = { pad: attrs['pad'] as number[], ksize, stride, dilation: [1, 1] as const };
    const { input, padding } = padded(e, x!, windows, fill);
    e.op(code, [input], out!, {
      type: 5,
      make: (act) =>
        table(byte(padding), int(stride[1]), int(stride[0]), int(ksize[1]), int(ksize[0]), byte(act)),
      activates: true,
    });
  };

/** A transposed convolution: TFLite's without padding, of which the rows and columns in the padding are cut away. */
const deconvolution: TfliteRule = (e, { dy, filter, bias }, { attrs, outputs: [out] }) => {
  const W = e.constantOf(filter);
  if (W === null) throw e.fail("a transposed convolution's filter must not depend on the inputs.");
  const [stride, dilation] = [pair(attrs['stride']), pair(attrs['dilation'])];
  if (dilation.some((each) => each !== 1) || attrs['groups'] !== 1)
    throw e.fail('transposed convolutions that are dilated or in groups have no operator in TFLite.');
  const [n, h, w] = e.shape(dy!) as [number, number, number];
  const [, channels, kh, kw] = W.shape as [number, number, number, number];
  const [, height, width] = e.shape(out!) as [number, number, number];
  const [top, , left] = attrs['pad'] as [number, number, number, number];
  const whole = [n, stride[0] * (h - 1) + kh, stride[1] * (w - 1) + kw, channels];
  if (top + height > whole[1]! || left + width > whole[2]!)
    throw e.fail(
      'a transposed convolution whose output is larger than its windows reach has no operator in TFLite.',
    );
  const options: Options = {
    type: 49,
    make: () => table(byte(VALID), int(stride[1]), int(stride[0])),
  };
  // (in, out, kh, kw) as (out, kh, kw, in).
  let y = e.step(67, [e.ints(whole), e.constant(W.transposed([1, 2, 3, 0])), e.index(dy!)], whole, options);
  const cut = height !== whole[1] || width !== whole[2];
  if (cut) y = e.step(65, [y, e.ints([0, top, left, 0]), e.ints(e.shape(out!))], e.shape(out!), plain(48));
  if (bias === undefined) e.alias(out!, y);
  else e.op(0, [y, e.index(bias)], out!, arithmetic(11));
};

/** A dense layer where the second matrix is a parameter, else a product of matrices. */
const product: TfliteRule = (e, { a, b, bias }, { attrs, outputs: [out] }) => {
  const { transposeA, transposeB } = attrs;
  const W = e.constantOf(b);
  if (W !== null && W.shape.length === 2 && a!.shape.length === 2 && !transposeA) {
    const inputs = [e.index(a!), e.constant(transposeB ? W : W.transposed([1, 0]))];
    if (bias !== undefined) inputs.push(e.index(bias));
    e.op(9, inputs, out!, { type: 8, make: (act) => table(byte(act)), activates: true });
    return;
  }
  if (bias !== undefined)
    throw e.fail('a product with a bias whose second matrix is computed has no translation.');
  e.op(126, [e.index(a!), e.index(b!)], out!, {
    type: 101,
    make: () => table(byte(transposeA ? 1 : 0), byte(transposeB ? 1 : 0)),
  });
};

/** A normalization that no convolution took: a product and a sum with what its statistics make. */
const normalization: TfliteRule = (e, { x, mean, variance, scale, offset }, { attrs, outputs: [out] }) => {
  const [m, v, s, o] = [mean, variance, scale, offset].map((value) => e.constantOf(value));
  if (m == null || v == null) throw e.fail('a normalization by statistics of the inputs has no translation.');
  const eps = attrs['varianceEpsilon'] as number;
  const factors = async () => {
    const [variances, scales] = [await v.read(), (await s?.read()) ?? null];
    return Float32Array.from(
      variances as Float32Array,
      (each, i) => Number(scales?.[i] ?? 1) / Math.sqrt(each + eps),
    );
  };
  const factor = new Constant('float32', v.shape, null, factors);
  const shift = new Constant('float32', v.shape, null, async () => {
    const [f, means, offsets] = [await factors(), await m.read(), (await o?.read()) ?? null];
    return f.map((each, i) => Number(offsets?.[i] ?? 0) - Number(means[i]) * each);
  });
  const scaled = e.step(18, [e.index(x!), e.constant(factor)], e.shape(x!), arithmetic(21));
  e.op(0, [scaled, e.constant(shift)], out!, arithmetic(11));
};

/** Zero mean and unit variance over some axes, then a scale and a shift. */
const standardize: TfliteRule = (e, { x, gamma, beta }, { attrs, outputs: [out] }) => {
  const shape = e.shape(x!);
  const axes = attrs['axis'] as number[];
  const small = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const mean = (value: number) =>
    e.step(40, [value, e.ints(axes)], small, { type: 27, make: () => table(byte(1)) });
  const centred = e.step(41, [e.index(x!), mean(e.index(x!))], shape, arithmetic(28));
  const variance = mean(e.step(18, [centred, centred], shape, arithmetic(21)));
  const safe = e.step(0, [variance, e.number(attrs['eps'] as number)], small, arithmetic(11));
  let y = e.step(18, [centred, e.step(76, [safe], small)], shape, arithmetic(21));
  if (gamma !== undefined) y = e.step(18, [y, e.index(gamma)], shape, arithmetic(21));
  if (beta !== undefined) y = e.step(0, [y, e.index(beta)], shape, arithmetic(11));
  e.alias(out!, y);
};

/** The square root of a sum of squares; `plus` is added to it. */
const l2: TfliteRule = (e, { x }, kernel) => {
  const [out] = kernel.outputs;
  const squares = e.step(18, [e.index(x!), e.index(x!)], e.shape(x!), arithmetic(21));
  const keep = kernel.attrs['keepDims'] ? 1 : 0;
  const axes = e.ints(axesOf(kernel, x!.shape.length));
  const sum = e.step(74, [squares, axes], e.shape(out!), { type: 27, make: () => table(byte(keep)) });
  const length = e.step(75, [sum], e.shape(out!));
  const plus = kernel.attrs['plus'] as number | undefined;
  if (plus === undefined) e.alias(out!, length);
  else e.op(0, [length, e.number(plus)], out!, arithmetic(11));
};

/** The logarithm of a sum of exponentials, of what is left when the largest is taken away. */
const logSumExp: TfliteRule = (e, { x }, kernel) => {
  const [out] = kernel.outputs;
  const axes = axesOf(kernel, x!.shape.length);
  const small = e.shape(x!).map((size, axis) => (axes.includes(axis) ? 1 : size));
  const reduced = (code: number, value: number) =>
    e.step(code, [value, e.ints(axes)], small, { type: 27, make: () => table(byte(1)) });
  const most = reduced(82, e.index(x!));
  const exponentials = e.step(
    47,
    [e.step(41, [e.index(x!), most], e.shape(x!), arithmetic(28))],
    e.shape(x!),
    plain(33),
  );
  const y = e.step(0, [e.step(73, [reduced(74, exponentials)], small), most], small, arithmetic(11));
  e.op(22, [y, e.ints(e.shape(out!))], out!, plain(17));
};

const hardSigmoid: TfliteRule = (e, { x }, { attrs, outputs: [out] }) => {
  const shape = e.shape(x!);
  const scaled = e.step(18, [e.index(x!), e.number(attrs['alpha'] as number)], shape, arithmetic(21));
  const line = e.step(0, [scaled, e.number(attrs['beta'] as number)], shape, arithmetic(11));
  const raised = e.step(55, [line, e.number(0)], shape, plain(39));
  e.op(57, [raised, e.number(1)], out!, plain(39));
};

/** An operator with a number in front of, or behind its input. */
const withNumber =
  (code: number, options: Options, value: number, first = false): TfliteRule =>
  (e, { x }, { outputs: [out] }) => {
    const inputs = [e.index(x!), e.number(value)];
    e.op(code, first ? inputs.toReversed() : inputs, out!, options);
  };

/** One after the other: what the first gives is what the second takes. */
const log1p: TfliteRule = (e, { x }, { outputs: [out] }) =>
  e.op(73, [e.step(0, [e.index(x!), e.number(1)], e.shape(x!), arithmetic(11))], out!);

const expm1: TfliteRule = (e, { x }, { outputs: [out] }) =>
  e.op(41, [e.step(47, [e.index(x!)], e.shape(x!), plain(33)), e.number(1)], out!, arithmetic(28));

const typeOf = (e: TfliteEmitter, { dtype }: GraphValue): number => {
  const type = ELEMENT_TYPES[dtype];
  if (type === undefined) throw e.fail(`arrays of ${dtype} have no place in a TFLite file.`);
  return type;
};

const cast: TfliteRule = (e, { x }, { outputs: [out] }) => {
  if (x!.dtype === out!.dtype) e.alias(out!, e.index(x!));
  else
    e.op(53, [e.index(x!)], out!, {
      type: 37,
      make: () => table(byte(typeOf(e, x!)), byte(typeOf(e, out!))),
    });
};

const place = (axis: unknown, rank: number) => ((axis as number) + rank) % rank;

const gather: TfliteRule = (e, { x, indices }, { attrs, outputs: [out] }) => {
  const axis = place(attrs['axis'], x!.shape.length);
  const batch = (attrs['batchDims'] as number | undefined) ?? 0;
  e.op(36, [e.index(x!), e.index(indices!)], out!, { type: 23, make: () => table(int(axis), int(batch)) });
};

const split: TfliteRule = (e, { x }, { attrs, outputs }) => {
  const axis = place(attrs['axis'], x!.shape.length);
  const sizes = outputs.map((out) => e.shape(out)[axis]!);
  const options: Options = { type: 79, make: () => table(int(outputs.length)) };
  e.parts(102, [e.index(x!), e.ints(sizes), e.ints([axis], [])], outputs, options);
};

const pack: TfliteRule = (e, inputs, { attrs, outputs: [out] }) => {
  const all = Object.values(inputs).map((value) => e.index(value));
  const axis = place(attrs['axis'], out!.shape.length);
  e.op(83, all, out!, { type: 59, make: () => table(int(all.length), int(axis)) });
};

const unpack: TfliteRule = (e, inputs, { attrs, outputs }) => {
  const [value] = Object.values(inputs);
  const axis = place(attrs['axis'], value!.shape.length);
  e.parts(88, [e.index(value!)], outputs, { type: 64, make: () => table(int(outputs.length), int(axis)) });
};

const stridedSlice: TfliteRule = (e, { x }, { attrs, outputs: [out] }) => {
  const lists = ['begin', 'end', 'strides'].map((key) => e.ints(attrs[key] as number[]));
  const masks = ['beginMask', 'endMask', 'ellipsisMask', 'newAxisMask', 'shrinkAxisMask'];
  e.op(45, [e.index(x!), ...lists], out!, {
    type: 32,
    make: () => table(...masks.map((key) => int((attrs[key] as number | undefined) ?? 0))),
  });
};

const arg =
  (code: number, type: number): TfliteRule =>
  (e, { x }, kernel) => {
    const [axis] = axesOf(kernel, x!.shape.length);
    // The type of what it gives: int32.
    e.op(code, [e.index(x!), e.ints([axis!], [])], kernel.outputs[0]!, { type, make: () => table(byte(2)) });
  };

const mirror: TfliteRule = (e, { x }, { attrs, outputs: [out] }) => {
  const sides = attrs['paddings'] as number[][];
  const mode = attrs['mode'] === 'symmetric' ? 1 : 0;
  e.op(100, [e.index(x!), e.ints(sides.flat(), [sides.length, 2])], out!, {
    type: 77,
    make: () => table(byte(mode)),
  });
};

const axesOf = (kernel: GraphKernel, rank: number): number[] => {
  const given = kernel.attrs['axis'] ?? kernel.attrs['reductionIndices'] ?? null;
  if (given === null) return Array.from({ length: rank }, (_, axis) => axis);
  return ([given].flat() as number[]).map((axis) => (axis < 0 ? axis + rank : axis));
};

const reduction =
  (code: number): TfliteRule =>
  (e, { x }, kernel) => {
    const keep = kernel.attrs['keepDims'] ? 1 : 0;
    const axes = e.ints(axesOf(kernel, x!.shape.length));
    e.op(code, [e.index(x!), axes], kernel.outputs[0]!, { type: 27, make: () => table(byte(keep)) });
  };

const reshape: TfliteRule = (e, inputs, { outputs: [out] }) =>
  e.op(22, [e.index(Object.values(inputs)[0]!), e.ints(e.shape(out!))], out!, plain(17));

const softmax =
  (code: number, options: Options): TfliteRule =>
  (e, inputs, kernel) => {
    const [x] = Object.values(inputs);
    const axis = (kernel.attrs['dim'] ?? kernel.attrs['axis'] ?? -1) as number;
    if (axis !== -1 && axis !== x!.shape.length - 1)
      throw e.fail('TFLite has softmax over the last axis only.');
    e.op(code, [e.index(x!)], kernel.outputs[0]!, options);
  };

const clip: TfliteRule = (e, inputs, kernel) => {
  const { clipValueMin: low, clipValueMax: high } = kernel.attrs as {
    clipValueMin: number;
    clipValueMax: number;
  };
  if (low === 0 && high === 6) return activation('relu6', 21)(e, inputs, kernel);
  const x = e.index(Object.values(inputs)[0]!);
  const raised = e.step(55, [x, e.number(low)], e.shape(kernel.outputs[0]!), plain(39));
  return e.op(57, [raised, e.number(high)], kernel.outputs[0]!, plain(39));
};

const pad: TfliteRule = (e, { x }, { attrs, outputs: [out] }) => {
  const sides = attrs['paddings'] as number[][];
  const value = (attrs['constantValue'] as number | undefined) ?? 0;
  const inputs = [e.index(x!), e.ints(sides.flat(), [sides.length, 2])];
  if (value === 0) e.op(34, inputs, out!, plain(22));
  else e.op(60, [...inputs, e.number(value)], out!, plain(43));
};

const resize =
  (code: number, type: number, before: number): TfliteRule =>
  (e, { images }, { attrs, outputs: [out] }) => {
    const flags = [byte(attrs['alignCorners'] ? 1 : 0), byte(attrs['halfPixelCenters'] ? 1 : 0)];
    const none = Array.from({ length: before }, () => null);
    const size = e.ints(e.shape(out!).slice(1, 3));
    e.op(code, [e.index(images!), size], out!, { type, make: () => table(...none, ...flags) });
  };

export const tfliteRules: Readonly<Record<string, TfliteRule>> = {
  [CONV_2D]: convolution,
  [CONV_2D_BACKPROP_INPUT]: deconvolution,
  [MAX_POOL_2D]: pool(17, -3.4028234663852886e38),
  [AVG_POOL_2D]: pool(1, 0),
  BatchMatMul: product,
  FusedBatchNorm: normalization,
  Add: binary(0, arithmetic(11)),
  Sub: binary(41, arithmetic(28)),
  Multiply: binary(18, arithmetic(21)),
  RealDiv: binary(42, arithmetic(29)),
  Maximum: binary(55, plain(39)),
  Minimum: binary(57, plain(39)),
  Pow: binary(78, plain(56)),
  SquaredDifference: binary(99, plain(76)),
  FloorDiv: binary(90, plain(65)),
  Equal: binary(71, plain(53)),
  NotEqual: binary(72, plain(54)),
  Less: binary(58, plain(41)),
  LessEqual: binary(63, plain(46)),
  Greater: binary(61, plain(44)),
  GreaterEqual: binary(62, plain(45)),
  LogicalAnd: binary(86, plain(62)),
  LogicalOr: binary(84, plain(60)),
  LogicalNot: unary(87, plain(63)),
  Select: (e, { condition, t, e: other }, { outputs: [out] }) =>
    e.op(123, [e.index(condition!), e.index(t!), e.index(other!)], out!, plain(98)),
  Cast: cast,
  Identity: (e, { x }, { outputs: [out] }) => e.alias(out!, e.index(x!)),
  Elu: unary(111),
  Floor: unary(8),
  Ceil: unary(104),
  Round: unary(116),
  Sin: unary(66),
  Cos: unary(108, plain(84)),
  Reciprocal: withNumber(42, arithmetic(29), 1, true),
  Log1p: log1p,
  Expm1: expm1,
  Relu: activation('relu', 19),
  Relu6: activation('relu6', 21),
  ClipByValue: clip,
  Sigmoid: unary(14),
  Tanh: unary(28),
  Exp: unary(47, plain(33)),
  Log: unary(73),
  Sqrt: unary(75),
  Rsqrt: unary(76),
  Square: unary(92, plain(66)),
  Abs: unary(101, plain(78)),
  Neg: unary(59, plain(42)),
  LeakyRelu: (e, { x }, { attrs, outputs: [out] }) =>
    e.op(98, [e.index(x!)], out!, { type: 75, make: () => table(float(attrs['alpha'] as number)) }),
  Prelu: (e, { x, alpha }, { outputs: [out] }) => e.op(54, [e.index(x!), e.index(alpha!)], out!),
  Softmax: softmax(25, { type: 9, make: () => table(float(1)) }),
  [fused.logSoftmax]: softmax(50, plain(36)),
  Mean: reduction(40),
  Sum: reduction(74),
  Max: reduction(82),
  Min: reduction(89),
  Prod: reduction(81),
  ArgMax: arg(56, 40),
  ArgMin: arg(79, 57),
  [fused.standardize]: standardize,
  [fused.l2]: l2,
  [fused.logSumExp]: logSumExp,
  [fused.hardSigmoid]: hardSigmoid,
  Reshape: reshape,
  ExpandDims: reshape,
  Concat: (e, inputs, { attrs, outputs: [out] }) => {
    const axis = attrs['axis'] as number;
    const all = Object.values(inputs).map((value) => e.index(value));
    e.op(2, all, out!, {
      type: 10,
      make: (act) => table(int(axis < 0 ? axis + out!.shape.length : axis), byte(act)),
    });
  },
  Transpose: (e, { x }, { attrs, outputs: [out] }) =>
    e.op(39, [e.index(x!), e.ints(attrs['perm'] as number[])], out!, plain(26)),
  Slice: (e, { x }, { attrs, outputs: [out] }) =>
    e.op(65, [e.index(x!), e.ints(attrs['begin'] as number[]), e.ints(e.shape(out!))], out!, plain(48)),
  StridedSlice: stridedSlice,
  SplitV: split,
  TopK: (e, { x }, { attrs, outputs }) =>
    e.parts(48, [e.index(x!), e.ints([attrs['k'] as number], [])], outputs, plain(34)),
  Pack: pack,
  Unpack: unpack,
  GatherV2: gather,
  Tile: (e, { x }, { attrs, outputs: [out] }) =>
    e.op(69, [e.index(x!), e.ints(attrs['reps'] as number[])], out!, plain(51)),
  DepthToSpace: (e, { x }, { attrs, outputs: [out] }) =>
    e.op(5, [e.index(x!)], out!, { type: 94, make: () => table(int(attrs['blockSize'] as number)) }),
  MirrorPad: mirror,
  PadV2: pad,
  ResizeBilinear: resize(23, 15, 2),
  ResizeNearestNeighbor: resize(97, 74, 0),
};
