/** Convolutions over NHWC activations, with Chainer's weights. */
import {
  type BatchStatistics,
  CONV_2D_BACKPROP_INPUT,
  type Conv2DAttrs,
  type Conv2DStep,
  conv2d,
  geometryOf,
  type InputRange,
  isInputRange,
  runKernel,
  separableConv2d,
} from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { config } from '../configuration.ts';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import { checkOptions, type OptionKinds } from '../options.ts';
import {
  channelsAdvice,
  checkFloats,
  checkInteger,
  checkRank,
  checkSameShape,
  type IntOrPair,
  nhwc,
  type Shaped,
  toPair,
} from './arguments.ts';
import { getConvOutsize, getDeconvOutsize, samePad, windowPad } from './windows.ts';

export interface Convolution2DOptions {
  /** Pixels from window to window, y and x. Default 1. */
  stride?: IntOrPair;
  /** Pixels of zeros on each side, y and x; or TensorFlow's 'same', which may be asymmetric. Default 0. */
  pad?: IntOrPair | 'same';
  /** Distance of the taps of the filter, in pixels. Default 1. */
  dilate?: IntOrPair;
  /** Channel groups; the number of in-channels gives a depthwise convolution. Default 1. */
  groups?: number;
  /** Whether partial windows cover the pixels left over at the bottom and right. Default false. */
  coverAll?: boolean;
  /** Applied to the output; fused into the kernel. Default none. */
  activation?: 'relu' | 'relu6' | undefined;
  /**
   * Statistics by which the output is normalized before the activation, as `fixedBatchNormalization` does; fused into the kernel on
   * wasm. Default none.
   */
  normalization?: BatchStatistics | null | undefined;
  /**
   * The smallest and the largest value of x, at most and at least 0: with it wasm computes in whole numbers of 8 bits where it is faster so,
   * unless gradients are recorded; values beyond count as the end, NaN as the lower one. Default none: in float.
   */
  inputRange?: InputRange | null | undefined;
}

const kinds: OptionKinds<Convolution2DOptions> = {
  stride: 'any',
  pad: 'any',
  dilate: 'any',
  groups: 'number',
  coverAll: 'boolean',
  activation: ['relu', 'relu6'],
  normalization: 'any',
  inputRange: 'any',
};

/**
 * Throws unless `channels` in-channels fit the filter W.
 * @param where what the error names, e.g. the path of W.
 */
export function checkInChannels(where: string, x: Shaped, W: readonly number[], groups: number): void {
  const channels = x.shape[3];
  if (!config.typeCheck || channels === W[1]! * groups) return;
  throw new ShapeMismatchError(
    where,
    [W[0]!, channels! / groups, W[2]!, W[3]!],
    W,
    channelsAdvice(x, W[1]! * groups),
  );
}

/** Throws unless it is a range of inputs. @param where what the error names, e.g. the path of the link. */
export function checkInputRange(where: string, range: unknown): asserts range is InputRange {
  if (!isInputRange(range))
    throw new InvalidArgumentError(`${where} inputRange`, 'two numbers around 0, at most 1e30 apart', range);
}

/**
 * 2-D convolution (cross-correlation), as `chainer.functions.convolution_2d`.
 *
 * @param x (N, H, W, C).
 * @param W (out, C / groups, kh, kw).
 * @param b (out), or null.
 * @returns (N, OH, OW, out), OH = floor((H + 2 pad - (kh - 1) dilate - 1) / stride) + 1.
 * @throws ShapeMismatchError when the channels of x, W and b do not fit; InvalidArgumentError on other bad arguments.
 */
export function convolution2D(
  x: tf.Tensor4D,
  W: tf.Tensor4D,
  b: tf.Tensor1D | null = null,
  options: Convolution2DOptions = {},
): tf.Tensor4D {
  checkFloats('convolution2D x', x, nhwc);
  const { attrs, normalization } = stepOf('convolution2D', '', x, W, b, options);
  return conv2d(x, W, b, attrs, normalization);
}

/** The filter, the bias and the options of a convolution. */
export type Convolution2DStep = readonly [
  W: tf.Tensor4D,
  b: tf.Tensor1D | null,
  options: Convolution2DOptions,
];

