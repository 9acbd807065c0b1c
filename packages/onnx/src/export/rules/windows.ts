/** Convolutions and pools: sliding windows over activations that are stored channels first. */
import {
  AVG_POOL_2D,
  AVG_POOL_2D_GRAD,
  CONV_2D,
  CONV_2D_BACKPROP_INPUT,
  MAX_POOL_2D,
} from '@chaingrad/kernels';
import { backend_util } from '@tensorflow/tfjs-core';
import type { NodeAttributes } from '../builder.ts';
import { Constant } from '../constant.ts';
import { type Dim, inTrace, isFixed, Varying } from '../dims.ts';
import { channelsFirst, type Emitter, type Value } from '../emitter.ts';
import type { Attribute } from '../merge.ts';
import { relu6, unary } from './elementwise.ts';
import type { OnnxRule, OnnxRules } from './rule.ts';

const NCHW = channelsFirst(4);

type Pair = readonly [y: number, x: number];

interface Windows {
  readonly ksize: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  /** [top, bottom, left, right]. */
  readonly pad: readonly Dim[];
}

const rounded = (size: number, stride: number) => Math.ceil(size / stride);

/** Whether the padding is TensorFlow's SAME in every trace. */
function isSame(x: Value, { ksize, stride, dilation, pad }: Windows): boolean {
  const count = Math.max(...pad.map((dim) => (dim instanceof Varying ? dim.values.length : 1)));
  return [0, 1].every((i) => {
    for (let t = 0; t < count; t++) {
      const size = inTrace(x.shape[i + 1]!, t);
      const reach = (ksize[i]! - 1) * dilation[i]! + 1;
      const total = Math.max(0, (rounded(size, stride[i]!) - 1) * stride[i]! + reach - size);
      if (inTrace(pad[2 * i]!, t) !== Math.floor(total / 2)) return false;
      if (inTrace(pad[2 * i + 1]!, t) !== Math.ceil(total / 2)) return false;
    }
    return true;
  });
}

/** Whether rounding up the number of windows, of this padding before and behind, gives the output in every trace. */
const coversAll = (x: Value, shape: readonly Dim[], { ksize, stride }: Windows, before: Pair): boolean =>
  [0, 1].every((i) => {
    const [size, out] = [x.shape[i + 1]!, shape[i + 1]!];
    const count = Math.max(...[size, out].map((dim) => (dim instanceof Varying ? dim.values.length : 1)));
    return Array.from({ length: count }, (_, t) => t).every((t) => {
      const windows = Math.ceil((inTrace(size, t) + 2 * before[i]! - ksize[i]!) / stride[i]!) + 1;
      return windows === inTrace(out, t);
    });
  });

/** Padding that follows the size of the input, told as a rule that the runtime applies. */
function padding(
  e: Emitter,
  x: Value,
  windows: Windows,
  shape: readonly Dim[],
  pooling: boolean,
): NodeAttributes {
  const { pad, stride, ksize } = windows;
  if (isFixed(pad)) {
    const [top, bottom, left, right] = pad;
    return { pads: pad.every((size) => size === 0) ? undefined : [top!, left!, bottom!, right!] };
  }
  if (isSame(x, windows)) return { auto_pad: 'SAME_UPPER' };
  const [top, , left] = pad;
  // Chainer's cover-all. ONNX drops a window that begins in the padding: there must be none.
  const covers =
    pooling &&
    typeof top === 'number' &&
    typeof left === 'number' &&
    coversAll(x, shape, windows, [top, left]);
  if (covers && [top, left].every((before, i) => before + stride[i]! <= ksize[i]!)) {
    return { ceil_mode: 1, pads: top + left === 0 ? undefined : [top, left, top, left] };
  }
  throw e.fail(
    'the padding of its windows follows the size of the input.',
    "Export with a fixed size (size: 'fixed'), or set coverAll: false.",
  );
}

const unlessOnes = (values: readonly number[]) => (values.every((value) => value === 1) ? undefined : values);

