/**
 * Convolution and its gradients composed of tfjs' own kernels, for any backend.
 *
 * The gradient of x is a convolution of dy, dilated by the stride, with the flipped filter; the gradient of the filter is
 * one matrix product a tap. Groups are split and joined; a group of one in-channel is tfjs' depthwise convolution.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Conv2DAttrs, FusedActivation, Pad2D } from '../attrs.ts';
import { type Geometry, geometryOf } from '../geometry.ts';
import { type Composition, input, inputTensor, type KernelCall } from '../kernel.ts';
import { preparedFilter } from './filter-cache.ts';
import { dilate, originalTensor, padOrCrop, tapsOf } from './tensors.ts';

type Shape4 = [number, number, number, number];
type Pair = readonly [number, number];

interface TfjsAttrs {
  strides: number[];
  pad: number[][];
  dataFormat: 'NHWC';
  dilations: number[];
  activation: FusedActivation;
}

/** Attributes of tfjs' convolution kernels; they take asymmetric padding as it is. */
function tfjsAttrs(stride: Pair, pad: Pad2D, dilation: Pair, activation: FusedActivation): TfjsAttrs {
  return {
    strides: [...stride],
    pad: [
      [0, 0],
      [pad[0], pad[1]],
      [pad[2], pad[3]],
      [0, 0],
    ],
    dataFormat: 'NHWC',
    dilations: [...dilation],
    activation,
  };
}

const isDepthwise = ([, inPerGroup]: readonly number[], groups: number) => inPerGroup === 1 && groups > 1;

/** The out-channels of one group. */
function ofGroup(filter: tf.Tensor4D, group: number, groups: number): tf.Tensor4D {
  if (groups === 1) return filter;
  const [out, ...rest] = filter.shape;
  return tf.slice(filter, [(group * out) / groups, 0, 0, 0], [out / groups, ...rest]);
}

const splitChannels = (x: tf.Tensor4D, groups: number) =>
  groups === 1 ? [x] : (tf.split(x, groups, 3) as tf.Tensor4D[]);

/** HWIO, of one group. */
const forwardFilter = <A>(call: KernelCall<A>, group: number, groups: number) =>
  preparedFilter(call, `forward/${group}/${groups}`, (w) =>
    tf.transpose(ofGroup(w, group, groups), [2, 3, 1, 0]),
  );

/** Flipped in both directions, with in- and out-channels exchanged, of one group. */
const backwardFilter = <A>(call: KernelCall<A>, group: number, groups: number) =>
  preparedFilter(call, `backward/${group}/${groups}`, (w) =>
    tf.reverse(tf.transpose(ofGroup(w, group, groups), [2, 3, 0, 1]), [0, 1]),
  );

/** A filter (kh, kw, C, m) with rows or columns of zeros after its own, until it has as many of both. */
export function squareFilter(filter: tf.Tensor4D): tf.Tensor4D {
  const [kh, kw] = filter.shape;
  const side = Math.max(kh, kw);
  if (kh === kw) return filter;
  return tf.pad(filter, [
    [0, side - kh],
    [0, side - kw],
    [0, 0],
    [0, 0],
  ]);
}

/** The padding with which windows that grew to a square at their ends give the same outputs. */
export function squarePad([top, bottom, left, right]: Pad2D, [kh, kw]: Pair, dilation: Pair): Pad2D {
  const side = Math.max(kh, kw);
  return [top, bottom + (side - kh) * dilation[0], left, right + (side - kw) * dilation[1]];
}

/** (C m, 1, kh, kw) as tfjs' depthwise kernels have it: (kh, kw, C, m). */
const depthwiseLayout = (filter: tf.Tensor4D, channels: number): tf.Tensor4D => {
  const [out, , kh, kw] = filter.shape;
  return tf.transpose(tf.reshape(filter, [channels, out / channels, kh, kw]), [2, 3, 0, 1]) as tf.Tensor4D;
};

