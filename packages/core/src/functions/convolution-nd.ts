/** Convolution and pooling over sequences (N, W, C) and volumes (N, D, H, W, C), by the kernels of two dimensions. */
import * as tf from '@tensorflow/tfjs-core';
import { InvalidArgumentError, ShapeMismatchError } from '../errors.ts';
import { checkOptions, type OptionKinds, valueText } from '../options.ts';
import { checkFloats, checkInteger, checkRank, checkSameShape } from './arguments.ts';
import { convolution2D, deconvolution2D } from './convolution.ts';
import { averagePooling2D, maxPooling2D } from './pooling.ts';
import { getConvOutsize } from './windows.ts';

export interface Convolution1DOptions {
  /** Elements from window to window. Default 1. */
  stride?: number;
  /** Zeros on each side. Default 0. */
  pad?: number;
  /** Distance of the taps. Default 1. */
  dilate?: number;
  /** Channel groups. Default 1. */
  groups?: number;
}

/** One number for all directions, or (depth, y, x). */
export type IntOrTriple = number | readonly [depth: number, y: number, x: number];

export interface Convolution3DOptions {
  /** Elements from window to window, depth, y and x. Default 1. */
  stride?: IntOrTriple;
  /** Zeros on each side, depth, y and x. Default 0. */
  pad?: IntOrTriple;
  /** Distance of the taps, depth, y and x. Default 1. */
  dilate?: IntOrTriple;
  /** Channel groups. Default 1. */
  groups?: number;
}

const kinds = { stride: 'any', pad: 'any', dilate: 'any', groups: 'number' } as const;
const lineKinds: OptionKinds<Convolution1DOptions> = {
  ...{ stride: 'number', pad: 'number', dilate: 'number', groups: 'number' },
};

const line = ['N', 'W', 'C'];
const volume = ['N', 'D', 'H', 'W', 'C'];

export function toTriple(where: string, value: IntOrTriple, least: number): [number, number, number] {
  const triple: readonly unknown[] = Array.isArray(value) ? value : [value, value, value];
  if (triple.length !== 3 || !triple.every((n) => Number.isInteger(n) && (n as number) >= least))
    throw new InvalidArgumentError(
      where,
      `an integer of at least ${least}, or three (depth, y, x) of them`,
      valueText(value),
    );
  return [...triple] as [number, number, number];
}

/** A sequence as a map of height 1. */
const asMap = (x: tf.Tensor3D) => tf.reshape(x, [x.shape[0], 1, x.shape[1], x.shape[2]]) as tf.Tensor4D;
const asLine = (y: tf.Tensor4D) => tf.reshape(y, [y.shape[0], y.shape[2], y.shape[3]]) as tf.Tensor3D;
const flat = (W: tf.Tensor3D) => tf.expandDims(W, 2) as tf.Tensor4D;

/** Options of a sequence as those of a map of height 1. */
const mapOptions = ({ stride = 1, pad = 0, dilate = 1, groups = 1 }: Convolution1DOptions) =>
  ({ stride: [1, stride], pad: [0, pad], dilate: [1, dilate], groups }) as const;

/**
 * 1-D convolution (cross-correlation), as `chainer.functions.convolution_1d`.
 *
 * @param x (N, W, C).
 * @param W (out, C / groups, k).
 * @param b (out), or null.
 * @returns (N, OW, out).
 * @throws ShapeMismatchError when the channels do not fit; InvalidArgumentError on other bad arguments.
 */
export function convolution1D(
  x: tf.Tensor3D,
  W: tf.Tensor3D,
  b: tf.Tensor1D | null = null,
  options: Convolution1DOptions = {},
): tf.Tensor3D {
  checkOptions('convolution1D', options, lineKinds);
  checkFloats('convolution1D x', x, line);
  checkRank('convolution1D W', W, ['out', 'in / groups', 'k']);
  return tf.tidy(() => asLine(convolution2D(asMap(x), flat(W), b, mapOptions(options))));
}

