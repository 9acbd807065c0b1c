/** Pieces that the portable kernels are composed of. Call them inside a tidy. */
import * as tf from '@tensorflow/tfjs-core';
import type { Pad2D } from '../attrs.ts';
import type { Geometry } from '../geometry.ts';
import type { KernelCall } from '../kernel.ts';
import { runOriginal, tensorOf } from '../tfjs-internals.ts';

/** Runs tfjs' own kernel, also on data that the engine does not know (a prepared filter). */
export function originalTensor<A>(
  call: KernelCall<A>,
  kernelName: string,
  inputs: tf.NamedTensorInfoMap,
  attrs: object,
): tf.Tensor4D {
  return tensorOf<tf.Tensor4D>(runOriginal(kernelName, { ...call, inputs, attrs }));
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

/** How far a tap lies from the start of its window, as whole strides and what is left over. */
function offsetOf(g: Geometry, ky: number, kx: number) {
  const [y, x] = [ky * g.dilation[0], kx * g.dilation[1]];
  const [sy, sx] = g.stride;
  return { row: Math.floor(y / sy), column: Math.floor(x / sx), phaseY: y % sy, phaseX: x % sx };
}

/**
 * The pixels of a padded map that each tap of all windows sees: a function of the tap that gives (N, OH, OW, C).
 *
 * The map is first taken apart into its phases modulo the stride, each by plain slices (the reverse of `interleave`):
 * tfjs' strided slice takes 100 times as long on wasm.
 */
export function tapsOf(padded: tf.Tensor4D, g: Geometry): (ky: number, kx: number) => tf.Tensor4D {
  const phases = phasesOf(padded, g);
  const [n, , , c] = padded.shape;
  return (ky, kx) => {
    const o = offsetOf(g, ky, kx);
    const phase = phases.get(o.phaseY)!.get(o.phaseX)!;
    return tf.slice(phase, [0, o.row, o.column, 0], [n, g.outHeight, g.outWidth, c]);
  };
}

/** By row and column offset: every stride-th pixel from there on. Only the offsets that a tap has. */
function phasesOf(x: tf.Tensor4D, g: Geometry): Map<number, Map<number, tf.Tensor4D>> {
  const [sy, sx] = g.stride;
  if (sy === 1 && sx === 1) return new Map([[0, new Map([[0, x]])]]);
  const [n, h, w, c] = x.shape;
  const [rows, columns] = [Math.ceil(h / sy), Math.ceil(w / sx)];
  const whole = padOrCrop(x, [0, rows * sy - h, 0, columns * sx - w]);
  // A row of the one holds the rows of all phases side by side, a channel of the other the pixels of all phases.
  const beside = tf.reshape(whole, [n, rows, sy * columns * sx, c]);
  const offsets = (k: number, dilation: number, stride: number) =>
    new Set(Array.from({ length: k }, (_, i) => (i * dilation) % stride));
  const phases = new Map<number, Map<number, tf.Tensor4D>>();
  for (const ry of offsets(g.ksize[0], g.dilation[0], sy)) {
    const row = tf.reshape(tf.slice(beside, [0, 0, ry * columns * sx, 0], [n, rows, columns * sx, c]), [
      n,
      rows,
      columns,
      sx * c,
    ]);
    const ofRow = new Map<number, tf.Tensor4D>();
    for (const rx of offsets(g.ksize[1], g.dilation[1], sx))
      ofRow.set(rx, tf.slice(row, [0, 0, 0, rx * c], [n, rows, columns, c]) as tf.Tensor4D);
    phases.set(ry, ofRow);
  }
  return phases;
}

/**
 * The transpose of `tapsOf`: adds the maps (N, OH, OW, C) that `part` gives for each tap at the pixels where the tap reads.
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
      const o = offsetOf(g, ky, kx);
      const row = grids[o.phaseY]!;
      const before = row[o.phaseX];
      row[o.phaseX] = tf.tidy(() => {
        const placed = padOrCrop(part(ky, kx), [
          o.row,
          height - o.row - g.outHeight,
          o.column,
          width - o.column - g.outWidth,
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
