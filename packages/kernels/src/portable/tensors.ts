/** Pieces that the portable kernels are composed of. Call them inside a tidy. */
import * as tf from '@tensorflow/tfjs-core';
import type { Pad2D } from '../attrs.ts';
import type { Geometry } from '../geometry.ts';
import type { KernelCall } from '../kernel.ts';
import { originalKernel } from '../registry.ts';

/** Runs tfjs' own kernel, also on data that the engine does not know (a prepared filter). */
export function runOriginal<A>(
  call: KernelCall<A>,
  kernelName: string,
  inputs: tf.NamedTensorInfoMap,
  attrs: object,
): tf.Tensor4D {
  const { backend } = call;
  const run = originalKernel(kernelName, tf.engine().backendName);
  if (run === undefined)
    throw new TypeError(`tfjs has no kernel '${kernelName}' on '${tf.engine().backendName}'`);
  const result = run({ inputs, attrs: attrs as tf.NamedAttrMap, backend });
  return tf.engine().makeTensorFromTensorInfo(result as tf.TensorInfo) as tf.Tensor4D;
}

/** Pads rows and columns with `value`; a negative amount crops. */
export function padOrCrop(x: tf.Tensor4D, [top, bottom, left, right]: Pad2D, value = 0): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  const cut = [top, bottom, left, right].map((v) => Math.max(0, -v)) as [number, number, number, number];
  const add = [top, bottom, left, right].map((v) => Math.max(0, v)) as [number, number, number, number];
  const cropped = cut.some((v) => v > 0)
    ? tf.slice(x, [0, cut[0], cut[2], 0], [n, h - cut[0] - cut[1], w - cut[2] - cut[3], c])
    : x;
  if (!add.some((v) => v > 0)) return cropped;
  return tf.pad(
    cropped,
    [
      [0, 0],
      [add[0], add[1]],
      [add[2], add[3]],
      [0, 0],
    ],
    value,
  );
}

/** Puts stride - 1 zero rows and columns between the rows and columns of x. */
export function dilate(x: tf.Tensor4D, [sy, sx]: readonly [number, number]): tf.Tensor4D {
  if (sy === 1 && sx === 1) return x;
  const nothing = tf.zerosLike(x);
  const parts = Array.from({ length: sy }, (_, ry) =>
    Array.from({ length: sx }, (_, rx) => (ry === 0 && rx === 0 ? x : nothing)),
  );
  const [n, h, w, c] = x.shape;
  return tf.slice(interleave(parts), [0, 0, 0, 0], [n, (h - 1) * sy + 1, (w - 1) * sx + 1, c]);
}

/** Merges maps of equal shape: pixel (y, x) of parts[ry][rx] comes to (y * sy + ry, x * sx + rx). */
function interleave(parts: readonly (readonly tf.Tensor4D[])[]): tf.Tensor4D {
  const [sy, sx] = [parts.length, parts[0]!.length];
  const [n, h, w, c] = parts[0]![0]!.shape;
  // Channels are neighbours in memory, so pixels side by side are a concatenation of channels, and rows one of columns.
  const rows = parts.map((row) => tf.reshape(tf.concat([...row], 3), [n, h, w * sx, c]));
  return tf.reshape(tf.concat(rows, 2), [n, h * sy, w * sx, c]);
}

/** Where a tap of a window reads in the padded map: its first row and column, one past its last, and the strides. */
export function tapSlice(g: Geometry, ky: number, kx: number) {
  const y = ky * g.dilation[0];
  const x = kx * g.dilation[1];
  return {
    begin: [y, x] as const,
    end: [y + (g.outHeight - 1) * g.stride[0] + 1, x + (g.outWidth - 1) * g.stride[1] + 1] as const,
  };
}

/** The pixels of a padded map that one tap of all windows sees: (N, OH, OW, C). */
export function tapOf(padded: tf.Tensor4D, g: Geometry, ky: number, kx: number): tf.Tensor4D {
  const { begin, end } = tapSlice(g, ky, kx);
  const [n, , , c] = padded.shape;
  if (g.stride[0] === 1 && g.stride[1] === 1)
    return tf.slice(padded, [0, ...begin, 0], [n, g.outHeight, g.outWidth, c]);
  return tf.stridedSlice(padded, [0, ...begin, 0], [n, ...end, c], [1, ...g.stride, 1]) as tf.Tensor4D;
}

/**
 * The transpose of `tapOf`: adds the maps (N, OH, OW, C) that `part` gives for each tap at the pixels where the tap reads.
 *
 * Taps whose offsets agree modulo the stride meet on the same coarse grid; the grids are interleaved at the end.
 */
export function scatterTaps(
  g: Geometry,
  channels: number,
  part: (ky: number, kx: number) => tf.Tensor4D,
): tf.Tensor4D {
  const [sy, sx] = g.stride;
  const height = Math.ceil((g.pad[0] + g.inHeight + g.pad[1]) / sy);
  const width = Math.ceil((g.pad[2] + g.inWidth + g.pad[3]) / sx);
  const grids: (tf.Tensor4D | null)[][] = Array.from({ length: sy }, () => new Array(sx).fill(null));
  for (let ky = 0; ky < g.ksize[0]; ky++) {
    for (let kx = 0; kx < g.ksize[1]; kx++) {
      const { begin } = tapSlice(g, ky, kx);
      const top = Math.floor(begin[0] / sy);
      const left = Math.floor(begin[1] / sx);
      const row = grids[begin[0] % sy]!;
      const before = row[begin[1] % sx];
      row[begin[1] % sx] = tf.tidy(() => {
        const placed = padOrCrop(part(ky, kx), [
          top,
          height - top - g.outHeight,
          left,
          width - left - g.outWidth,
        ]);
        return before ? tf.add(before, placed) : tf.clone(placed);
      });
      before?.dispose();
    }
  }
  const nothing = tf.zeros([g.batch, height, width, channels]) as tf.Tensor4D;
  const merged = interleave(grids.map((row) => row.map((grid) => grid ?? nothing)));
  return tf.slice(merged, [0, g.pad[0], g.pad[2], 0], [g.batch, g.inHeight, g.inWidth, channels]);
}
