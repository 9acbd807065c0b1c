import { BboxFormatError, bboxIou, nonMaximumSuppression } from '@chaingrad/vision';
import { expect } from 'chai';
import { goldens, TestRng } from '../../support.ts';

interface Case {
  thresh: number;
  limit: number | null;
  score: boolean;
}
const boxes = goldens<{
  cases: Record<string, Case>;
  nms_identical_scores: { bbox: number[][]; scores: number[] };
  nms_touching_threshold: { bbox: number[][]; thresh: number; selected: number[] };
}>('boxes');

describe('vision/utils/nonMaximumSuppression', () => {
  for (let n = 0; n < 6; n++) {
    it(`equals ChainerCV, case ${n}`, () => {
      const { thresh, limit, score } = boxes.json().cases[`nms/${n}`]!;
      const got = nonMaximumSuppression(boxes.f32(`nms/${n}/bbox`), thresh, {
        score: score ? boxes.f32(`nms/${n}/score`) : null,
        limit,
      });
      expect([...got]).to.deep.equal([...boxes.i32(`nms/${n}/selected`)]);
    });
  }

  it('takes boxes of equal score in their order', () => {
    const { bbox, scores } = boxes.json().nms_identical_scores;
    expect([...nonMaximumSuppression(bbox.flat(), 0.5, { score: scores })]).to.deep.equal([0, 2]);
  });

  it('drops a box whose IoU is the threshold', () => {
    const { bbox, thresh, selected } = boxes.json().nms_touching_threshold;
    expect([...nonMaximumSuppression(bbox.flat(), thresh)]).to.deep.equal(selected);
  });

  it('gives nothing for nothing, and takes NaN scores last', () => {
    expect(nonMaximumSuppression([], 0.5)).to.have.length(0);
    const bbox = [0, 0, 1, 1, 5, 5, 6, 6, 9, 9, 10, 10];
    expect([...nonMaximumSuppression(bbox, 0.5, { score: [Number.NaN, 0.1, 0.2] })]).to.deep.equal([2, 1, 0]);
  });

  it('keeps boxes that do not overlap and drops those that overlap a kept one, for thousands of boxes', () => {
    const rng = new TestRng(3);
    const n = 4000;
    const bbox = new Float32Array(n * 4);
    const score = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      const y = rng.uniform(0, 280);
      const x = rng.uniform(0, 280);
      bbox.set([y, x, y + rng.uniform(5, 60), x + rng.uniform(5, 60)], 4 * i);
      score[i] = rng.integer(50) / 50;
    }
    const kept = nonMaximumSuppression(bbox, 0.45, { score });
    const rows = (indices: Iterable<number>) =>
      Float32Array.from([...indices].flatMap((i) => [...bbox.subarray(4 * i, 4 * i + 4)]));
    const own = bboxIou(rows(kept), rows(kept));
    const isBetter = (k: number, i: number) => score[k]! > score[i]! || (score[k] === score[i] && k < i);
    let highest = 0;
    for (let i = 1; i < kept.length; i++) {
      expect(isBetter(kept[i - 1]!, kept[i]!), `order at ${i}`).to.equal(true);
      for (let j = 0; j < i; j++) highest = Math.max(highest, own[i * kept.length + j]!);
    }
    expect(highest).to.be.below(0.45);
    const keptRows = rows(kept);
    const isKept = new Set(kept);
    for (let i = 0; i < n; i++) {
      if (isKept.has(i)) continue;
      const iou = bboxIou(bbox.subarray(4 * i, 4 * i + 4), keptRows);
      const reason = kept.findIndex((k, p) => iou[p]! >= 0.45 && isBetter(k, i));
      expect(reason, `box ${i} was dropped without a better one`).to.be.at.least(0);
    }
  });

  it('refuses scores that do not fit the boxes', () => {
    expect(() => nonMaximumSuppression([0, 0, 1, 1], 0.5, { score: [] })).to.throw(
      BboxFormatError,
      '1 scores',
    );
  });
});