export const conv2d: Composition<Conv2DAttrs> = (call) =>
  tf.tidy(() => {
    const { stride, pad, dilation, groups, activation } = call.attrs;
    const x = inputTensor<tf.Tensor4D, Conv2DAttrs>(call, 'x');
    const bias = call.inputs['bias'];
    const filterShape = input(call, 'filter').shape;
    if (x.size === 0) {
      const g = geometryOf(x.shape, [filterShape[2]!, filterShape[3]!], call.attrs);
      return tf.zeros([g.batch, g.outHeight, g.outWidth, filterShape[0]!]);
    }
    const attrs = tfjsAttrs(stride, pad, dilation, activation);
    // tfjs' depthwise kernels refuse a stride and a dilation at once; its plain ones do not.
    const sparse = Math.max(...stride) > 1 && Math.max(...dilation) > 1;
    if (isDepthwise(filterShape, groups) && !sparse) {
      // Square, as tfjs' wasm kernel is wrong and writes where it should not with others (tfjs 4.22).
      const filter = preparedFilter(call, 'depthwise', (w) => squareFilter(depthwiseLayout(w, groups)));
      const grown = squarePad(pad, [filterShape[2]!, filterShape[3]!], dilation);
      return originalTensor(
        call,
        'FusedDepthwiseConv2D',
        { x, filter, bias },
        tfjsAttrs(stride, grown, dilation, activation),
      );
    }
    if (groups === 1)
      return originalTensor(call, 'FusedConv2D', { x, filter: forwardFilter(call, 0, 1), bias }, attrs);
    const biases = bias && tf.split(inputTensor<tf.Tensor1D, Conv2DAttrs>(call, 'bias'), groups);
    const parts = tf.split(x, groups, 3).map((part, group) => {
      const inputs = { x: part, filter: forwardFilter(call, group, groups), bias: biases?.[group] };
      return originalTensor(call, 'FusedConv2D', inputs, attrs);
    });
    return tf.concat(parts, 3);
  });

/** The padding with which dy, dilated by the stride, gives the gradient of x; negative where windows reach past x. */
function backwardPad(g: Geometry): Pad2D {
  const side = (size: number, out: number, k: number, stride: number, dilation: number, before: number) => {
    const first = (k - 1) * dilation - before;
    return [first, size + (k - 1) * dilation - ((out - 1) * stride + 1) - first] as const;
  };
  return [
    ...side(g.inHeight, g.outHeight, g.ksize[0], g.stride[0], g.dilation[0], g.pad[0]),
    ...side(g.inWidth, g.outWidth, g.ksize[1], g.stride[1], g.dilation[1], g.pad[2]),
  ];
}

export const conv2dBackpropInput: Composition<Conv2DAttrs & { inputShape: Shape4 }> = (call) =>
  tf.tidy(() => {
    const { inputShape, groups, dilation } = call.attrs;
    const filterShape = input(call, 'filter').shape as Shape4;
    if (inputShape[0] === 0) return tf.zeros(inputShape);
    const g = geometryOf(inputShape, [filterShape[2], filterShape[3]], call.attrs);
    const pad = backwardPad(g);
    const dy = padOrCrop(
      dilate(inputTensor(call, 'dy'), g.stride),
      pad.map((v) => Math.min(0, v)) as unknown as Pad2D,
    );
    const added = pad.map((v) => Math.max(0, v)) as unknown as Pad2D;
    if (isDepthwise(filterShape, groups)) {
      const grown = squarePad(added, g.ksize, dilation);
      return depthwiseBackpropInput(call, dy, tfjsAttrs([1, 1], grown, dilation, 'linear'));
    }
    const attrs = tfjsAttrs([1, 1], added, dilation, 'linear');
    const parts = splitChannels(dy, groups).map((part, group) =>
      originalTensor(call, 'Conv2D', { x: part, filter: backwardFilter(call, group, groups) }, attrs),
    );
    return parts.length === 1 ? parts[0]! : tf.concat(parts, 3);
  });