const pairOf = (value: Attribute): Pair =>
  (Array.isArray(value) ? value : [value ?? 1, value ?? 1]) as unknown as Pair;

/** A convolution whose filter is (out, in / groups, kh, kw). */
function convolve(
  e: Emitter,
  x: Value,
  filter: Value,
  bias: Value | undefined,
  { stride, dilation, pad }: Omit<Windows, 'ksize'>,
  groups: number,
  shape: readonly Dim[],
): Value {
  const ksize = filter.shape.slice(2) as unknown as Pair;
  const inputs = [e.at(x, NCHW), e.plain(filter), bias === undefined ? '' : e.plain(bias)];
  const name = e.node('Conv', inputs, {
    kernel_shape: ksize,
    strides: unlessOnes(stride),
    dilations: unlessOnes(dilation),
    group: groups === 1 ? undefined : groups,
    ...padding(e, x, { ksize, stride, dilation, pad }, shape, false),
  });
  return e.made(name, shape, 'float32', NCHW);
}

function activated(e: Emitter, y: Value, activation: Attribute): Value {
  if (activation === 'relu') return unary(e, y, 'Relu');
  if (activation === 'relu6') return relu6(e, y);
  if (activation === undefined || activation === null || activation === 'linear') return y;
  throw e.fail(`the activation '${String(activation)}' of a fused convolution has no translation.`);
}

const ownConv: OnnxRule = (e, { x, filter, bias }, { attrs, outputs: [out] }) => {
  const [stride, dilation] = [pairOf(attrs['stride']), pairOf(attrs['dilation'])];
  const windows = { stride, dilation, pad: attrs['pad'] as readonly Dim[] };
  const y = convolve(e, x!, filter!, bias, windows, attrs['groups'] as number, out!.shape);
  return activated(e, y, attrs['activation']);
};

/** tfjs' own convolutions: filters (kh, kw, in, out), or (kh, kw, channels, multiplier). */
const tfjsConv =
  (depthwise: boolean): OnnxRule =>
  (e, { x, filter, bias, preluActivationWeights }, { attrs, outputs: [out] }) => {
    if (preluActivationWeights !== undefined)
      throw e.fail('a convolution fused with prelu has no translation.');
    const [stride, dilation] = [pairOf(attrs['strides']), pairOf(attrs['dilations'])];
    const turned = e.transpose(filter!, depthwise ? [2, 3, 0, 1] : [3, 2, 0, 1]);
    const [a, b, kh, kw] = turned.shape as number[];
    const own = depthwise ? e.reshape(turned, [a! * b!, 1, kh!, kw!]) : turned;
    const pad = tfjsPadding(x!, { ksize: [kh!, kw!], stride, dilation }, attrs['pad']!);
    const groups = depthwise ? a! : e.fixed('channels', x!.shape[3]) / b!;
    const y = convolve(e, x!, own, bias, { stride, dilation, pad }, groups, out!.shape);
    return activated(e, y, attrs['activation']);
  };

function tfjsPadding(x: Value, windows: Omit<Windows, 'pad'>, given: Attribute): readonly Dim[] {
  if (given === 'valid') return [0, 0, 0, 0];
  if (typeof given === 'number') return [given, given, given, given];
  if (Array.isArray(given)) {
    const [[top, bottom], [left, right]] = given.slice(1, 3) as unknown as [Dim[], Dim[]];
    return [top!, bottom!, left!, right!];
  }
  return [0, 1].flatMap((i): Dim[] => {
    const size = x.shape[i + 1]!;
    const total = (n: number) => {
      const reach = (windows.ksize[i]! - 1) * windows.dilation[i]! + 1;
      return Math.max(0, (rounded(n, windows.stride[i]!) - 1) * windows.stride[i]! + reach - n);
    };
    if (typeof size === 'number') return [Math.floor(total(size) / 2), Math.ceil(total(size) / 2)];
    return [Math.floor, Math.ceil].map((half) => new Varying(size.values.map((n) => half(total(n) / 2))));
  });
}

