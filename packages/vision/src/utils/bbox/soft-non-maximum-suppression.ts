import { checkOptions } from '@chaingrad/core';
import { BboxFormatError } from '../../errors.ts';
import { bboxIou, countBoxes } from './bbox-iou.ts';
import type { NumberList } from './detections.ts';

export interface SoftNonMaximumSuppressionOptions {
  /** By exp(-IoU² / sigma) the score of a box falls with each better one that it overlaps. Default 0.25; 0.5 in the paper. */
  readonly sigma?: number;
  /** Boxes whose score has fallen below are dropped. Default 0.01. */
  readonly scoreThresh?: number;
  /** IoU from which all boxes, the dropped ones too, vote by their scores where a kept one is; null: it stays. Default 0.8. */
  readonly voteThresh?: number | null;
}

/** Boxes in the order in which they were taken: by descending score. */
export interface SoftlySuppressed {
  /** R * 4 values, rows of (yMin, xMin, yMax, xMax): the means of the votes. */
  readonly bbox: Float64Array;
  /** What is left of the scores: float32, as those of detectors are. */
  readonly score: Float32Array;
  /** Which of the boxes they were. */
  readonly index: Int32Array;
}

/**
 * Lowers the scores of boxes that overlap better ones, in place of dropping them as `nonMaximumSuppression` does: two things side
 * by side are both found. Boxes that lie nearly alike then settle by their mean where the thing is.
 *
 * Equal scores are taken in their order; a score of 0, or that is not a number, is never taken. The same boxes with a higher `scoreThresh` give
 * the beginning of the same result, as long as the same boxes are given.
 *
 * Sources: Bodla et al., Soft-NMS (2017), the Gaussian kind; box voting: Gidaris and Komodakis (2015).
 *
 * @param bbox R * 4 values, rows of (yMin, xMin, yMax, xMax).
 * @param score R values, 0 or more.
 * @throws BboxFormatError if the length of `bbox` is no multiple of 4 or there is not one score a box.
 */
export function softNonMaximumSuppression(
  bbox: NumberList,
  score: NumberList,
  options: SoftNonMaximumSuppressionOptions = {},
): SoftlySuppressed {
  const {
    sigma = 0.25,
    scoreThresh = 0.01,
    voteThresh = 0.8,
  } = checkOptions('softNonMaximumSuppression', options, {
    sigma: 'number',
    scoreThresh: 'number',
    voteThresh: 'number | null',
  });
  const n = countBoxes(bbox, 'softNonMaximumSuppression');
  if (score.length !== n) {
    throw new BboxFormatError('softNonMaximumSuppression', `${n} scores, one a box`, `${score.length}`);
  }
  const left = Float32Array.from(score);
  const thresh = Math.fround(scoreThresh);
  /** Boxes that may still be taken. */
  let waiting = Array.from({ length: n }, (_, i) => i).filter((i) => left[i]! > 0 && left[i]! >= thresh);
  const out = { bbox: [] as number[], score: [] as number[], index: [] as number[] };
  while (waiting.length > 0) {
    const best = waiting.reduce((top, i) => (left[i]! > left[top]! ? i : top));
    out.index.push(best);
    out.score.push(left[best]!);
    const own = corners(bbox, best);
    const iou = bboxIou(own, bbox);
    waiting = waiting.filter((i) => {
      if (i === best) return false;
      left[i]! *= Math.exp(-(iou[i]! ** 2) / sigma);
      return left[i]! >= thresh;
    });
    out.bbox.push(
      ...(voteThresh === null ? own : voted(bbox, score, (i) => i === best || iou[i]! >= voteThresh)),
    );
  }
  return {
    bbox: Float64Array.from(out.bbox),
    score: Float32Array.from(out.score),
    index: Int32Array.from(out.index),
  };
}

const corners = (bbox: NumberList, i: number): number[] => [0, 1, 2, 3].map((k) => bbox[4 * i + k]!);

/** The mean of some of the boxes, each counting by its score; some of them have one. */
function voted(bbox: NumberList, score: NumberList, votes: (i: number) => boolean): number[] {
  const sum = [0, 0, 0, 0];
  let weight = 0;
  for (let i = 0; i < score.length; i++) {
    if (!(score[i]! > 0 && votes(i))) continue;
    weight += score[i]!;
    for (let k = 0; k < 4; k++) sum[k]! += score[i]! * bbox[4 * i + k]!;
  }
  return sum.map((value) => value / weight);
}