/**
 * Transposed 1-D convolution, as `chainer.functions.deconvolution_1d`.
 *
 * @param x (N, W, C).
 * @param W (C, out / groups, k).
 * @param b (out), or null.
 * @param options outsize: the width of the output, default the smallest.
 * @returns (N, OW, out).
 * @throws ShapeMismatchError, InvalidArgumentError as `convolution1D`.
 */
export function deconvolution1D(
  x: tf.Tensor3D,
  W: tf.Tensor3D,
  b: tf.Tensor1D | null = null,
  options: Convolution1DOptions & { outsize?: number } = {},
): tf.Tensor3D {
  const { outsize } = checkOptions('deconvolution1D', options, { ...lineKinds, outsize: 'number' });
  checkFloats('deconvolution1D x', x, line);
  checkRank('deconvolution1D W', W, ['in', 'out / groups', 'k']);
  const size = outsize === undefined ? {} : { outsize: [1, outsize] as const };
  return tf.tidy(() => asLine(deconvolution2D(asMap(x), flat(W), b, { ...mapOptions(options), ...size })));
}

/**
 * 3-D convolution (cross-correlation), as `chainer.functions.convolution_3d`: the slices that a window sees lie side by side as
 * channels of one 2-D convolution.
 *
 * @param x (N, D, H, W, C).
 * @param W (out, C / groups, kd, kh, kw).
 * @param b (out), or null.
 * @returns (N, OD, OH, OW, out).
 * @throws ShapeMismatchError when the channels do not fit; InvalidArgumentError on other bad arguments.
 */
export function convolution3D(
  x: tf.Tensor5D,
  W: tf.Tensor5D,
  b: tf.Tensor1D | null = null,
  options: Convolution3DOptions = {},
): tf.Tensor5D {
  const name = 'convolution3D';
  const { groups = 1 } = checkOptions(name, options, kinds);
  const stride = toTriple(`${name} stride`, options.stride ?? 1, 1);
  const pad = toTriple(`${name} pad`, options.pad ?? 0, 0);
  const dilate = toTriple(`${name} dilate`, options.dilate ?? 1, 1);
  checkInteger(`${name} groups`, groups, 1);
  checkFloats(`${name} x`, x, volume);
  checkRank(`${name} W`, W, ['out', 'in / groups', 'kd', 'kh', 'kw']);
  const [n, depth, height, width, channels] = x.shape;
  const [out, perGroup, kd, kh, kw] = W.shape;
  if (channels !== perGroup * groups)
    throw new ShapeMismatchError(`${name} W`, [out, channels / groups, kd, kh, kw], W.shape);
  const size = getConvOutsize(depth, { ksize: kd, stride: stride[0], pad: pad[0], dilate: dilate[0] });
  if (size < 1)
    throw new InvalidArgumentError(
      `${name} x`,
      `an input whose depth holds a window of ${(kd - 1) * dilate[0] + 1} (padding ${pad[0]})`,
      depth,
    );
  return tf.tidy(() => {
    // Slices as rows: webgpu pads and cuts no more than four axes.
    const row = height * width * channels;
    const padded = tf.pad(tf.reshape(x, [n, depth, row]), [
      [0, 0],
      [pad[0], pad[0]],
      [0, 0],
    ]) as tf.Tensor3D;
    const seen = Array.from({ length: kd }, (_, k) => {
      const places = Array.from({ length: size }, (_, i) => i * stride[0] + k * dilate[0]);
      const slices =
        stride[0] === 1
          ? tf.slice(padded, [0, places[0]!, 0], [n, size, row])
          : tf.gather(padded, tf.tensor1d(places, 'int32'), 1);
      return tf.reshape(slices, [n * size, height, width, groups, perGroup]);
    });
    const maps = tf.reshape(tf.stack(seen, 4), [
      n * size,
      height,
      width,
      groups * kd * perGroup,
    ]) as tf.Tensor4D;
    const filter = tf.reshape(tf.transpose(W, [0, 2, 1, 3, 4]), [out, kd * perGroup, kh, kw]) as tf.Tensor4D;
    const y = convolution2D(maps, filter, b, {
      stride: [stride[1], stride[2]],
      pad: [pad[1], pad[2]],
      dilate: [dilate[1], dilate[2]],
      groups,
    });
    return tf.reshape(y, [n, size, y.shape[1], y.shape[2], out]);
  });
}