const pool =
  (opType: 'MaxPool' | 'AveragePool'): OnnxRule =>
  (e, { x: given }, { attrs, outputs: [out] }) => {
    const [ksize, stride] = [pairOf(attrs['ksize']), pairOf(attrs['stride'])];
    let x = given!;
    let pad = attrs['pad'] as readonly Dim[];
    // Runtimes refuse windows that lie in the padding as a whole: then the array is padded before.
    if (isFixed(pad) && pad.some((size, side) => size >= ksize[side >> 1]!)) {
      x = padded(e, x, pad, opType === 'MaxPool' ? Number.NEGATIVE_INFINITY : 0);
      pad = [0, 0, 0, 0];
    }
    const windows = { ksize, stride, dilation: [1, 1] as const, pad };
    const rule = padding(e, x, windows, out!.shape, true);
    const whole = opType === 'AveragePool' && rule['pads'] !== undefined;
    if (opType === 'AveragePool' && rule['pads'] === undefined && !isFixed(pad)) {
      throw e.fail(
        "an average's padding follows the size of the input.",
        "Export with a fixed size: size: 'fixed'.",
      );
    }
    const name = e.node(opType, [e.at(x, NCHW)], {
      kernel_shape: ksize,
      strides: unlessOnes(stride),
      ...rule,
      count_include_pad: whole ? 1 : undefined,
    });
    return e.made(name, out!.shape, 'float32', NCHW);
  };

function padded(e: Emitter, x: Value, [top, bottom, left, right]: readonly number[], value: number): Value {
  const sides = [0, 0, top!, left!, 0, 0, bottom!, right!];
  const name = e.node('Pad', [e.at(x, NCHW), e.builder.ints(sides), e.builder.scalar(value)], {
    mode: 'constant',
  });
  const [n, h, w, c] = x.shape as [Dim, number, number, Dim];
  return e.made(name, [n, h + top! + bottom!, w + left! + right!, c], x.dtype, NCHW);
}

/** tfjs' own pools, whose averages leave the padding out. */
const tfjsPool =
  (opType: 'MaxPool' | 'AveragePool'): OnnxRule =>
  (e, { x }, { attrs, outputs: [out] }) => {
    const [ksize, stride] = [pairOf(attrs['filterSize']), pairOf(attrs['strides'])];
    const dilation: Pair = [1, 1];
    const pad = tfjsPadding(x!, { ksize, stride, dilation }, attrs['pad']!);
    const name = e.node(opType, [e.at(x!, NCHW)], {
      kernel_shape: ksize,
      strides: unlessOnes(stride),
      ...padding(e, x!, { ksize, stride, dilation, pad }, out!.shape, true),
    });
    return e.made(name, out!.shape, 'float32', NCHW);
  };

interface Transposed {
  readonly ksize: readonly number[];
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly pad: readonly Dim[];
}

/** The rows and columns that no window reaches at the bottom and right. */
function outputPadding(e: Emitter, x: Value, outsize: readonly Dim[], t: Transposed): number[] {
  return [0, 1].map((i) => {
    const count = Math.max(
      ...[x.shape[i + 1]!, outsize[i]!].map((d) => (d instanceof Varying ? d.values.length : 1)),
    );
    const left = Array.from({ length: count }, (_, trace) => {
      const reach = (t.ksize[i]! - 1) * t.dilation[i]! + 1;
      const pads = inTrace(t.pad[2 * i]!, trace) + inTrace(t.pad[2 * i + 1]!, trace);
      return (
        inTrace(outsize[i]!, trace) - (t.stride[i]! * (inTrace(x.shape[i + 1]!, trace) - 1) + reach - pads)
      );
    });
    if (left.some((rows) => rows !== left[0])) {
      throw e.fail(
        'the output size of a transposed convolution does not follow from its input.',
        'Export with fixed sizes.',
      );
    }
    return left[0]!;
  });
}

