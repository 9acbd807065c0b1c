/** Pooling over NHWC activations. */
import {
  AVG_POOL_2D_GRAD,
  avgPool2d,
  CONV_2D_BACKPROP_INPUT,
  CSRMatrix,
  maxPool2d,
  runKernel,
  sparseArgMax,
} from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError } from '../errors.ts';
import { checkOptions, type OptionKinds } from '../options.ts';
import { checkFloats, checkInteger, checkSameShape, type IntOrPair, nhwc, toPair } from './arguments.ts';
import { getConvOutsize, getDeconvOutsize, type Window2D, windowPad } from './windows.ts';

export interface AveragePooling2DOptions {
  /** The window, in pixels, y and x. */
  ksize: IntOrPair;
  /** Pixels from window to window. Default ksize. */
  stride?: IntOrPair;
  /** Pixels on each side. Default 0. */
  pad?: IntOrPair;
  /** What padding counts as: zeros, or null: not at all, the mean is over real pixels. Default 0. */
  padValue?: 0 | null;
}

export interface MaxPooling2DOptions extends Omit<AveragePooling2DOptions, 'padValue'> {
  /** Whether partial windows cover what whole ones leave over. Default true: 75 pixels by 2 give 38. */
  coverAll?: boolean;
}

export interface Unpooling2DOptions extends MaxPooling2DOptions {
  /** (height, width) of the output, one of those whose pooling has the size of x; default the smallest. */
  outsize?: readonly [height: number, width: number];
}

const windowKinds = { ksize: 'any', stride: 'any', pad: 'any' } as const;
const averageKinds: OptionKinds<AveragePooling2DOptions> = { ...windowKinds, padValue: 'any' };
const maxKinds: OptionKinds<MaxPooling2DOptions> = { ...windowKinds, coverAll: 'boolean' };
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
  checkFloats(`${name} x`, x, nhwc);
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
  checkFloats(`${name} x`, x, nhwc);
  const w = windows(name, checkOptions(name, options, averageKinds), false);
  const kernelPad = windowPad(`${name} x`, [x.shape[1], x.shape[2]], w);
  const window = { ksize: w.ksize, stride: w.stride, pad: kernelPad };
  if (options.padValue !== null || kernelPad.every((n) => n === 0)) return avgPool2d(x, window);
  // The mean of ones is the share of real pixels.
  return tf.tidy(() =>
    tf.div(avgPool2d(x, window), avgPool2d(tf.ones([1, x.shape[1], x.shape[2], 1]), window)),
  );
}

/** Whether windows lie side by side: then moving values does what takes a gather elsewhere. */
const areTiles = ({ ksize, stride, pad }: Window2D): boolean =>
  [0, 1].every((i) => ksize[i] === stride[i] && pad[i] === 0);

/** The first `size` rows and columns, and `value` where there are fewer. */
function fitTo(x: tf.Tensor4D, size: readonly [height: number, width: number], value: number): tf.Tensor4D {
  const [n, height, width, channels] = x.shape;
  const isLarger = height > size[0] || width > size[1];
  const kept = [n, Math.min(height, size[0]), Math.min(width, size[1]), channels] as const;
  const cut = isLarger ? tf.slice(x, [0, 0, 0, 0], [...kept]) : x;
  const more = [Math.max(size[0] - height, 0), Math.max(size[1] - width, 0)] as const;
  if (more[0] === 0 && more[1] === 0) return cut;
  const pads: [number, number][] = [
    [0, 0],
    [0, more[0]],
    [0, more[1]],
    [0, 0],
  ];
  return tf.pad(cut, pads, value);
}

/** The place of the largest value in each of (oh, ow) tiles, the first of equal ones. */
function tileIndices(
  x: tf.Tensor4D,
  [kh, kw]: readonly [number, number],
  [oh, ow]: readonly [number, number],
): tf.Tensor4D {
  const [n, , , channels] = x.shape;
  const whole = fitTo(x, [oh * kh, ow * kw], Number.NEGATIVE_INFINITY);
  const tiles = tf.transpose(tf.reshape(whole, [n * oh, kh, ow, kw * channels]), [0, 2, 1, 3]);
  return tf.reshape(tf.argMax(tf.reshape(tiles, [n * oh, ow, kh * kw, channels]), 2), [n, oh, ow, channels]);
}

/** Each value at its place in its tile, zeros elsewhere. */
function spreadOverTiles(
  x: tf.Tensor4D,
  indexes: tf.Tensor4D,
  [kh, kw]: readonly [number, number],
  outsize: readonly [number, number],
): tf.Tensor4D {
  const [n, height, width, channels] = x.shape;
  const [rows, taps] = [n * height, kh * kw];
  const at = tf.reshape(indexes, [rows, width, 1, channels]);
  const isThere = tf.equal(
    at,
    tf.tensor3d(
      Array.from({ length: taps }, (_, tap) => tap),
      [1, taps, 1],
      'int32',
    ),
  );
  const spread = tf.mul(tf.reshape(x, [rows, width, 1, channels]), tf.cast(isThere, 'float32'));
  const tiles = tf.transpose(tf.reshape(spread, [rows, width, kh, kw * channels]), [0, 2, 1, 3]);
  return fitTo(tf.reshape(tiles, [n, height * kh, width * kw, channels]), outsize, 0);
}

