/** Pooling under this package's names and tfjs'; sums over pixels, which are the gradients of biases. */
import * as tf from '@tensorflow/tfjs-core';
import type { Pool2DAttrs } from '../attrs.ts';
import * as names from '../attrs.ts';
import { type Geometry, geometryOf } from '../geometry.ts';
import { poolAttrs, type TfjsPoolAttrs } from '../tfjs-windows.ts';
import { ceilDiv } from './ceil-div.ts';
import { declined, type FastKernel, type FastKernels, isFloat } from './kernel.ts';
import type { Runtime } from './runtime.ts';

/** Whether averages divide by the whole window, or by its part within the image, as TensorFlow's do. */
type Divisor = 'window' | 'image';

/** The arguments of every job of pooling that tell the sizes. */
const sizes = (g: Geometry, c: number, divisor: Divisor) => ({
  ...{ h: g.inHeight, w: g.inWidth, c, oh: g.outHeight, ow: g.outWidth },
  ...{ kh: g.ksize[0], kw: g.ksize[1], strideY: g.stride[0], strideX: g.stride[1] },
  ...{ padTop: g.pad[0], padLeft: g.pad[2], wholeWindow: divisor === 'window' },
});

function pool(
  rt: Runtime,
  job: 'maxPool' | 'avgPool',
  x: tf.TensorInfo,
  attrs: Pool2DAttrs,
  divisor: Divisor,
): tf.TensorInfo {
  const g = geometryOf(x.shape, attrs.ksize, attrs);
  const c = x.shape[3]!;
  const y = rt.output([g.batch, g.outHeight, g.outWidth, c]);
  const at = { x: rt.heap.pointer(x), out: rt.heap.pointer(y) };
  if (c > 0) rt.run(job, g.batch * g.outHeight, { ...sizes(g, c, divisor), ...at });
  return y;
}

function gradient(
  rt: Runtime,
  job: 'maxPoolGradient' | 'avgPoolGradient',
  shape: readonly number[],
  inputs: { x?: tf.TensorInfo; y?: tf.TensorInfo; dy: tf.TensorInfo },
  attrs: Pool2DAttrs,
  divisor: Divisor,
): tf.TensorInfo {
  const g = geometryOf(shape, attrs.ksize, attrs);
  const c = shape[3]!;
  const dx = rt.output(shape);
  if (c === 0) return dx;
  const pointer = (info: tf.TensorInfo | undefined) => (info === undefined ? 0 : rt.heap.pointer(info));
  const at = {
    ...{ x: pointer(inputs.x), y: pointer(inputs.y), dy: pointer(inputs.dy) },
    dx: rt.heap.pointer(dx),
  };
  // Windows that overlap write to the same pixels: then threads share the work by channels, not by rows.
  const disjoint = g.ksize[0] <= g.stride[0];
  const rowsPerItem = disjoint ? ceilDiv(g.outHeight, rt.threads * 4) : g.outHeight;
  const channelsPerItem = disjoint || rt.threads === 1 ? c : Math.min(c, 32);
  const rowItems = ceilDiv(g.outHeight, rowsPerItem);
  const channelItems = ceilDiv(c, channelsPerItem);
  const items = { rowsPerItem, rowItems, channelsPerItem, channelItems };
  rt.run(job, g.batch * rowItems * channelItems, { ...sizes(g, c, divisor), ...at, ...items });
  return dx;
}

const ours = (attrs: object) => attrs as Pool2DAttrs & { inputShape: number[] };
const theirs = (x: tf.TensorInfo, attrs: object) => poolAttrs(x.shape, attrs as TfjsPoolAttrs);

const sum: FastKernel = (rt, { x }, attrs) => {
  const { axis, keepDims } = attrs as { axis: number | number[]; keepDims?: boolean };
  const { shape } = x!;
  const axes = tf.util.parseAxisParam(axis, [...shape]);
  const rank = shape.length;
  // over all axes but the last: what tfjs does with a transpose
  if (!isFloat(x!) || rank < 2 || axes.length !== rank - 1 || axes.includes(rank - 1)) return declined;
  const columns = shape[rank - 1]!;
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  if (rows * columns === 0) return declined;
  const out = rt.output(keepDims === true ? [...shape.slice(0, -1).fill(1), columns] : [columns]);
  // Blocks of about the square root: two short sums lose less than one long one.
  const rowsPerItem = Math.max(32, Math.ceil(Math.sqrt(rows)));
  const items = ceilDiv(rows, rowsPerItem);
  const sumRows = (from: number, to: number, count: number, perItem: number) =>
    rt.run('sumRows', ceilDiv(count, perItem), {
      x: from,
      out: to,
      rows: count,
      columns,
      rowsPerItem: perItem,
    });
  const [from, to] = [rt.heap.pointer(x!), rt.heap.pointer(out)];
  if (items === 1) sumRows(from, to, rows, rows);
  else
    rt.heap.withBlocks([4 * items * columns], (partial) => {
      sumRows(from, partial!, rows, rowsPerItem);
      sumRows(partial!, to, items, items);
    });
  return out;
};

export const poolingKernels: FastKernels = {
  [names.MAX_POOL_2D]: (rt, { x }, attrs) =>
    isFloat(x!) ? pool(rt, 'maxPool', x!, ours(attrs), 'window') : declined,
  [names.AVG_POOL_2D]: (rt, { x }, attrs) =>
    isFloat(x!) ? pool(rt, 'avgPool', x!, ours(attrs), 'window') : declined,
  [names.MAX_POOL_2D_GRAD]: (rt, { dy, x, y }, attrs) =>
    isFloat(dy!, x!, y!)
      ? gradient(rt, 'maxPoolGradient', x!.shape, { x: x!, y: y!, dy: dy! }, ours(attrs), 'window')
      : declined,
  [names.AVG_POOL_2D_GRAD]: (rt, { dy }, attrs) =>
    isFloat(dy!)
      ? gradient(rt, 'avgPoolGradient', ours(attrs).inputShape, { dy: dy! }, ours(attrs), 'window')
      : declined,
  [tf.MaxPool]: (rt, { x }, attrs) =>
    isFloat(x!) ? pool(rt, 'maxPool', x!, theirs(x!, attrs), 'image') : declined,
  [tf.AvgPool]: (rt, { x }, attrs) =>
    isFloat(x!) ? pool(rt, 'avgPool', x!, theirs(x!, attrs), 'image') : declined,
  // The first maximum in row-major order; tfjs' own wasm kernel takes no maximum below zero for one.
  [tf.MaxPoolGrad]: (rt, { dy, input, output }, attrs) => {
    const at = { x: input!, y: output!, dy: dy! };
    return isFloat(dy!, input!, output!)
      ? gradient(rt, 'maxPoolGradient', input!.shape, at, theirs(input!, attrs), 'image')
      : declined;
  },
  [tf.AvgPoolGrad]: (rt, { dy, input }, attrs) =>
    isFloat(dy!)
      ? gradient(rt, 'avgPoolGradient', input!.shape, { dy: dy! }, theirs(input!, attrs), 'image')
      : declined,
  [tf.Sum]: sum,
};
