/** Regions of interest on the levels of a feature pyramid. */
import { roiAverageAlign2D } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { indicesWhere, loc2bbox, takeBoxes } from '../../utils/bbox/loc.ts';
import type { Regions } from '../faster-rcnn/region-proposal-network.ts';

/** Regions of each level, and the position of each region among them all. */
export interface Levels {
  readonly levels: readonly Regions[];
  /** Region i is the `order[i]`-th of the levels one after the other. */
  readonly order: Int32Array;
}

/** Inputs are padded to multiples of so many pixels. */
export const STRIDE = 32;

/** Samples of a bin of an aligned region, along each axis. */
export const SAMPLES = 2;

/** The largest logarithm by which a side grows: 1000 / 16 times. */
export const EXP_CLIP = Math.log(1000 / 16);

/** Boxes moved by offsets of the given deviations; no side grows beyond all bounds. */
export const moveBoxes = (
  boxes: Float32Array,
  loc: Float32Array,
  std: readonly [number, number] = [1, 1],
): Float32Array =>
  loc2bbox(
    boxes,
    loc.map((value, i) => (i % 4 < 2 ? value * std[0] : Math.min(value * std[1], EXP_CLIP))),
  );

/** Clips the first corners at 0 and the second ones at the size only, as ChainerCV does: in place. */
export function clipCorners(
  bbox: Float32Array,
  size: readonly [height: number, width: number],
): Float32Array {
  for (let i = 0; i < bbox.length; i++)
    bbox[i] = i % 4 < 2 ? Math.max(bbox[i]!, 0) : Math.min(bbox[i]!, size[i % 2]!);
  return bbox;
}

export const takeRegions = ({ rois, roiIndices }: Regions, rows: readonly number[]): Regions => ({
  rois: takeBoxes(rois, rows),
  roiIndices: Int32Array.from(rows, (row) => roiIndices[row]!),
});

export const joinRegions = (levels: readonly Regions[]): Regions => ({
  rois: Float32Array.from(levels.flatMap(({ rois }) => [...rois])),
  roiIndices: Int32Array.from(levels.flatMap(({ roiIndices }) => [...roiIndices])),
});

/** Regions by level: large ones belong to coarse maps; the last level gets none. @param canonicalScale side of a region of level 2. */
export function distribute(regions: Regions, nLevel: number, canonicalScale: number): Levels {
  const { rois, roiIndices } = regions;
  const level = Array.from(roiIndices, (_, i) => {
    const [y0, x0, y1, x1] = rois.subarray(4 * i, 4 * i + 4);
    const size = Math.sqrt(Math.fround(Math.fround(y1! - y0!) * Math.fround(x1! - x0!)));
    const wanted = Math.floor(Math.log2(size / canonicalScale + 1e-6)) + 2;
    return Math.min(Math.max(wanted, 0), nLevel - 2);
  });
  const rows = Array.from({ length: nLevel }, (_, l) => indicesWhere(level.length, (i) => level[i] === l));
  const order = new Int32Array(level.length);
  for (const [at, row] of rows.flat().entries()) order[row] = at;
  return { levels: rows.map((each) => takeRegions(regions, each)), order };
}

/** The aligned regions of all levels, level by level: (R, outsize, outsize, C). */
export function alignRegions(
  hs: readonly tf.Tensor4D[],
  levels: readonly Regions[],
  scales: readonly number[],
  outsize: number,
): tf.Tensor4D {
  const parts = levels.flatMap(({ rois, roiIndices }, l) =>
    roiIndices.length === 0
      ? []
      : [
          roiAverageAlign2D(hs[l]!, rois, roiIndices, {
            outsize,
            spatialScale: scales[l]!,
            samplingRatio: [SAMPLES, SAMPLES],
          }),
        ],
  );
  return parts.length === 1 ? parts[0]! : tf.concat(parts, 0);
}
