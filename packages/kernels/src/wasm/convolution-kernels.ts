/** The convolution kernels of this package and of tfjs, over one implementation. */
import * as tf from '@tensorflow/tfjs-core';
import type { Conv2DAttrs, Conv2DBatchNormAttrs, SeparableAttrs } from '../attrs.ts';
import * as names from '../attrs.ts';
import { geometryOf } from '../geometry.ts';
import { keyOf } from '../tfjs-internals.ts';
import { activateLater, activations, laterActivations } from './activation.ts';
import { convolve, convolveInputGradient, convolveSeparable } from './convolution.ts';
import {
  type After,
  type ConvCase,
  type FilterData,
  type FilterStrides,
  hwio,
  nothing,
  oihw,
} from './convolution-case.ts';
import { depthwise, depthwiseFilterGradient, depthwiseInputGradient, isDepthwise } from './depthwise.ts';
import { convolveFilterGradient } from './filter-gradient.ts';
import { type Declined, declined, type FastKernel, type FastKernels, isFloat } from './kernel.ts';
import type { Runtime } from './runtime.ts';

type Shape4 = [number, number, number, number];

/** Sizes from this package's attributes; null where x and filter do not fit each other. */
function caseOf(
  xShape: readonly number[],
  kernel: { o: number; i: number; kh: number; kw: number; strides: FilterStrides },
  attrs: Conv2DAttrs,
): ConvCase {
  const g = geometryOf(xShape, [kernel.kh, kernel.kw], attrs);
  return {
    ...{ batch: g.batch, h: g.inHeight, w: g.inWidth, c: xShape[3]! },
    ...{ oh: g.outHeight, ow: g.outWidth, o: kernel.o, groups: attrs.groups, kh: kernel.kh, kw: kernel.kw },
    ...{ strideY: attrs.stride[0], strideX: attrs.stride[1], padTop: attrs.pad[0], padLeft: attrs.pad[2] },
    ...{ dilY: attrs.dilation[0], dilX: attrs.dilation[1] },
    act: activations[attrs.activation ?? 'linear'] ?? 0,
    inputRange: attrs.inputRange ?? null,
    filter: kernel.strides,
  };
}

const ourKernel = ([o, i, kh, kw]: Shape4) => ({ o, i, kh, kw, strides: oihw(i, kh, kw) });

const ourCase = (xShape: readonly number[], filterShape: readonly number[], attrs: object) =>
  caseOf(xShape, ourKernel(filterShape as Shape4), attrs as Conv2DAttrs);

const dataOf = (rt: Runtime, filter: tf.TensorInfo): FilterData => ({
  key: keyOf(filter),
  pointer: rt.heap.pointer(filter),
});

function forward(
  rt: Runtime,
  s: ConvCase,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  after: After,
): tf.TensorInfo {
  const out = rt.output([s.batch, s.oh, s.ow, s.o]);
  if (s.batch * s.oh * s.ow * s.o === 0) return out;
  const run = isDepthwise(s) ? depthwise : convolve;
  run(rt, s, rt.heap.pointer(x), dataOf(rt, filter), after, rt.heap.pointer(out));
  return out;
}

const biasOnly = (rt: Runtime, bias: tf.TensorInfo | undefined): After =>
  bias === undefined ? nothing : { bias: rt.heap.pointer(bias), scale: 0 };

function inputGradient(rt: Runtime, s: ConvCase, dy: tf.TensorInfo, filter: tf.TensorInfo): tf.TensorInfo {
  const dx = rt.output([s.batch, s.h, s.w, s.c]);
  const run = isDepthwise(s) ? depthwiseInputGradient : convolveInputGradient;
  run(rt, s, rt.heap.pointer(dy), dataOf(rt, filter), rt.heap.pointer(dx));
  return dx;
}

function filterGradient(
  rt: Runtime,
  s: ConvCase,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  shape: readonly number[],
): tf.TensorInfo {
  const dw = rt.output(shape);
  const run = isDepthwise(s) ? depthwiseFilterGradient : convolveFilterGradient;
  run(rt, s, rt.heap.pointer(x), rt.heap.pointer(dy), rt.heap.pointer(dw));
  return dw;
}

// ---- this package's names, OIHW ----------------------------------------------------------------------------------