/**
 * Where in its window each value of `maxPooling2D` comes from: int32, row by row, as `upsampling2D` takes it (in Chainer `return_indices` of
 * `max_pooling_2d`). Not differentiable.
 *
 * @param x (N, H, W, C).
 * @returns (N, OH, OW, C), in 0..kh kw - 1.
 * @throws InvalidArgumentError when an argument does not fit or no window fits.
 */
export function maxPooling2DIndices(x: tf.Tensor4D, options: MaxPooling2DOptions): tf.Tensor4D {
  const name = 'maxPooling2DIndices';
  checkFloats(`${name} x`, x, nhwc);
  const w = windows(name, options, checkOptions(name, options, maxKinds).coverAll ?? true);
  const [n, height, width, channels] = x.shape;
  windowPad(`${name} x`, [height, width], w);
  const outsize = ([0, 1] as const).map((i) =>
    getConvOutsize(x.shape[i + 1]!, {
      ksize: w.ksize[i],
      stride: w.stride[i],
      pad: w.pad[i],
      coverAll: w.coverAll,
    }),
  ) as [number, number];
  if (areTiles(w)) return tf.tidy(() => tileIndices(x, w.ksize, outsize));
  const range = (count: number) => Array.from({ length: count }, (_, i) => i);
  const starts = ([0, 1] as const).map((i) => range(outsize[i]).map((o) => o * w.stride[i] - w.pad[i]));
  const inside = (at: number, size: number) => at >= 0 && at < size;
  const matrix = CSRMatrix.of(
    n * height * width,
    range(n).flatMap((image) =>
      starts[0]!.flatMap((top) =>
        starts[1]!.map((left) =>
          range(w.ksize[0] * w.ksize[1]).flatMap((tap): [number, number][] => {
            const [y, column] = [top + Math.floor(tap / w.ksize[1]), left + (tap % w.ksize[1])];
            return inside(y, height) && inside(column, width)
              ? [[(image * height + y) * width + column, 1]]
              : [];
          }),
        ),
      ),
    ),
  );
  return tf.tidy(() => {
    const found = sparseArgMax(matrix, tf.reshape(x, [-1, channels]));
    const pixel = tf.reshape(tf.floorDiv(found, tf.scalar(channels, 'int32')), [n, ...outsize, channels]);
    const [row, column] = [
      tf.floorDiv(pixel, tf.scalar(width, 'int32')),
      tf.mod(pixel, tf.scalar(width, 'int32')),
    ];
    const y = tf.sub(
      tf.mod(row, tf.scalar(height, 'int32')),
      tf.tensor(starts[0]!, [1, outsize[0], 1, 1], 'int32'),
    );
    const x0 = tf.sub(column, tf.tensor(starts[1]!, [1, 1, outsize[1], 1], 'int32'));
    return tf.add(tf.mul(y, tf.scalar(w.ksize[1], 'int32')), x0);
  });
}

/**
 * Puts each value back to where `maxPooling2D` took it from, zeros elsewhere (`chainer.functions.upsampling_2d`; SegNet).
 *
 * @param x (N, OH, OW, C): what was pooled.
 * @param indexes int32 of x's shape: places in the windows, from `maxPooling2DIndices`.
 * @param options outsize: (height, width) of the output, default the smallest: 2 n - 1 for windows of 2.
 * @returns (N, H, W, C). Windows that overlap add up.
 * @throws ShapeMismatchError when indexes do not have x's shape; InvalidArgumentError when another argument does not fit.
 */
export function upsampling2D(x: tf.Tensor4D, indexes: tf.Tensor4D, options: Unpooling2DOptions): tf.Tensor4D {
  const name = 'upsampling2D';
  checkFloats(`${name} x`, x, nhwc);
  checkSameShape(`${name} indexes`, x.shape, indexes.shape);
  const w = windows(name, options, checkOptions(name, options, unpoolingKinds).coverAll ?? true);
  const outsize = unpooledSize(name, x, w, options.outsize);
  const [n, height, width, channels] = x.shape;
  const taps = w.ksize[0] * w.ksize[1];
  if (areTiles(w)) return tf.tidy(() => spreadOverTiles(x, indexes, w.ksize, outsize));
  return tf.tidy(() => {
    const places = tf.cast(tf.oneHot(tf.reshape(indexes, [-1]), taps), 'float32');
    const spread = tf.reshape(tf.mul(tf.reshape(x, [-1, 1]), places), [n, height, width, channels * taps]);
    const whole = windowPad(`${name} outsize`, outsize, w);
    // Each tap of a channel goes to its own place: a transposed convolution whose filters are single ones.
    const filter = tf.reshape(tf.tile(tf.eye(taps), [channels, 1]), [channels * taps, 1, ...w.ksize]);
    return runKernel<tf.Tensor4D>(
      CONV_2D_BACKPROP_INPUT,
      { dy: spread, filter },
      {
        stride: w.stride,
        pad: whole,
        dilation: [1, 1],
        groups: channels,
        activation: 'linear',
        inputShape: [n, ...outsize, channels],
      },
    );
  });
}