function transposedConvolution(
  e: Emitter,
  x: Value,
  filter: string,
  bias: string,
  t: Transposed,
  groups: number,
  shape: readonly Dim[],
): Value {
  if (!isFixed(t.pad))
    throw e.fail('the padding of its windows follows the size of the input.', 'Export with fixed sizes.');
  const [top, bottom, left, right] = t.pad;
  const rest = outputPadding(e, x, shape.slice(1, 3), t);
  const name = e.node('ConvTranspose', [e.at(x, NCHW), filter, bias], {
    kernel_shape: t.ksize,
    strides: unlessOnes(t.stride),
    dilations: unlessOnes(t.dilation),
    group: groups === 1 ? undefined : groups,
    pads: t.pad.every((size) => size === 0) ? undefined : [top!, left!, bottom!, right!],
    output_padding: rest.every((rows) => rows === 0) ? undefined : rest,
  });
  return e.made(name, shape, 'float32', NCHW);
}

const deconvolution: OnnxRule = (e, { dy, filter, bias }, { attrs, outputs: [out] }) => {
  const t = {
    ksize: filter!.shape.slice(2) as number[],
    stride: pairOf(attrs['stride']),
    dilation: pairOf(attrs['dilation']),
    pad: attrs['pad'] as readonly Dim[],
  };
  const b = bias === undefined ? '' : e.plain(bias);
  return transposedConvolution(e, dy!, e.plain(filter!), b, t, attrs['groups'] as number, out!.shape);
};

/** Each value over its window: a transposed convolution of each channel with ones. */
const unpooling: OnnxRule = (e, { dy }, { attrs, outputs: [out] }) => {
  const [ksize, stride] = [pairOf(attrs['ksize']), pairOf(attrs['stride'])];
  const channels = e.fixed('channels', out!.shape[3]);
  const share = ((attrs['factor'] as number | undefined) ?? 1) / (ksize[0] * ksize[1]);
  const filter = Constant.of(
    'float32',
    [channels, 1, ...ksize],
    new Float32Array(channels * ksize[0] * ksize[1]).fill(share),
  );
  const t = { ksize, stride, dilation: [1, 1] as const, pad: attrs['pad'] as readonly Dim[] };
  return transposedConvolution(e, dy!, e.builder.initializer(filter), '', t, channels, out!.shape);
};

/** tfjs' gradient of a convolution, which is its transposed convolution. Filter (kh, kw, out, in). */
const tfjsDeconvolution: OnnxRule = (e, { dy, filter }, { attrs, outputs: [out] }) => {
  const turned = e.transpose(filter!, [3, 2, 0, 1]);
  const stride = pairOf(attrs['strides']);
  const ksize = turned.shape.slice(2) as number[];
  if (!isFixed(out!.shape.slice(1)))
    throw e.fail('its output size follows the size of the input.', 'Export with fixed sizes.');
  const info = backend_util.computeConv2DInfo(
    [1, ...(out!.shape.slice(1) as number[])] as [number, number, number, number],
    filter!.shape as [number, number, number, number],
    stride as [number, number],
    1,
    attrs['pad'] as 'same' | 'valid' | number,
    attrs['dimRoundingMode'] as 'floor' | undefined,
  );
  const { top, bottom, left, right } = info.padInfo;
  const t = { ksize, stride, dilation: [1, 1] as const, pad: [top, bottom, left, right] };
  return transposedConvolution(e, dy!, e.plain(turned), '', t, 1, out!.shape);
};

export const windowRules: OnnxRules = {
  [CONV_2D]: ownConv,
  [CONV_2D_BACKPROP_INPUT]: deconvolution,
  [MAX_POOL_2D]: pool('MaxPool'),
  [AVG_POOL_2D]: pool('AveragePool'),
  [AVG_POOL_2D_GRAD]: unpooling,
  Conv2D: tfjsConv(false),
  FusedConv2D: tfjsConv(false),
  DepthwiseConv2dNative: tfjsConv(true),
  FusedDepthwiseConv2D: tfjsConv(true),
  Conv2DBackpropInput: tfjsDeconvolution,
  MaxPool: tfjsPool('MaxPool'),
  AvgPool: tfjsPool('AveragePool'),
};