const conv2d: FastKernel = (rt, { x, filter, bias }, attrs) => {
  if (!isFloat(x, filter, bias)) return declined;
  return forward(rt, ourCase(x!.shape, filter!.shape, attrs), x!, filter!, biasOnly(rt, bias));
};

/** The statistics, scale and shift of a batch normalization. */
type Normalization = readonly [
  mean: tf.TensorInfo,
  variance: tf.TensorInfo,
  gamma: tf.TensorInfo,
  beta: tf.TensorInfo,
];

/** Calls `use` with what normalizes `o` channels. */
function withNormalization(
  rt: Runtime,
  o: number,
  normalization: Normalization,
  epsilon: number,
  use: (after: After) => void,
): void {
  // The kernels read vectors of four, beyond the last channel too.
  const bytes = 4 * (o + 4);
  rt.heap.withBlocks([bytes, bytes], (scale, bias) => {
    const { f32 } = rt.heap;
    const [m, v, g, b] = normalization.map((info) => rt.heap.pointer(info) / 4) as Shape4;
    for (let i = 0; i < o; i++) {
      const factor = f32[g + i]! / Math.sqrt(f32[v + i]! + epsilon);
      f32[scale! / 4 + i] = factor;
      f32[bias! / 4 + i] = f32[b + i]! - f32[m + i]! * factor;
    }
    use({ bias: bias!, scale: scale! });
  });
}

const conv2dBatchNorm: FastKernel = (rt, { x, filter, mean, variance, gamma, beta }, attrs) => {
  if (!isFloat(x, filter, mean, variance, gamma, beta)) return declined;
  const { epsilon } = attrs as Conv2DBatchNormAttrs;
  const s = ourCase(x!.shape, filter!.shape, attrs);
  let out!: tf.TensorInfo;
  withNormalization(rt, s.o, [mean!, variance!, gamma!, beta!], epsilon, (after) => {
    out = forward(rt, s, x!, filter!, after);
  });
  return out;
};

const separableConv2d: FastKernel = (rt, inputs, attrs) => {
  if (!isFloat(...Object.values(inputs))) return declined;
  const { steps } = attrs as SeparableAttrs;
  const { x, filter0, filter1 } = inputs;
  const first = ourCase(x!.shape, filter0!.shape, steps[0]);
  const s = ourCase([first.batch, first.oh, first.ow, first.o], filter1!.shape, steps[1]);
  const out = rt.output([s.batch, s.oh, s.ow, s.o]);
  if (s.batch * s.oh * s.ow * s.o === 0) return out;
  const withAfter = (i: 0 | 1, use: (after: After) => void) => {
    const mean = inputs[`mean${i}`];
    if (mean === undefined) return use(biasOnly(rt, inputs[`bias${i}`]));
    const normalization = [mean, inputs[`variance${i}`]!, inputs[`gamma${i}`]!, inputs[`beta${i}`]!] as const;
    withNormalization(rt, [first, s][i]!.o, normalization, steps[i].epsilon, use);
  };
  const filters = [dataOf(rt, filter0!), dataOf(rt, filter1!)] as const;
  withAfter(0, (after0) =>
    withAfter(1, (after1) =>
      convolveSeparable(rt, first, s, rt.heap.pointer(x!), filters, [after0, after1], rt.heap.pointer(out)),
    ),
  );
  return out;
};

const conv2dBackpropInput: FastKernel = (rt, { dy, filter }, attrs) => {
  if (!isFloat(dy, filter)) return declined;
  const { inputShape } = attrs as unknown as { inputShape: number[] };
  return inputGradient(rt, ourCase(inputShape, filter!.shape, attrs), dy!, filter!);
};

const conv2dBackpropFilter: FastKernel = (rt, { x, dy }, attrs) => {
  if (!isFloat(x, dy)) return declined;
  const { filterShape } = attrs as unknown as { filterShape: number[] };
  return filterGradient(rt, ourCase(x!.shape, filterShape, attrs), x!, dy!, filterShape);
};

// ---- tfjs' names, HWIO -------------------------------------------------------------------------------------------

interface TfjsAttrs {
  strides: number | [number, number];
  pad: Parameters<typeof tf.backend_util.computeConv2DInfo>[4];
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: number | [number, number];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  activation?: string;
}

