/** Comparing detections, which small differences of float32 may reorder, add or drop near a threshold. */
import type { Predictions } from '@chaingrad/vision';
import { expect } from 'chai';

/** The detections of one image. */
export interface Found {
  readonly bbox: Float32Array;
  readonly label: Int32Array;
  readonly score: Float32Array;
}

export const ofImage = ({ bboxes, labels, scores }: Predictions, i: number): Found => ({
  bbox: bboxes[i]!,
  label: labels[i]!,
  score: scores[i]!,
});

/** Detections of `want` that have no partner in `got`: same label, box within 0.05 px and `rtol` of its coordinates, score within 1e-4. */
function unmatched(want: Found, got: Found, rtol: number): number {
  const free = new Set(got.label.keys());
  let missing = 0;
  for (let i = 0; i < want.label.length; i++) {
    const partner = [...free].find(
      (j) =>
        got.label[j] === want.label[i] &&
        Math.abs(got.score[j]! - want.score[i]!) <= 1e-4 &&
        [0, 1, 2, 3].every((k) => {
          const value = want.bbox[4 * i + k]!;
          return Math.abs(got.bbox[4 * j + k]! - value) <= 0.05 + rtol * Math.abs(value);
        }),
    );
    if (partner === undefined) missing++;
    else free.delete(partner);
  }
  return missing;
}

/**
 * Expects the same detections, in the order of ChainerCV: class by class, by descending score.
 * @param allowed the share that may be on one side only, where decisions came close to a threshold.
 * @param rtol of coordinates: boxes made by an exponential may be thousands of pixels wide.
 */
export function expectDetections(got: Found, want: Found, allowed: number, what: string, rtol = 0): void {
  const { bbox, label, score } = got;
  expect([bbox.length, score.length], `${what}: lengths`).to.deep.equal([4 * label.length, label.length]);
  for (let i = 1; i < label.length; i++) {
    const inOrder = label[i]! > label[i - 1]! || (label[i] === label[i - 1] && score[i]! <= score[i - 1]!);
    expect(inOrder, `${what}: order at ${i}`).to.equal(true);
  }
  const limit = Math.floor(allowed * want.label.length);
  expect(unmatched(want, got, rtol), `${what}: expected but not found`).to.be.at.most(limit);
  expect(unmatched(got, want, rtol), `${what}: found but not expected`).to.be.at.most(limit);
}