/** A depthwise convolution has `multiplier` outputs a channel: one depthwise pass each, added up. */
function depthwiseBackpropInput<A extends Conv2DAttrs>(
  call: KernelCall<A>,
  dy: tf.Tensor4D,
  attrs: TfjsAttrs,
): tf.Tensor {
  const { groups } = call.attrs;
  const multiplier = dy.shape[3] / groups;
  const parts = Array.from({ length: multiplier }, (_, q) => {
    const filter = preparedFilter(call, `depthwise backward/${q}`, (w) => {
      const flipped = squareFilter(tf.reverse(depthwiseLayout(w, groups), [0, 1]));
      return tf.slice(flipped, [0, 0, 0, q], [-1, -1, -1, 1]);
    });
    const [n, h, w] = dy.shape;
    const ofQ =
      multiplier === 1
        ? dy
        : (tf.reshape(tf.slice(tf.reshape(dy, [n * h * w, groups, multiplier]), [0, 0, q], [-1, -1, 1]), [
            n,
            h,
            w,
            groups,
          ]) as tf.Tensor4D);
    return originalTensor(call, 'DepthwiseConv2dNative', { x: ofQ, filter }, attrs);
  });
  return parts.length === 1 ? parts[0]! : tf.addN(parts);
}

export const conv2dBackpropFilter: Composition<Conv2DAttrs & { filterShape: Shape4 }> = (call) =>
  tf.tidy(() => {
    const { filterShape, groups } = call.attrs;
    const [out, inPerGroup, kh, kw] = filterShape;
    const x = inputTensor<tf.Tensor4D, Conv2DAttrs>(call, 'x');
    const dy = inputTensor<tf.Tensor4D, Conv2DAttrs>(call, 'dy');
    if (x.size === 0) return tf.zeros(filterShape);
    const g = geometryOf(x.shape, [kh, kw], call.attrs);
    if (isDepthwise(filterShape, groups)) return depthwiseBackpropFilter(padOrCrop(x, g.pad), dy, g);
    const dys = splitChannels(dy, groups);
    const parts = splitChannels(x, groups).map((part, group) => filterGradient(part, dys[group]!, g));
    const taps = tf.concat(parts, 2);
    return tf.reshape(tf.transpose(taps, [2, 1, 0]), [out, inPerGroup, kh, kw]);
  });

/** The gradient of one group's filter as (kh kw, in, out): x of each tap, transposed, times dy. */
function filterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, g: Geometry): tf.Tensor3D {
  const [channels, out] = [x.shape[3], dy.shape[3]];
  // Transposed once, so that a tap is a slice and a plain product: tfjs' wasm matMul is slow with transposed arguments.
  const tap = tapsOf(tf.transpose(padOrCrop(x, g.pad), [3, 1, 2, 0]) as tf.Tensor4D, g);
  const rows = tf.reshape(tf.transpose(dy, [1, 2, 0, 3]), [-1, out]) as tf.Tensor2D;
  const products: tf.Tensor2D[] = [];
  for (let ky = 0; ky < g.ksize[0]; ky++) {
    for (let kx = 0; kx < g.ksize[1]; kx++) {
      products.push(tf.tidy(() => tf.matMul(tf.reshape(tap(ky, kx), [channels, -1]) as tf.Tensor2D, rows)));
    }
  }
  return tf.stack(products) as tf.Tensor3D;
}

/** The gradient of a depthwise filter: each tap's x times dy, summed over all pixels. */
function depthwiseBackpropFilter(padded: tf.Tensor4D, dy: tf.Tensor4D, g: Geometry): tf.Tensor {
  const [channels, out] = [padded.shape[3], dy.shape[3]];
  const pixels = g.batch * g.outHeight * g.outWidth;
  const tap = tapsOf(padded, g);
  const dyByChannel = tf.reshape(dy, [pixels, channels, out / channels]);
  const sums: tf.Tensor[] = [];
  for (let ky = 0; ky < g.ksize[0]; ky++) {
    for (let kx = 0; kx < g.ksize[1]; kx++) {
      sums.push(
        tf.tidy(() => {
          const x = tf.reshape(tap(ky, kx), [pixels, channels, 1]);
          return tf.reshape(tf.sum(tf.mul(x, dyByChannel), 0), [out]);
        }),
      );
    }
  }
  return tf.reshape(tf.transpose(tf.stack(sums)), [out, 1, g.ksize[0], g.ksize[1]]);
}
