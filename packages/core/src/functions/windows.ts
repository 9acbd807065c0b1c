/** Where sliding windows lie: the sizes that convolution and pooling share (`chainer.utils.conv`). */
import type { Pad2D } from '@chaingrad/kernels';
import { InvalidArgumentError } from '../errors.ts';

/** One direction of sliding windows, in pixels. */
export interface Window1D {
  readonly ksize: number;
  readonly stride: number;
  readonly pad: number;
  /** Default 1. */
  readonly dilate?: number;
  /** Whether a last, partial window covers the pixels that whole ones leave over. Default false. */
  readonly coverAll?: boolean;
}

/** The number of windows over `size` pixels; not positive where not even one fits. */
export function getConvOutsize(size: number, { ksize, stride, pad, dilate = 1, coverAll }: Window1D): number {
  const reach = (ksize - 1) * dilate + 1;
  return Math.floor((size + 2 * pad - reach + (coverAll ? stride - 1 : 0)) / stride) + 1;
}

/** The size whose windows `size` pixels are: the inverse of `getConvOutsize`. */
export function getDeconvOutsize(
  size: number,
  { ksize, stride, pad, dilate = 1, coverAll }: Window1D,
): number {
  return stride * (size - 1) + (ksize - 1) * dilate + 1 - (coverAll ? stride - 1 : 0) - 2 * pad;
}

/** Two directions of sliding windows. */
export interface Window2D {
  readonly ksize: readonly [y: number, x: number];
  readonly stride: readonly [y: number, x: number];
  readonly pad: readonly [y: number, x: number];
  readonly dilate?: readonly [y: number, x: number];
  readonly coverAll?: boolean;
}

/**
 * The padding that makes kernels, which only know whole windows, give Chainer's number of them: with cover-all the
 * bottom and the right get what the last windows reach over the edge.
 * @throws InvalidArgumentError when not even one window fits.
 */
export function windowPad(where: string, inSize: readonly [y: number, x: number], window: Window2D): Pad2D {
  const pads = ([0, 1] as const).map((i): [number, number] => {
    const direction = {
      ksize: window.ksize[i],
      stride: window.stride[i],
      pad: window.pad[i],
      dilate: window.dilate?.[i] ?? 1,
      coverAll: window.coverAll ?? false,
    };
    const out = getConvOutsize(inSize[i], direction);
    if (out < 1) {
      throw new InvalidArgumentError(
        where,
        `an input whose ${i === 0 ? 'height' : 'width'} holds at least one window of ` +
          `${(direction.ksize - 1) * direction.dilate + 1} pixels (padding ${direction.pad})`,
        `${inSize[i]} pixels`,
      );
    }
    const reached = (out - 1) * direction.stride + (direction.ksize - 1) * direction.dilate + 1;
    return [direction.pad, Math.max(direction.pad, reached - inSize[i] - direction.pad)];
  });
  return [...pads[0]!, ...pads[1]!] as unknown as Pad2D;
}

/**
 * TensorFlow's SAME padding: ceil(size / stride) windows, with what is odd of the padding at the bottom and the right.
 * At stride 2 on an even size it is not a padding of 1.
 */
export function samePad(
  inSize: readonly [y: number, x: number],
  { ksize, stride, dilate }: Pick<Window2D, 'ksize' | 'stride' | 'dilate'>,
): Pad2D {
  const pads = ([0, 1] as const).map((i): [number, number] => {
    const reach = (ksize[i] - 1) * (dilate?.[i] ?? 1) + 1;
    const total = Math.max(0, (Math.ceil(inSize[i] / stride[i]) - 1) * stride[i] + reach - inSize[i]);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
  return [...pads[0]!, ...pads[1]!] as unknown as Pad2D;
}