/**
 * A depthwise convolution and then a pointwise one, as `convolution2D` twice: on wasm in one pass for filters of 3x3, unless gradients are
 * recorded.
 *
 * @param x (N, H, W, C).
 * @returns (N, OH, OW, out) of the second.
 * @throws ShapeMismatchError, InvalidArgumentError as `convolution2D`.
 */
export function separableConvolution2D(
  x: tf.Tensor4D,
  depthwise: Convolution2DStep,
  pointwise: Convolution2DStep,
): tf.Tensor4D {
  const name = 'separableConvolution2D';
  checkFloats(`${name} x`, x, nhwc);
  const first = stepOf(name, ' depthwise', x, ...depthwise);
  const { outHeight, outWidth } = geometryOf(
    x.shape,
    [first.filter.shape[2], first.filter.shape[3]],
    first.attrs,
  );
  const between = { shape: [x.shape[0], outHeight, outWidth, first.filter.shape[0]] };
  return separableConv2d(x, first, stepOf(name, ' pointwise', between, ...pointwise));
}

/** With all attributes. */
type CompletedStep = Conv2DStep & { readonly attrs: Conv2DAttrs };

/**
 * A convolution as the kernels take it, whose arguments are checked.
 * @param part which one of the function `name` it is, for messages.
 * @param x (N, H, W, C).
 */
function stepOf(
  name: string,
  part: string,
  x: Shaped,
  W: tf.Tensor4D,
  b: tf.Tensor1D | null,
  options: Convolution2DOptions,
): CompletedStep {
  const { groups = 1, coverAll = false, activation, inputRange = null } = checkOptions(name, options, kinds);
  const where = name + part;
  if (inputRange !== null) checkInputRange(where, inputRange);
  const stride = toPair(`${where} stride`, options.stride ?? 1, 1);
  const dilate = toPair(`${where} dilate`, options.dilate ?? 1, 1);
  checkInteger(`${where} groups`, groups, 1);
  checkRank(`${where} W`, W, ['out', 'in / groups', 'kh', 'kw']);
  checkInChannels(`${where} W`, x, W.shape, groups);
  if (W.shape[0] % groups !== 0) {
    throw new InvalidArgumentError(
      `${where} W`,
      `a number of out-channels divisible by groups ${groups}`,
      W.shape[0],
    );
  }
  if (b !== null) checkSameShape(`${where} b`, [W.shape[0]], b.shape);
  const window = { ksize: [W.shape[2], W.shape[3]] as const, stride, dilate };
  const inSize = [x.shape[1]!, x.shape[2]!] as const;
  const pad =
    options.pad === 'same'
      ? samePad(inSize, window)
      : windowPad(`${where} x`, inSize, {
          ...window,
          pad: toPair(`${where} pad`, options.pad ?? 0, 0),
          coverAll,
        });
  return {
    filter: W,
    bias: b,
    attrs: {
      ...{ stride, pad, dilation: dilate, groups, activation: activation ?? 'linear' },
      inputRange,
    },
    normalization: options.normalization ?? null,
  };
}

/** `convolution2D` with its taps `dilate` pixels apart, as `chainer.functions.dilated_convolution_2d`. */
export function dilatedConvolution2D(
  x: tf.Tensor4D,
  W: tf.Tensor4D,
  b: tf.Tensor1D | null,
  options: Convolution2DOptions & { dilate: IntOrPair },
): tf.Tensor4D {
  return convolution2D(x, W, b, checkOptions('dilatedConvolution2D', options, kinds));
}

/**
 * Each channel by its own filters, as `chainer.functions.depthwise_convolution_2d`.
 *
 * @param x (N, H, W, C).
 * @param W (multiplier, C, kh, kw).
 * @param b (C * multiplier), or null.
 * @returns (N, OH, OW, C * multiplier); the outputs of one channel are neighbours.
 */