/**
 * The largest values of 1, 4, 16, ... parts of a map, whatever its size (He et al., 2014;
 * `chainer.functions.spatial_pyramid_pooling_2d`).
 *
 * @param x (N, H, W, C).
 * @param pyramidHeight how many levels: level i has 2^i x 2^i parts.
 * @returns (N, 1, 1, C (1 + 4 + 16 + ...)): level by level in Chainer's order, channels before parts. A part that is all padding is minus
 *   infinity.
 */
export function spatialPyramidPooling2D(x: tf.Tensor4D, pyramidHeight: number): tf.Tensor4D {
  checkFloats('spatialPyramidPooling2D x', x, nhwc);
  checkInteger('spatialPyramidPooling2D pyramidHeight', pyramidHeight, 1);
  return tf.tidy(() => {
    const levels = Array.from({ length: pyramidHeight }, (_, level) => {
      const parts = 2 ** level;
      const sizes = ([1, 2] as const).map((i) => Math.ceil(x.shape[i] / parts)) as [number, number];
      const pad = ([1, 2] as const).map((i) => Math.floor((sizes[i - 1]! * parts - x.shape[i]) / 2)) as [
        number,
        number,
      ];
      const pooled = maxPooling2D(x, { ksize: sizes, stride: sizes, pad });
      return tf.reshape(tf.transpose(pooled, [0, 3, 1, 2]), [x.shape[0], 1, 1, -1]);
    });
    return tf.concat(levels, 3) as tf.Tensor4D;
  });
}

/** The mean over all pixels: (N, H, W, C) to (N, C). */
export function globalAveragePooling2D(x: tf.Tensor4D): tf.Tensor2D {
  checkFloats('globalAveragePooling2D x', x, nhwc);
  return tf.mean(x, [1, 2]);
}

/** The size of what windows were taken from: the one that is asked for, else the smallest. */
function unpooledSize(
  name: string,
  x: tf.Tensor4D,
  w: Window2D & { readonly coverAll: boolean },
  asked: readonly [height: number, width: number] | undefined,
): [height: number, width: number] {
  const direction = (i: 0 | 1) => ({
    ksize: w.ksize[i],
    stride: w.stride[i],
    pad: w.pad[i],
    coverAll: w.coverAll,
  });
  const smallest = ([0, 1] as const).map((i) => getDeconvOutsize(x.shape[i + 1]!, direction(i)));
  const outsize = toPair(`${name} outsize`, asked ?? [smallest[0]!, smallest[1]!], 1);
  for (const i of [0, 1] as const) {
    const back = getConvOutsize(outsize[i], direction(i));
    if (back !== x.shape[i + 1]) {
      throw new InvalidArgumentError(
        `${name} outsize`,
        `a size whose pooling gives ${x.shape[i + 1]} windows`,
        `${outsize[i]}, which gives ${back}`,
      );
    }
  }
  return outsize;
}

/**
 * Spreads each value over its window; windows that overlap add up. As `chainer.functions.unpooling_2d`.
 *
 * @param x (N, H, W, C).
 * @throws InvalidArgumentError when an argument does not fit.
 */
export function unpooling2D(x: tf.Tensor4D, options: Unpooling2DOptions): tf.Tensor4D {
  const name = 'unpooling2D';
  checkFloats(`${name} x`, x, nhwc);
  const w = windows(name, options, checkOptions(name, options, unpoolingKinds).coverAll ?? true);
  const outsize = unpooledSize(name, x, w, options.outsize);
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

export interface ResizeImagesOptions {
  /** Default 'bilinear'. */
  mode?: 'bilinear' | 'nearest';
  /** Of 'bilinear': whether corner pixels lie on the corners; else pixels are areas that meet at their edges. Default true. */
  alignCorners?: boolean;
}

/**
 * Resizes maps, as `chainer.functions.resize_images`. Nothing is averaged where a map shrinks.
 *
 * @param x (N, H, W, C).
 * @param outputShape (height, width) in pixels.
 */
export function resizeImages(
  x: tf.Tensor4D,
  outputShape: readonly [height: number, width: number],
  options: ResizeImagesOptions = {},
): tf.Tensor4D {
  const { mode = 'bilinear', alignCorners = true } = checkOptions('resizeImages', options, {
    mode: ['bilinear', 'nearest'],
    alignCorners: 'boolean',
  });
  checkFloats('resizeImages x', x, nhwc);
  const size = toPair('resizeImages outputShape', outputShape, 1);
  if (mode === 'bilinear') return tf.image.resizeBilinear(x, size, alignCorners, !alignCorners);
  return tf.tidy(() => {
    // Whole numbers: the kernels' product of floats may miss one.
    const places = ([0, 1] as const).map((i) => {
      const from = Array.from({ length: size[i] }, (_, o) => Math.floor((o * x.shape[i + 1]!) / size[i]));
      return tf.tensor1d(from, 'int32');
    });
    return tf.gather(tf.gather(x, places[0]!, 1), places[1]!, 2);
  });
}
