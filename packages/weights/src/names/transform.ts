/** Layouts of other frameworks as ours. */
import type { ArrayTransform } from '@chaingrad/core';

/** Axes in another order. */
export const permuted =
  (...order: readonly number[]): ArrayTransform =>
  (shape) =>
    shape.length === order.length ? { view: shape, order, shape: order.map((axis) => shape[axis]!) } : null;

/** TensorFlow's convolution kernels (kh, kw, in, out) as (out, in, kh, kw). */
export const hwioToOihw = permuted(3, 2, 0, 1);

/** TensorFlow's depthwise kernels (kh, kw, channels, multiplier) as (channels * multiplier, 1, kh, kw). */
export const depthwiseToOihw: ArrayTransform = (shape) => {
  const [kh, kw, channels, multiplier] = shape;
  if (shape.length !== 4) return null;
  return { view: shape, order: [2, 3, 0, 1], shape: [channels! * multiplier!, 1, kh!, kw!] };
};

/** TensorFlow's dense kernels (in, out) as (out, in). */
export const denseToLinear = permuted(1, 0);

/**
 * A dense kernel behind a flattened feature map: TensorFlow flattens (h, w, c), we flatten (c, h, w).
 * @param height of the feature map.
 * @param width of the feature map.
 */
export const flattenedToLinear =
  (height: number, width: number): ArrayTransform =>
  (shape) => {
    const [size, out] = shape;
    const channels = size! / (height * width);
    if (shape.length !== 2 || !Number.isInteger(channels)) return null;
    return { view: [height, width, channels, out!], order: [3, 2, 0, 1], shape: [out!, size!] };
  };
