/** The windows of tfjs' own convolution and pooling kernels, as explicit padding. */
import * as tf from '@tensorflow/tfjs-core';
import type { Conv2DAttrs, Pad2D, Pool2DAttrs } from './attrs.ts';

type Size2D = [number, number] | number;
type Rounding = 'floor' | 'round' | 'ceil';
type Padding = Parameters<typeof tf.backend_util.computePool2DInfo>[4];
type ConvInfo = ReturnType<typeof tf.backend_util.computePool2DInfo>;

/** Attributes of tfjs' Conv2D and DepthwiseConv2dNative. */
export interface TfjsConvAttrs {
  strides: Size2D;
  pad: Padding;
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: Size2D;
  dimRoundingMode?: Rounding;
}

/** Attributes of tfjs' MaxPool and AvgPool. */
export interface TfjsPoolAttrs {
  filterSize: Size2D;
  strides: Size2D;
  pad: Padding;
  dimRoundingMode?: Rounding;
}

/**
 * What tfjs pads, and below and right as much more as its last windows reach out of that: it may round the number of
 * windows up.
 */
function explicitPad(info: ConvInfo): Pad2D {
  const end = (out: number, stride: number, reach: number, size: number, before: number) =>
    Math.max(0, (out - 1) * stride + reach - size - before);
  const { top, left } = info.padInfo;
  return [
    top,
    end(info.outHeight, info.strideHeight, info.effectiveFilterHeight, info.inHeight, top),
    left,
    end(info.outWidth, info.strideWidth, info.effectiveFilterWidth, info.inWidth, left),
  ];
}

/** Our attributes for a convolution of tfjs over x of the shape (N, H, W, C), with windows of kh x kw. */
export function convAttrs(
  inputShape: readonly number[],
  [kh, kw]: readonly [number, number],
  attrs: TfjsConvAttrs,
  groups: number,
): Conv2DAttrs {
  const info = tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    [kh, kw, inputShape[3]!, 1],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
  );
  return {
    stride: [info.strideHeight, info.strideWidth],
    pad: explicitPad(info),
    dilation: [info.dilationHeight, info.dilationWidth],
    groups,
    activation: 'linear',
  };
}

/** Our attributes for a pooling of tfjs over x of the shape (N, H, W, C). */
export function poolAttrs(inputShape: readonly number[], attrs: TfjsPoolAttrs): Pool2DAttrs {
  const info = tf.backend_util.computePool2DInfo(
    inputShape as [number, number, number, number],
    attrs.filterSize,
    attrs.strides,
    1,
    attrs.pad,
    attrs.dimRoundingMode,
  );
  return {
    ksize: [info.filterHeight, info.filterWidth],
    stride: [info.strideHeight, info.strideWidth],
    pad: explicitPad(info),
  };
}

/** Whether tfjs rounds the number of windows so that the last ones may reach out of what it pads. */
export const mayOverhang = ({ dimRoundingMode }: { dimRoundingMode?: Rounding }) =>
  dimRoundingMode === 'ceil' || dimRoundingMode === 'round';

/** One axis of a pooling. */
export interface PoolAxis {
  readonly size: number;
  readonly ksize: number;
  readonly stride: number;
  readonly before: number;
  readonly after: number;
}

/** For each window: by what to multiply an average over the whole window to leave the padding out of its divisor. */
export function axisCorrection({ size, ksize, stride, before, after }: PoolAxis): number[] {
  const windows = Math.floor((size + before + after - ksize) / stride) + 1;
  return Array.from({ length: windows }, (_, i) => {
    const start = i * stride - before;
    const inside = Math.min(size, start + ksize) - Math.max(0, start);
    return ksize / Math.max(1, inside);
  });
}

/**
 * By what to multiply our average, whose divisor is the whole window, to get tfjs': (1, OH, OW, 1), or null where no window
 * reaches into the padding.
 */
export function divisorCorrection(
  inputShape: readonly number[],
  { ksize, stride, pad }: Pool2DAttrs,
): tf.Tensor4D | null {
  if (pad.every((v) => v === 0)) return null;
  const axis = (i: 0 | 1): number[] =>
    axisCorrection({
      size: inputShape[1 + i]!,
      ksize: ksize[i],
      stride: stride[i],
      before: pad[2 * i]!,
      after: pad[2 * i + 1]!,
    });
  const [rows, columns] = [axis(0), axis(1)];
  const values = rows.flatMap((row) => columns.map((column) => row * column));
  return tf.tensor4d(values, [1, rows.length, columns.length, 1]);
}
