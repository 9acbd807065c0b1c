/** Pooling over NHWC activations. */
import { AVG_POOL_2D_GRAD, avgPool2d, maxPool2d, runKernel } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkOptions, type OptionKinds } from '../options.ts';
import { checkRank, type IntOrPair, toPair } from './arguments.ts';
import { getConvOutsize, getDeconvOutsize, type Window2D, windowPad } from './windows.ts';

const nhwc = ['N', 'H', 'W', 'C'];

export interface AveragePooling2DOptions {
  /** The window, in pixels, y and x. */
  ksize: IntOrPair;
  /** Pixels from window to window. Default ksize. */
  stride?: IntOrPair;
  /** Pixels on each side. Default 0. */
  pad?: IntOrPair;
}

export interface MaxPooling2DOptions extends AveragePooling2DOptions {
  /** Whether partial windows cover what whole ones leave over. Default true: 75 pixels by 2 give 38. */
  coverAll?: boolean;
}

export interface Unpooling2DOptions extends MaxPooling2DOptions {
  /** (height, width) of the output, one of those whose pooling has the size of x; default the smallest. */
  outsize?: readonly [height: number, width: number];
}

const averageKinds: OptionKinds<AveragePooling2DOptions> = { ksize: 'any', stride: 'any', pad: 'any' };
const maxKinds: OptionKinds<MaxPooling2DOptions> = { ...averageKinds, coverAll: 'boolean' };
const unpoolingKinds: OptionKinds<Unpooling2DOptions> = { ...maxKinds, outsize: 'object' };

function windows(
  name: string,
  { ksize, stride = ksize, pad = 0 }: AveragePooling2DOptions,
  coverAll: boolean,
): Window2D & { readonly coverAll: boolean } {
  return {
    ksize: toPair(`${name} ksize`, ksize, 1),
    stride: toPair(`${name} stride`, stride, 1),
    pad: toPair(`${name} pad`, pad, 0),
    coverAll,
  };
}

/**
 * The largest value of each window, as `chainer.functions.max_pooling_2d`. Padding counts as minus infinity; equal
 * maxima: the first one (row by row) takes the gradient.
 *
 * @param x (N, H, W, C).
 * @throws InvalidArgumentError when an argument does not fit or no window fits.
 */
export function maxPooling2D(x: tf.Tensor4D, options: MaxPooling2DOptions): tf.Tensor4D {
  const name = 'maxPooling2D';
  checkRank(`${name} x`, x, nhwc);
  const w = windows(name, options, checkOptions(name, options, maxKinds).coverAll ?? true);
  const kernelPad = windowPad(`${name} x`, [x.shape[1], x.shape[2]], w);
  return maxPool2d(x, { ksize: w.ksize, stride: w.stride, pad: kernelPad });
}

/**
 * The mean of each window, as `chainer.functions.average_pooling_2d`: padding counts as zeros, only whole windows.
 *
 * @param x (N, H, W, C).
 * @throws InvalidArgumentError when an argument does not fit or no window fits.
 */
export function averagePooling2D(x: tf.Tensor4D, options: AveragePooling2DOptions): tf.Tensor4D {
  const name = 'averagePooling2D';
  checkRank(`${name} x`, x, nhwc);
  const w = windows(name, checkOptions(name, options, averageKinds), false);
  const kernelPad = windowPad(`${name} x`, [x.shape[1], x.shape[2]], w);
  return avgPool2d(x, { ksize: w.ksize, stride: w.stride, pad: kernelPad });
}

/** The mean over all pixels: (N, H, W, C) to (N, C). */
export function globalAveragePooling2D(x: tf.Tensor4D): tf.Tensor2D {
  checkRank('globalAveragePooling2D x', x, nhwc);
  return tf.mean(x, [1, 2]);
}

/**
 * Spreads each value over its window; windows that overlap add up. As `chainer.functions.unpooling_2d`.
 *
 * @param x (N, H, W, C).
 * @throws InvalidArgumentError when an argument does not fit.
 */
export function unpooling2D(x: tf.Tensor4D, options: Unpooling2DOptions): tf.Tensor4D {
  const name = 'unpooling2D';
  checkRank(`${name} x`, x, nhwc);
  const w = windows(name, options, checkOptions(name, options, unpoolingKinds).coverAll ?? true);
  const sizes = ([0, 1] as const).map((i) =>
    getDeconvOutsize(x.shape[i + 1]!, {
      ksize: w.ksize[i],
      stride: w.stride[i],
      pad: w.pad[i],
      coverAll: w.coverAll,
    }),
  );
  const outsize = toPair(`${name} outsize`, options.outsize ?? [sizes[0]!, sizes[1]!], 1);
  for (const i of [0, 1] as const) {
    const direction = { ksize: w.ksize[i], stride: w.stride[i], pad: w.pad[i], coverAll: w.coverAll };
    const back = getConvOutsize(outsize[i], direction);
    if (back !== x.shape[i + 1]) {
      throw new InvalidArgumentError(
        `${name} outsize`,
        `a size whose pooling gives ${x.shape[i + 1]} windows`,
        `${outsize[i]}, which gives ${back}`,
      );
    }
  }
  // The gradient of average pooling spreads a value over its window and divides it by the window's size.
  const attrs = {
    ksize: w.ksize,
    stride: w.stride,
    pad: windowPad(`${name} outsize`, outsize, w),
    inputShape: [x.shape[0], ...outsize, x.shape[3]],
  };
  return tf.tidy(() => {
    const spread = runKernel<tf.Tensor4D>(AVG_POOL_2D_GRAD, { dy: x }, attrs);
    return tf.mul(spread, w.ksize[0] * w.ksize[1]);
  });
}

/**
 * Bilinear resizing with the corner pixels on the corners, as `chainer.functions.resize_images`.
 *
 * @param x (N, H, W, C).
 * @param outputShape (height, width) in pixels.
 */
export function resizeImages(
  x: tf.Tensor4D,
  outputShape: readonly [height: number, width: number],
): tf.Tensor4D {
  checkRank('resizeImages x', x, nhwc);
  return tf.image.resizeBilinear(x, toPair('resizeImages outputShape', outputShape, 1), true);
}