/** Sizes from tfjs' attributes; declined for what this implementation leaves to tfjs. */
function tfjsCase(
  xShape: readonly number[],
  filterShape: readonly number[],
  attrs: object,
  isDepth: boolean,
) {
  const a = attrs as TfjsAttrs;
  if (a.dataFormat === 'NCHW') return declined;
  const act = activations[a.activation ?? 'linear'] ?? 0;
  const [kh, kw, i, m] = filterShape as Shape4;
  // a depth multiplier is rare, and tfjs has it
  if (isDepth && m !== 1) return declined;
  const info = tf.backend_util.computeConv2DInfo(
    xShape as Shape4,
    filterShape as Shape4,
    a.strides,
    a.dilations ?? 1,
    a.pad,
    a.dimRoundingMode,
    isDepth,
  );
  const o = isDepth ? i : m;
  const s: ConvCase = {
    ...{ batch: info.batchSize, h: info.inHeight, w: info.inWidth, c: info.inChannels },
    ...{ oh: info.outHeight, ow: info.outWidth, o, groups: isDepth ? i : 1, kh, kw },
    ...{ strideY: info.strideHeight, strideX: info.strideWidth },
    ...{ padTop: info.padInfo.top, padLeft: info.padInfo.left },
    ...{ dilY: info.dilationHeight, dilX: info.dilationWidth, act, inputRange: null },
    filter: isDepth ? { o: 1, i: 1, y: kw * i, x: i } : hwio(i, o, kw),
  };
  return s.c === i ? s : declined;
}

const tfjsForward =
  (isDepth: boolean): FastKernel =>
  (rt, { x, filter, bias, preluActivationWeights }, attrs) => {
    if (!isFloat(x, filter, bias, preluActivationWeights)) return declined;
    const { activation = 'linear' } = attrs as TfjsAttrs;
    const later = laterActivations[activation];
    if (later === undefined && !(activation in activations)) return declined;
    const s = tfjsCase(x!.shape, filter!.shape, attrs, isDepth);
    if (s === declined) return declined;
    // tfjs lets a scalar through as bias
    if (bias !== undefined && bias.shape.reduce((a, b) => a * b, 1) !== s.o) return declined;
    const y = forward(rt, s, x!, filter!, biasOnly(rt, bias));
    return later === undefined ? y : activateLater(rt, later, y, preluActivationWeights, attrs);
  };

const tfjsBackpropInput =
  (isDepth: boolean): FastKernel =>
  (rt, { dy, filter }, attrs) => {
    const { inputShape } = attrs as unknown as { inputShape: number[] };
    const s: ConvCase | Declined = tfjsCase(inputShape, filter!.shape, attrs, isDepth);
    return s === declined || !isFloat(dy, filter) ? declined : inputGradient(rt, s, dy!, filter!);
  };

const tfjsBackpropFilter =
  (isDepth: boolean): FastKernel =>
  (rt, { x, dy }, attrs) => {
    const { filterShape } = attrs as unknown as { filterShape: number[] };
    const s: ConvCase | Declined = tfjsCase(x!.shape, filterShape, attrs, isDepth);
    return s === declined || !isFloat(x, dy) ? declined : filterGradient(rt, s, x!, dy!, filterShape);
  };

export const convolutionKernels: FastKernels = {
  [names.CONV_2D]: conv2d,
  [names.CONV_2D_BATCH_NORM]: conv2dBatchNorm,
  [names.SEPARABLE_CONV_2D]: separableConv2d,
  [names.CONV_2D_BACKPROP_INPUT]: conv2dBackpropInput,
  [names.CONV_2D_BACKPROP_FILTER]: conv2dBackpropFilter,
  [tf.Conv2D]: tfjsForward(false),
  [tf.FusedConv2D]: tfjsForward(false),
  [tf.Conv2DBackpropInput]: tfjsBackpropInput(false),
  [tf.Conv2DBackpropFilter]: tfjsBackpropFilter(false),
  [tf.DepthwiseConv2dNative]: tfjsForward(true),
  [tf.FusedDepthwiseConv2D]: tfjsForward(true),
  [tf.DepthwiseConv2dNativeBackpropInput]: tfjsBackpropInput(true),
  [tf.DepthwiseConv2dNativeBackpropFilter]: tfjsBackpropFilter(true),
};
