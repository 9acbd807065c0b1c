/** Parts of an image that a detector looks at one by one, so that small things are larger. */
import { VisionOptionError } from '../../errors.ts';
import type { CropParam, Slice } from '../../transforms/image/crop.ts';
import type { Detections } from '../../utils/bbox/detections.ts';
import { nonMaximumSuppression } from '../../utils/bbox/non-maximum-suppression.ts';
import { softNonMaximumSuppression } from '../../utils/bbox/soft-non-maximum-suppression.ts';
import type { Predictions } from '../detection-link.ts';

/** Of a tile's side that its neighbour sees, too. */
const OVERLAP = 0.25;
/** A box that comes so near to the edge of a tile, in sides of it, is cut there. */
const EDGE = 0.01;

/** @throws VisionOptionError unless it is a whole number, at least 1. */
export function checkTiles(tiles: number): void {
  if (Number.isInteger(tiles) && tiles >= 1) return;
  throw new VisionOptionError('SSD', 'tiles', 'a whole number of 1 or more', tiles);
}

/** The side of a tile as a share of the image's. */
export const tileShare = (tiles: number): number => 1 / (tiles - (tiles - 1) * OVERLAP);

/** The whole image, then its tiles, row by row; of the image's aspect. */
export function tileWindows(
  [height, width]: readonly [height: number, width: number, ...rest: number[]],
  tiles: number,
): CropParam[] {
  const share = tileShare(tiles);
  const slices = (length: number) =>
    Array.from({ length: tiles }, (_, i): Slice => {
      const side = Math.min(length, Math.ceil(length * share));
      const start = Math.round(((length - side) * i) / Math.max(1, tiles - 1));
      return [start, start + side];
    });
  const whole: CropParam = { ySlice: [0, height], xSlice: [0, width] };
  return [
    whole,
    ...(tiles === 1 ? [] : slices(height)).flatMap((ySlice) =>
      slices(width).map((xSlice) => ({ ySlice, xSlice })),
    ),
  ];
}

/**
 * The detections of an image from those in its parts: boxes that a part cuts are left out, as the next one or the whole image has
 * them whole, and of those that overlap the best stay.
 *
 * @param windows where the parts are; of an image that was looked at as a whole that one.
 * @param suppression IoU from which the lower scored of two boxes of a class is dropped; null keeps all; or the score below which
 *   soft suppression drops them.
 */
export function mergeTiles(
  { bboxes, labels, scores }: Predictions,
  windows: readonly CropParam[],
  [height, width]: readonly [height: number, width: number, ...rest: number[]],
  suppression: number | null | { readonly soft: number },
): Detections {
  const byClass = new Map<number, { bbox: number[]; score: number[] }>();
  windows.forEach(({ ySlice, xSlice }, n) => {
    const isCut = (low: number, high: number, [start, stop]: Slice, length: number) => {
      const near = EDGE * (stop - start);
      return (start > 0 && low < start + near) || (stop < length && high > stop - near);
    };
    labels[n]!.forEach((label, r) => {
      const [y0, x0, y1, x1] = [0, 1, 2, 3].map(
        (k) => bboxes[n]![4 * r + k]! + (k % 2 === 0 ? ySlice[0] : xSlice[0]),
      ) as [number, number, number, number];
      if (isCut(y0, y1, ySlice, height) || isCut(x0, x1, xSlice, width)) return;
      const found = byClass.get(label) ?? { bbox: [], score: [] };
      byClass.set(label, found);
      found.bbox.push(y0, x0, y1, x1);
      found.score.push(scores[n]![r]!);
    });
  });
  const out = { bbox: [] as number[], label: [] as number[], score: [] as number[] };
  for (const [label, { bbox, score }] of [...byClass].sort(([a], [b]) => a - b)) {
    const kept = suppressed(bbox, score, suppression);
    out.bbox.push(...kept.bbox);
    out.score.push(...kept.score);
    for (let i = 0; i < kept.score.length; i++) out.label.push(label);
  }
  return {
    bbox: Float32Array.from(out.bbox),
    label: Int32Array.from(out.label),
    score: Float32Array.from(out.score),
  };
}

/** What is left of the boxes of a class. */
function suppressed(
  bbox: readonly number[],
  score: readonly number[],
  suppression: number | null | { readonly soft: number },
): { bbox: ArrayLike<number> & Iterable<number>; score: ArrayLike<number> & Iterable<number> } {
  if (suppression === null) return { bbox, score };
  if (typeof suppression === 'object') {
    return softNonMaximumSuppression(bbox, score, { scoreThresh: suppression.soft });
  }
  const kept = [...nonMaximumSuppression(bbox, suppression, { score })];
  return {
    bbox: kept.flatMap((i) => bbox.slice(4 * i, 4 * i + 4)),
    score: kept.map((i) => score[i]!),
  };
}
