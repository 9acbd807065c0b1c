import type { Detections, NumberList } from './detections.ts';
import { nonMaximumSuppression } from './non-maximum-suppression.ts';

/** The boxes whose score of one class passes a threshold. */
export interface Candidates {
  /** Their indices. */
  readonly rows: number[];
  readonly scores: number[];
}

export const noCandidates = (nFgClass: number): Candidates[] =>
  Array.from({ length: nFgClass }, () => ({ rows: [], scores: [] }));

/**
 * What is left of the candidates when of overlapping boxes of a class the best is kept: class by class, by descending score (in
 * the order of the rows without suppression).
 * @param candidates one entry a class.
 * @param boxesOf gives the boxes in some rows for one class, 4 values each.
 * @param nmsThresh IoU from which the lower scored box is dropped; null keeps all.
 */
export function bestOf(
  candidates: readonly Candidates[],
  boxesOf: (rows: readonly number[], label: number) => NumberList,
  nmsThresh: number | null,
): Detections {
  const bbox: number[] = [];
  const label: number[] = [];
  const score: number[] = [];
  candidates.forEach(({ rows, scores }, l) => {
    const boxes = boxesOf(rows, l);
    const kept =
      nmsThresh === null ? rows.keys() : nonMaximumSuppression(boxes, nmsThresh, { score: scores });
    for (const i of kept) {
      bbox.push(boxes[4 * i]!, boxes[4 * i + 1]!, boxes[4 * i + 2]!, boxes[4 * i + 3]!);
      label.push(l);
      score.push(scores[i]!);
    }
  });
  return { bbox: Float32Array.from(bbox), label: Int32Array.from(label), score: Float32Array.from(score) };
}
