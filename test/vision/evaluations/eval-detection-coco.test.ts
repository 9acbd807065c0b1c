import { BboxFormatError, evalDetectionCoco } from '@chaingrad/vision';
import { expect } from 'chai';
import { readJson } from '../../support/goldens.ts';
import { expectClose, TestRng } from '../support.ts';

/** A square of a side at a place. */
const square = (y: number, x: number, side: number) => [y, x, y + side, x + side];

interface RecordedSet {
  predBboxes: number[][];
  predLabels: number[][];
  predScores: number[][];
  gtBboxes: number[][];
  gtLabels: number[][];
  gtAreas: number[][];
  gtCrowdeds: number[][];
  stats: number[];
}
const recorded = readJson<{ sets: RecordedSet[] }>('coco-eval.json').sets;

describe('vision/evaluations/evalDetectionCoco', () => {
  recorded.forEach((set, n) => {
    it(`equals pycocotools, set ${n}`, () => {
      const { predBboxes, predLabels, predScores, gtBboxes, gtLabels, gtAreas, gtCrowdeds } = set;
      const r = evalDetectionCoco(predBboxes, predLabels, predScores, gtBboxes, gtLabels, {
        gtAreas,
        gtCrowdeds,
      });
      const got = [r.ap, r.ap50, r.ap75, r.apSmall, r.apMedium, r.apLarge, r.ar1, r.ar10, r.ar100];
      expectClose(
        got.map((value) => value.mean),
        set.stats,
        1e-9,
      );
    });
  });

  it('is 1 for the truth itself, and NaN for sizes and classes that are absent', () => {
    const truth = [...square(0, 0, 20), ...square(50, 50, 60), ...square(0, 200, 150)];
    const result = evalDetectionCoco([truth], [[1, 1, 1]], [[0.9, 0.8, 0.7]], [truth], [[1, 1, 1]]);
    expect([...result.ap.perClass]).to.deep.equal([Number.NaN, 1]);
    for (const value of [
      result.ap,
      result.ap50,
      result.ap75,
      result.apSmall,
      result.apMedium,
      result.apLarge,
    ]) {
      expect(value.mean).to.equal(1);
    }
    expect(result.ar1.mean).to.be.closeTo(1 / 3, 1e-12);
    expect(result.ar100.mean).to.equal(1);
    expect(evalDetectionCoco([[]], [[]], [[]], [square(0, 0, 20)], [[0]]).apLarge.mean).to.be.NaN;
    expect(evalDetectionCoco([[]], [[]], [[]], [square(0, 0, 20)], [[0]]).ap.mean).to.equal(0);
  });

  it('counts thresholds by hand', () => {
    // 10 x 10 against 10 x 8 inside it: IoU 0.8 passes 0.5 ... 0.8, seven of ten thresholds.
    const { ap, ap50, ap75, ar100 } = evalDetectionCoco(
      [[0, 0, 10, 8]],
      [[0]],
      [[1]],
      [[0, 0, 10, 10]],
      [[0]],
    );
    expect(ap.mean).to.be.closeTo(0.7, 1e-12);
    expect(ar100.mean).to.be.closeTo(0.7, 1e-12);
    expect(ap50.mean).to.equal(1);
    expect(ap75.mean).to.equal(1);
  });

  it('counts precision and recall by hand', () => {
    // By score: hit, miss, hit of two truths. Recall 0.5 with precision 1 (51 points), then 1 with 2/3 (50 points).
    const { ap50 } = evalDetectionCoco(
      [[...square(0, 0, 40), ...square(300, 0, 40), ...square(100, 100, 40)]],
      [[0, 0, 0]],
      [[0.9, 0.8, 0.7]],
      [[...square(0, 0, 40), ...square(100, 100, 40)]],
      [[0, 0]],
    );
    expect(ap50.mean).to.be.closeTo((51 + (50 * 2) / 3) / 101, 1e-12);
  });

  it('takes a second detection of a truth as false', () => {
    const box = square(0, 0, 40);
    const other = square(200, 200, 40);
    const { ap50 } = evalDetectionCoco(
      [[...box, ...box, ...other]],
      [[0, 0, 0]],
      [[0.9, 0.8, 0.7]],
      [[...box, ...other]],
      [[0, 0]],
    );
    expect(ap50.mean).to.be.closeTo((51 + (50 * 2) / 3) / 101, 1e-12);
  });

  it('does not count what another size or a crowd explains', () => {
    const small = square(0, 0, 20);
    const large = square(100, 100, 200);
    const both = [...small, ...large];
    const result = evalDetectionCoco([both], [[0, 0]], [[0.5, 0.9]], [both], [[0, 0]]);
    expect(result.apSmall.mean).to.equal(1);
    expect(result.apMedium.mean).to.be.NaN;
    // Two detections inside a crowd, before the hit of the small one.
    const inCrowd = [...square(110, 110, 40), ...square(200, 200, 40), ...small];
    const crowded = (gtCrowdeds: boolean[][] | null) =>
      evalDetectionCoco([inCrowd], [[0, 0, 0]], [[0.9, 0.8, 0.7]], [both], [[0, 0]], { gtCrowdeds }).ap50
        .mean;
    expect(crowded([[false, true]])).to.equal(1);
    expect(crowded(null)).to.be.closeTo((51 * (1 / 3)) / 101, 1e-12);
    // The given area decides about the size.
    const areas = evalDetectionCoco([small], [[0]], [[1]], [small], [[0]], { gtAreas: [[50 * 50]] });
    expect(areas.apSmall.mean).to.be.NaN;
    expect(areas.apMedium.mean).to.equal(1);
  });

  it('falls when boxes shift, and does not depend on the order of images or boxes', () => {
    const rng = new TestRng(8);
    const images = Array.from({ length: 6 }, () =>
      Array.from({ length: 5 }, () => square(rng.uniform(0, 300), rng.uniform(0, 300), rng.uniform(20, 120))),
    );
    const labels = images.map((boxes) => boxes.map(() => rng.integer(3)));
    const scores = images.map((boxes) => boxes.map(() => rng.uniform(0, 1)));
    const at = (shift: number, reverse = false) => {
      const turn = <T>(list: T[]) => (reverse ? list.toReversed() : list);
      const flat = (d: number) =>
        turn(images).map((boxes) => turn(boxes).flatMap((box) => box.map((v) => v + d)));
      const sorted = (lists: number[][]) => turn(lists).map(turn);
      return evalDetectionCoco(flat(shift), sorted(labels), sorted(scores), flat(0), sorted(labels)).ap.mean;
    };
    const means = [0, 3, 8, 20].map((shift) => at(shift));
    expect(means[0]).to.be.closeTo(1, 1e-12);
    for (let i = 1; i < means.length; i++) expect(means[i]).to.be.below(means[i - 1]!);
    expect(at(8, true)).to.be.closeTo(means[2]!, 1e-12);
  });

  it('refuses lists that do not fit', () => {
    expect(() => evalDetectionCoco([[]], [[]], [[]], [[], []], [[], []])).to.throw(
      BboxFormatError,
      '2 entries',
    );
    expect(() => evalDetectionCoco([[0, 0, 1, 1]], [[]], [[1]], [[]], [[]])).to.throw(
      BboxFormatError,
      'predLabels[0]',
    );
    expect(() => evalDetectionCoco([[]], [[]], [[]], [[]], [[]], { gtAreas: [[1]] })).to.throw(
      BboxFormatError,
      'gtAreas[0]',
    );
  });
});
