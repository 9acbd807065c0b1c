/**
 * How long each layer would take at least, on one thread: the roofline model, by the algorithm for which that is the least.
 *
 * A layer takes as long as its multiply-adds at the rate that was measured, or as its numbers need to be read and written, whichever is
 * more. Bandwidth is that of the largest measured size which is not above the layer's, so that what a cache holds is not taken for memory.
 */

import type { Limits } from '../limits.ts';
import type { LayerTime } from '../measure.ts';
import { type ConvNode, type DenseNode, flopsOf } from '../models/graph.ts';
import { graphOf } from '../models/index.ts';
import type { CaseResult } from './run.ts';

export type Algorithm = 'direct' | 'F(4,3)' | 'F(6,3)';

/** What an algorithm has to do. */
export interface Work {
  readonly algorithm: Algorithm;
  /** 10^9 operations that the multiply-add unit could do meanwhile. */
  readonly gflop: number;
  /** Input, filter in the algorithm's form, output: each once. */
  readonly bytes: number;
}

export interface LayerBound extends Work {
  readonly layer: LayerTime;
  /** Milliseconds. */
  readonly bound: number;
  /** Milliseconds that the layer took. */
  readonly took: number;
}

/**
 * Instructions for four values of one channel of a tile, as the kernels' transforms have them (assembly/winograd): lines of a transform times
 * the instructions of one. A multiply-add and an addition take one each.
 */
const winograds = [
  { algorithm: 'F(4,3)', outputs: 4, input: (6 + 6) * 14, output: (6 + 4) * 12, channels: Infinity },
  // Sums of more channels would be too inexact.
  { algorithm: 'F(6,3)', outputs: 6, input: (8 + 8) * 26, output: (8 + 6) * 20, channels: 256 },
] as const;

const parts = (length: number, size: number) => Math.ceil(length / size);

/** All algorithms that can compute a layer. */
export function worksOf(node: ConvNode | DenseNode, batch: number): Work[] {
  const [inputs, outputs] = [node.inShape, node.shape].map(([h, w, c]) => batch * h * w * c) as [
    number,
    number,
  ];
  const gflop = (batch * flopsOf(node)) / 1e9;
  const filter = flopsOf(node) / 2 / (node.op === 'conv' ? node.shape[0] * node.shape[1] : 1);
  const works: Work[] = [{ algorithm: 'direct', gflop, bytes: 4 * (inputs + filter + outputs) }];
  if (node.op !== 'conv' || node.ksize !== 3 || node.stride !== 1 || node.groups !== 1) return works;
  const [[height, width, o], c, d] = [node.shape, node.inShape[2], node.dilate];
  // Fewer channels are not worth the transforms.
  if (c < 8) return works;
  for (const { algorithm, outputs: size, input, output, channels } of winograds) {
    if (c > channels) continue;
    // A dilated convolution has a grid of tiles for each phase.
    const along = (length: number) => Math.min(d, length) * parts(parts(length, d), size);
    const tiles = batch * along(height) * along(width);
    const positions = (size + 2) ** 2;
    // The unit does two operations in the time of an instruction.
    const operations = 2 * tiles * (positions * c * o + input * c + output * o);
    works.push({ algorithm, gflop: operations / 1e9, bytes: 4 * (inputs + positions * c * o + outputs) });
  }
  return works;
}

/** Reading so many bytes, in 10^9 bytes a second. */
export function bandwidthFor(bytes: number, { bandwidth }: Limits): number {
  return (bandwidth.findLast(([size]) => size <= bytes) ?? bandwidth[0]!)[1];
}

/** Milliseconds that work takes at least. */
export const leastTime = ({ gflop, bytes }: Work, limits: Limits): number =>
  Math.max((gflop / limits.gflops) * 1e3, bytes / bandwidthFor(bytes, limits) / 1e6);

export interface Roofline {
  readonly limits: Limits;
  readonly layers: readonly LayerBound[];
  /** Milliseconds of all layers, those of the same shape as often as the network has them. */
  readonly bound: number;
  readonly took: number;
}

/** Our layers against their bounds; null for a case that measured no layers, or before there were limits. */
export function rooflineOf({ case: { model, batch }, sides }: CaseResult): Roofline | null {
  const { layers, limits } = sides.find(({ side }) => side === 'chaingrad')?.processes[0] ?? {};
  if (layers === undefined || limits === undefined) return null;
  const nodes = graphOf(model).nodes;
  const bounds = layers.map((layer): LayerBound => {
    const node = nodes.find(({ name }) => name === layer.name) as ConvNode | DenseNode;
    const works = worksOf(node, batch);
    const best = works.reduce((a, b) => (leastTime(b, limits) < leastTime(a, limits) ? b : a));
    return { ...best, layer, bound: leastTime(best, limits), took: layer.computeMs ?? layer.ms };
  });
  const sum = (of: (one: LayerBound) => number) =>
    bounds.reduce((total, one) => total + one.layer.count * of(one), 0);
  return { limits, layers: bounds, bound: sum(({ bound }) => bound), took: sum(({ took }) => took) };
}
