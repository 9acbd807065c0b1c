/**
 * tfjs' 3-D pooling and convolution gradients, made of this package's 2-D kernels: first over rows and columns, then over depth.
 * tfjs 4.22 has them wrong on wasm (maxima of negative values, strides), and has no gradient with dilation at all.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { Conv2DAttrs, Pool2DAttrs } from './attrs.ts';
import * as names from './attrs.ts';
import { geometryOf } from './geometry.ts';
import { padOrCrop, scatterTaps, tapsOf } from './portable/tensors.ts';
import { runRegistered } from './tfjs-internals.ts';
import { axisCorrection } from './tfjs-windows.ts';

export type Shape5 = [n: number, depth: number, height: number, width: number, channels: number];
type Size3D = [number, number, number] | number;

export interface TfjsConv3DAttrs {
  strides: Size3D;
  pad: 'valid' | 'same';
  dilations?: Size3D;
}

export interface TfjsPool3DAttrs {
  filterSize: Size3D;
  strides: Size3D;
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

type Info = ReturnType<typeof tf.backend_util.computeConv3DInfo>;

/** Padding after the last element, at least as much as the last window needs. */
const after = (out: number, stride: number, reach: number, size: number, before: number) =>
  Math.max(0, (out - 1) * stride + reach - size - before);

/** The windows over rows and columns, and those over depth as rows of one column. */
function windowsOf(info: Info) {
  const { padInfo } = info;
  const { front, top, left } = padInfo;
  return {
    plane: {
      ksize: [info.filterHeight, info.filterWidth],
      stride: [info.strideHeight, info.strideWidth],
      dilation: [info.dilationHeight, info.dilationWidth],
      pad: [
        top,
        after(info.outHeight, info.strideHeight, info.effectiveFilterHeight, info.inHeight, top),
        left,
        after(info.outWidth, info.strideWidth, info.effectiveFilterWidth, info.inWidth, left),
      ],
    },
    depth: {
      ksize: [info.filterDepth, 1],
      stride: [info.strideDepth, 1],
      dilation: [info.dilationDepth, 1],
      pad: [
        front,
        after(info.outDepth, info.strideDepth, info.effectiveFilterDepth, info.inDepth, front),
        0,
        0,
      ],
    },
  } as const satisfies Record<string, Pool2DAttrs & Pick<Conv2DAttrs, 'dilation'>>;
}

const poolInfo = (shape: Shape5, a: TfjsPool3DAttrs) =>
  tf.backend_util.computePool3DInfo(shape, a.filterSize, a.strides, 1, a.pad, a.dimRoundingMode);

/** (N, D, H, W, C) as N D planes (H, W, C). */
const planes = (x: tf.Tensor): tf.Tensor4D => {
  const [n, d, h, w, c] = x.shape as Shape5;
  return tf.reshape(x, [n * d, h, w, c]);
};

/** N D planes as N columns of D rows, a whole plane one pixel. */
const columns = (x: tf.Tensor, n: number): tf.Tensor4D => tf.reshape(x, [n, x.shape[0]! / n, 1, -1]);

export function maxPool3d(x: tf.Tensor5D, attrs: TfjsPool3DAttrs): tf.Tensor5D {
  return tf.tidy(() => {
    const info = poolInfo(x.shape, attrs);
    const { plane, depth } = windowsOf(info);
    const flat = runRegistered(names.MAX_POOL_2D, { x: planes(x) }, plane);
    const y = runRegistered(names.MAX_POOL_2D, { x: columns(flat, info.batchSize) }, depth);
    return tf.reshape(y, info.outShape);
  });
}

/** The first maximum in depth, then the first in its plane: the first of the window in row-major order. */
export function maxPool3dGrad(
  dy: tf.Tensor5D,
  x: tf.Tensor5D,
  y: tf.Tensor5D,
  attrs: TfjsPool3DAttrs,
): tf.Tensor5D {
  return tf.tidy(() => {
    const { batchSize } = poolInfo(x.shape, attrs);
    const { plane, depth } = windowsOf(poolInfo(x.shape, attrs));
    const flat = runRegistered(names.MAX_POOL_2D, { x: planes(x) }, plane);
    const dFlat = runRegistered(
      names.MAX_POOL_2D_GRAD,
      {
        dy: columns(planes(dy), batchSize),
        x: columns(flat, batchSize),
        y: columns(planes(y), batchSize),
      },
      depth,
    );
    const inputs = { dy: tf.reshape(dFlat, flat.shape), x: planes(x), y: flat };
    return tf.reshape(runRegistered(names.MAX_POOL_2D_GRAD, inputs, plane), x.shape);
  });
}