/**
 * Transposed 3-D convolution, as `chainer.functions.deconvolution_3d`.
 *
 * @param x (N, D, H, W, C).
 * @param W (C, out / groups, kd, kh, kw).
 * @param b (out), or null.
 * @param options outsize: (depth, height, width) of the output, default the smallest.
 * @returns (N, OD, OH, OW, out).
 * @throws ShapeMismatchError when the channels do not fit; InvalidArgumentError on other bad arguments.
 */
export function deconvolution3D(
  x: tf.Tensor5D,
  W: tf.Tensor5D,
  b: tf.Tensor1D | null = null,
  options: Convolution3DOptions & { outsize?: readonly [depth: number, height: number, width: number] } = {},
): tf.Tensor5D {
  const name = 'deconvolution3D';
  const { groups = 1, outsize } = checkOptions(name, options, { ...kinds, outsize: 'object' });
  const stride = toTriple(`${name} stride`, options.stride ?? 1, 1);
  const pad = toTriple(`${name} pad`, options.pad ?? 0, 0);
  const dilate = toTriple(`${name} dilate`, options.dilate ?? 1, 1);
  checkInteger(`${name} groups`, groups, 1);
  checkFloats(`${name} x`, x, volume);
  checkRank(`${name} W`, W, ['in', 'out / groups', 'kd', 'kh', 'kw']);
  const [n, depth, height, width, channels] = x.shape;
  const [inChannels, perGroup, kd, kh, kw] = W.shape;
  checkSameShape(`${name} W`, [channels, perGroup, kd, kh, kw], W.shape);
  if (inChannels % groups !== 0)
    throw new InvalidArgumentError(`${name} W`, `in-channels divisible by groups ${groups}`, inChannels);
  const out = perGroup * groups;
  if (b !== null) checkSameShape(`${name} b`, [out], b.shape);
  return tf.tidy(() => {
    // Each slice by itself, its share in the kd slices of the output as channels (out, kd) ...
    const filter = tf.reshape(W, [inChannels, perGroup * kd, kh, kw]) as tf.Tensor4D;
    const maps = tf.reshape(x, [n * depth, height, width, channels]) as tf.Tensor4D;
    const shares = deconvolution2D(maps, filter, null, {
      stride: [stride[1], stride[2]],
      pad: [pad[1], pad[2]],
      dilate: [dilate[1], dilate[2]],
      groups,
      ...(outsize === undefined ? {} : { outsize: [outsize[1], outsize[2]] as const }),
    });
    const [, oh, ow] = shares.shape;
    // ... which are then added where they belong: a transposed convolution along the depth, of each channel by itself.
    const spread = deconvolution2D(
      tf.reshape(shares, [n, depth, oh * ow, out * kd]) as tf.Tensor4D,
      tf.reshape(tf.tile(tf.eye(kd), [out, 1]), [out * kd, 1, kd, 1]) as tf.Tensor4D,
      b,
      {
        stride: [stride[0], 1],
        pad: [pad[0], 0],
        dilate: [dilate[0], 1],
        groups: out,
        ...(outsize === undefined ? {} : { outsize: [outsize[0], oh * ow] as const }),
      },
    );
    return tf.reshape(spread, [n, spread.shape[1], oh, ow, out]) as tf.Tensor5D;
  });
}

export interface Pooling1DOptions {
  /** The window. */
  ksize: number;
  /** From window to window. Default ksize. */
  stride?: number;
  /** On each side. Default 0. */
  pad?: number;
}

