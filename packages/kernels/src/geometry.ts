/** The geometry of windows (kernel size, stride, padding, output size) that convolution and pooling share. */
import type { Pad2D } from './attrs.ts';

type Pair = readonly [y: number, x: number];

/** The sizes of one sliding-window computation over NHWC maps, in pixels. */
export interface Geometry {
  readonly batch: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly ksize: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly pad: Pad2D;
}

/** The number of windows along one axis; not positive where not even one fits. */
export function outputSize(
  size: number,
  ksize: number,
  stride: number,
  padding: number,
  dilation: number,
): number {
  return Math.floor((size + padding - (ksize - 1) * dilation - 1) / stride) + 1;
}

/** The geometry of windows of `ksize` over maps of the shape (N, H, W, C). */
export function geometryOf(
  inputShape: readonly number[],
  ksize: Pair,
  { stride, pad, dilation = [1, 1] }: { stride: Pair; pad: Pad2D; dilation?: Pair },
): Geometry {
  const [batch, inHeight, inWidth] = inputShape as [number, number, number, number];
  return {
    batch,
    inHeight,
    inWidth,
    outHeight: outputSize(inHeight, ksize[0], stride[0], pad[0] + pad[1], dilation[0]),
    outWidth: outputSize(inWidth, ksize[1], stride[1], pad[2] + pad[3], dilation[1]),
    ksize,
    stride,
    dilation,
    pad,
  };
}