export function avgPool3dGrad(dy: tf.Tensor5D, x: tf.Tensor5D, attrs: TfjsPool3DAttrs): tf.Tensor5D {
  return tf.tidy(() => {
    const info = poolInfo(x.shape, attrs);
    const { plane, depth } = windowsOf(info);
    // tfjs' divisor leaves the padding out.
    const axis = (a: Pool2DAttrs, i: 0 | 1, size: number) =>
      tf.tensor1d(
        axisCorrection({
          size,
          ksize: a.ksize[i],
          stride: a.stride[i],
          before: a.pad[2 * i]!,
          after: a.pad[2 * i + 1]!,
        }),
      );
    const corrections = [
      tf.reshape(axis(depth, 0, info.inDepth), [1, -1, 1, 1, 1]),
      tf.reshape(axis(plane, 0, info.inHeight), [1, 1, -1, 1, 1]),
      tf.reshape(axis(plane, 1, info.inWidth), [1, 1, 1, -1, 1]),
    ];
    const shares = corrections.reduce<tf.Tensor>((g, c) => tf.mul(g, c), dy);
    const flatShape = [info.batchSize * info.inDepth, info.outHeight, info.outWidth, info.inChannels];
    const inDepth = [info.batchSize, info.inDepth, 1, info.outHeight * info.outWidth * info.inChannels];
    const dFlat = runRegistered(
      names.AVG_POOL_2D_GRAD,
      { dy: columns(planes(shares), info.batchSize) },
      { ...depth, inputShape: inDepth },
    );
    const dx = runRegistered(
      names.AVG_POOL_2D_GRAD,
      { dy: tf.reshape(dFlat, flatShape) },
      { ...plane, inputShape: planes(x).shape },
    );
    return tf.reshape(dx, x.shape);
  });
}

function convWindows(inputShape: Shape5, filterShape: Shape5, a: TfjsConv3DAttrs) {
  const info = tf.backend_util.computeConv3DInfo(inputShape, filterShape, a.strides, a.dilations ?? 1, a.pad);
  const { plane, depth } = windowsOf(info);
  const [n, d, h, w, c] = inputShape;
  return {
    info,
    // The planes that one slice of the filter along its depth sees are the pixels of one tap.
    depth: geometryOf([n, d, 1, h * w * c], depth.ksize, depth),
    plane: { ...plane, groups: 1, activation: 'linear' } satisfies Conv2DAttrs & Pool2DAttrs,
  };
}

/** One slice of a filter (kd, kh, kw, in, out), OIHW. */
const sliceOIHW = (filter: tf.Tensor5D, index: number): tf.Tensor =>
  tf.transpose(tf.reshape(tf.slice(filter, index, 1), filter.shape.slice(1)), [3, 2, 0, 1]);

export function conv3dBackpropInput(
  dy: tf.Tensor5D,
  filter: tf.Tensor5D,
  inputShape: Shape5,
  attrs: TfjsConv3DAttrs,
): tf.Tensor5D {
  return tf.tidy(() => {
    const { info, plane, depth } = convWindows(inputShape, filter.shape, attrs);
    const [n, , h, w, c] = inputShape;
    const dx = scatterTaps(depth, h * w * c, (k) => {
      const inputs = { dy: planes(dy), filter: sliceOIHW(filter, k) };
      const planeShape = [n * info.outDepth, h, w, c];
      const part = runRegistered(names.CONV_2D_BACKPROP_INPUT, inputs, { ...plane, inputShape: planeShape });
      return tf.reshape(part, [n, info.outDepth, 1, h * w * c]);
    });
    return tf.reshape(dx, inputShape);
  });
}

export function conv3dBackpropFilter(
  x: tf.Tensor5D,
  dy: tf.Tensor5D,
  filterShape: Shape5,
  attrs: TfjsConv3DAttrs,
): tf.Tensor5D {
  return tf.tidy(() => {
    const { info, plane, depth } = convWindows(x.shape, filterShape, attrs);
    const [n, , h, w, c] = x.shape;
    const [kd, kh, kw, inChannels, out] = filterShape;
    const tap = tapsOf(padOrCrop(columns(planes(x), n), depth.pad), depth);
    const slices = Array.from({ length: kd }, (_, k) => {
      const seen = tf.reshape(tap(k, 0), [n * info.outDepth, h, w, c]);
      const oihw = runRegistered(
        names.CONV_2D_BACKPROP_FILTER,
        { x: seen, dy: planes(dy) },
        { ...plane, filterShape: [out, inChannels, kh, kw] },
      );
      return tf.transpose(oihw, [2, 3, 1, 0]);
    });
    return tf.stack(slices) as tf.Tensor5D;
  });
}