export interface Pooling3DOptions {
  /** The window, depth, y and x. */
  ksize: IntOrTriple;
  /** From window to window. Default ksize. */
  stride?: IntOrTriple;
  /** On each side. Default 0. */
  pad?: IntOrTriple;
}

const poolKinds = { ksize: 'any', stride: 'any', pad: 'any' } as const;
const coverKinds = { ...poolKinds, coverAll: 'boolean' } as const;

const linePool = ({ ksize, stride = ksize, pad = 0 }: Pooling1DOptions) =>
  ({ ksize: [1, ksize], stride: [1, stride], pad: [0, pad] }) as const;

type Pool2D = (x: tf.Tensor4D, window: Record<'ksize' | 'stride' | 'pad', [number, number]>) => tf.Tensor4D;

/** Pools each slice, then along the depth. */
function volumePool(name: string, x: tf.Tensor5D, options: Pooling3DOptions, pool: Pool2D): tf.Tensor5D {
  checkFloats(`${name} x`, x, volume);
  const ksize = toTriple(`${name} ksize`, options.ksize, 1);
  const stride = toTriple(`${name} stride`, options.stride ?? ksize, 1);
  const pad = toTriple(`${name} pad`, options.pad ?? 0, 0);
  const [n, depth, height, width, channels] = x.shape;
  return tf.tidy(() => {
    const slices = pool(tf.reshape(x, [n * depth, height, width, channels]), {
      ksize: [ksize[1], ksize[2]],
      stride: [stride[1], stride[2]],
      pad: [pad[1], pad[2]],
    });
    const [, oh, ow] = slices.shape;
    const y = pool(tf.reshape(slices, [n, depth, oh * ow, channels]), {
      ksize: [ksize[0], 1],
      stride: [stride[0], 1],
      pad: [pad[0], 0],
    });
    return tf.reshape(y, [n, y.shape[1], oh, ow, channels]);
  });
}

/**
 * The largest value of each window of a sequence (`chainer.functions.max_pooling_1d`); as `maxPooling2D`.
 * @param x (N, W, C). @param options coverAll default true.
 */
export function maxPooling1D(
  x: tf.Tensor3D,
  options: Pooling1DOptions & { coverAll?: boolean },
): tf.Tensor3D {
  const { coverAll = true } = checkOptions('maxPooling1D', options, coverKinds);
  checkFloats('maxPooling1D x', x, line);
  return tf.tidy(() => asLine(maxPooling2D(asMap(x), { ...linePool(options), coverAll })));
}

/** The mean of each window of a sequence (`chainer.functions.average_pooling_1d`): padding counts as zeros. @param x (N, W, C). */
export function averagePooling1D(x: tf.Tensor3D, options: Pooling1DOptions): tf.Tensor3D {
  checkOptions('averagePooling1D', options, poolKinds);
  checkFloats('averagePooling1D x', x, line);
  return tf.tidy(() => asLine(averagePooling2D(asMap(x), linePool(options))));
}

/**
 * The largest value of each window of a volume (`chainer.functions.max_pooling_3d`); as `maxPooling2D`.
 * @param x (N, D, H, W, C). @param options coverAll default true.
 */
export function maxPooling3D(
  x: tf.Tensor5D,
  options: Pooling3DOptions & { coverAll?: boolean },
): tf.Tensor5D {
  const { coverAll = true } = checkOptions('maxPooling3D', options, coverKinds);
  return volumePool('maxPooling3D', x, options, (map, window) => maxPooling2D(map, { ...window, coverAll }));
}

/** The mean of each window of a volume (`chainer.functions.average_pooling_3d`): padding counts as zeros. @param x (N, D, H, W, C). */
export function averagePooling3D(x: tf.Tensor5D, options: Pooling3DOptions): tf.Tensor5D {
  checkOptions('averagePooling3D', options, poolKinds);
  return volumePool('averagePooling3D', x, options, averagePooling2D);
}