export function depthwiseConvolution2D(
  x: tf.Tensor4D,
  W: tf.Tensor4D,
  b: tf.Tensor1D | null = null,
  options: Omit<Convolution2DOptions, 'groups'> = {},
): tf.Tensor4D {
  const { groups: _, ...ownKinds } = kinds;
  checkOptions('depthwiseConvolution2D', options, ownKinds);
  checkFloats('depthwiseConvolution2D x', x, nhwc);
  checkRank('depthwiseConvolution2D W', W, ['multiplier', 'C', 'kh', 'kw']);
  const [multiplier, channels, kh, kw] = W.shape;
  if (x.shape[3] !== channels) {
    throw new ShapeMismatchError(
      'depthwiseConvolution2D W',
      [multiplier, x.shape[3], kh, kw],
      W.shape,
      channelsAdvice(x, channels),
    );
  }
  return tf.tidy(() => {
    // One filter a channel needs no moving: then the reshape shares the data, and what backends cache for it.
    const byChannel = multiplier === 1 ? W : tf.transpose(W, [1, 0, 2, 3]);
    const filter = tf.reshape(byChannel, [channels * multiplier, 1, kh, kw]) as tf.Tensor4D;
    return convolution2D(x, filter, b, { ...options, groups: channels });
  });
}

export interface Deconvolution2DOptions
  extends Omit<Convolution2DOptions, 'coverAll' | 'activation' | 'normalization' | 'inputRange' | 'pad'> {
  /** Padding of the convolution that this one transposes, y and x: so much is cut from the output. Default 0. */
  pad?: IntOrPair;
  /** (height, width) of the output, one of those whose convolution has the size of x; default the smallest. */
  outsize?: readonly [height: number, width: number];
}

/**
 * Transposed 2-D convolution, as `chainer.functions.deconvolution_2d`.
 *
 * @param x (N, H, W, C).
 * @param W (C, out / groups, kh, kw): the filter of the convolution that this one turns round.
 * @param b (out), or null.
 * @returns (N, OH, OW, out), OH = stride (H - 1) + (kh - 1) dilate + 1 - 2 pad unless `outsize` is given.
 * @throws ShapeMismatchError, InvalidArgumentError as `convolution2D`.
 */
export function deconvolution2D(
  x: tf.Tensor4D,
  W: tf.Tensor4D,
  b: tf.Tensor1D | null = null,
  options: Deconvolution2DOptions = {},
): tf.Tensor4D {
  const name = 'deconvolution2D';
  const { groups = 1 } = checkOptions(name, options, {
    stride: 'any',
    pad: 'any',
    dilate: 'any',
    groups: 'number',
    outsize: 'object',
  });
  const stride = toPair(`${name} stride`, options.stride ?? 1, 1);
  const pad = toPair(`${name} pad`, options.pad ?? 0, 0);
  const dilate = toPair(`${name} dilate`, options.dilate ?? 1, 1);
  checkInteger(`${name} groups`, groups, 1);
  checkFloats(`${name} x`, x, nhwc);
  checkRank(`${name} W`, W, ['in', 'out / groups', 'kh', 'kw']);
  const [n, height, width, channels] = x.shape;
  const [inChannels, outPerGroup, kh, kw] = W.shape;
  checkSameShape(`${name} W`, [channels, outPerGroup, kh, kw], W.shape);
  if (inChannels % groups !== 0) {
    throw new InvalidArgumentError(`${name} W`, `in-channels divisible by groups ${groups}`, inChannels);
  }
  if (b !== null) checkSameShape(`${name} b`, [outPerGroup * groups], b.shape);
  const window = { ksize: [kh, kw] as const, stride, pad, dilate };
  const direction = (i: 0 | 1) => ({
    ksize: window.ksize[i],
    stride: stride[i],
    pad: pad[i],
    dilate: dilate[i],
  });
  const outsize = toPair(
    `${name} outsize`,
    options.outsize ?? [getDeconvOutsize(height, direction(0)), getDeconvOutsize(width, direction(1))],
    1,
  );
  for (const i of [0, 1] as const) {
    const back = getConvOutsize(outsize[i], direction(i));
    if (back !== x.shape[i + 1]) {
      throw new InvalidArgumentError(
        `${name} outsize`,
        `a size whose convolution gives ${x.shape[i + 1]} windows`,
        `${outsize[i]}, which gives ${back}`,
      );
    }
  }
  return tf.tidy(() => {
    const attrs = {
      stride,
      pad: [pad[0], pad[0], pad[1], pad[1]],
      dilation: dilate,
      groups,
      activation: 'linear',
      inputShape: [n, ...outsize, outPerGroup * groups],
    };
    const y = runKernel<tf.Tensor4D>(CONV_2D_BACKPROP_INPUT, { dy: x, filter: W }, attrs);
    return b === null ? y : tf.add(y, b);
  });
}
