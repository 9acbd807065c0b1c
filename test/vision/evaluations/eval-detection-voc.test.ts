import {
  BboxFormatError,
  calcDetectionVocAp,
  calcDetectionVocPrecRec,
  evalDetectionVoc,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { expectClose, goldens } from '../support.ts';

type Result = { ap: (number | null)[]; map: number };
type Description = { n_images: number; n_class_out: number; difficult: boolean } & Record<string, Result>;
const set = goldens<{ voc: Record<string, Description> }>('eval_transforms');

function dataOf(name: string) {
  const { n_images, difficult } = set.json().voc[name]!;
  const lists = (array: string) =>
    Array.from({ length: n_images }, (_, i) => set.array(`voc/${name}/${i}/${array}`).data);
  return [
    lists('pred_bbox'),
    lists('pred_label'),
    lists('pred_score'),
    lists('gt_bbox'),
    lists('gt_label'),
    difficult ? lists('gt_difficult') : null,
  ] as const;
}

describe('vision/evaluations/evalDetectionVoc', () => {
  for (const name of ['a', 'b', 'ties', 'sparse']) {
    for (const iouThresh of [0.5, 0.3]) {
      it(`precision and recall equal ChainerCV, ${name} at IoU ${iouThresh}`, () => {
        const { prec, rec } = calcDetectionVocPrecRec(...dataOf(name), iouThresh);
        const classes = set.json().voc[name]!.n_class_out;
        expect(prec).to.have.length(classes);
        expect(rec).to.have.length(classes);
        for (let l = 0; l < classes; l++) {
          for (const [got, array] of [
            [prec[l], 'prec'],
            [rec[l], 'rec'],
          ] as const) {
            const key = `voc/${name}/iou${iouThresh}/${array}/${l}`;
            if (set.has(key)) expectClose(got!, set.f64(key), 1e-9, key);
            else expect(got, key).to.equal(null);
          }
        }
      });

      for (const use07Metric of [true, false]) {
        const metric = `iou${iouThresh}/${use07Metric ? '07' : 'area'}`;
        it(`AP equals ChainerCV, ${name} ${metric}`, () => {
          const want = set.json().voc[name]![metric]!;
          const got = evalDetectionVoc(...dataOf(name), { iouThresh, use07Metric });
          expectClose(
            got.ap,
            want.ap.map((v) => v ?? Number.NaN),
            1e-9,
          );
          expect(got.map).to.be.closeTo(want.map, 1e-9);
        });
      }
    }
  }

  it('counts by hand: a difficult box, a double detection, an absent class', () => {
    const truth = [0, 0, 9, 9, 20, 20, 29, 29, 40, 40, 49, 49];
    const found = [0, 0, 9, 9, 1, 0, 9, 9, 40, 40, 49, 49, 70, 70, 79, 79];
    const { prec, rec } = calcDetectionVocPrecRec(
      [found],
      [[2, 2, 2, 2]],
      [[0.9, 0.8, 0.7, 0.6]],
      [truth],
      [[2, 2, 2]],
      [[false, false, true]],
    );
    expect(prec.slice(0, 2)).to.deep.equal([null, null]);
    // Found; double, so false; difficult, so neither; false.
    expectClose(prec[2]!, [1, 1 / 2, 1 / 2, 1 / 3], 1e-12);
    expectClose(rec[2]!, [1 / 2, 1 / 2, 1 / 2, 1 / 2], 1e-12);
    const ap = calcDetectionVocAp(prec, rec);
    expect([...ap.subarray(0, 2)]).to.deep.equal([Number.NaN, Number.NaN]);
    expect(ap[2]).to.be.closeTo(1 / 2, 1e-12);
    expect(calcDetectionVocAp(prec, rec, true)[2]).to.be.closeTo(6 / 11, 1e-12);
  });

  it('takes corners as inclusive pixels', () => {
    // 10 x 5 pixels of 10 x 10; as lengths it would be 9 * 4 / 81.
    const got = (thresh: number) =>
      evalDetectionVoc([[0, 0, 9, 4]], [[0]], [[1]], [[0, 0, 9, 9]], [[0]], null, { iouThresh: thresh }).map;
    expect(got(0.5)).to.equal(1);
    expect(got(0.51)).to.equal(0);
  });

  it('has NaN without truths and 0 without detections', () => {
    const { ap, map } = evalDetectionVoc([[0, 0, 9, 9]], [[1]], [[0.5]], [[0, 0, 9, 9]], [[0]]);
    expect([...ap]).to.deep.equal([0, Number.NaN]);
    expect(map).to.equal(0);
    expect(evalDetectionVoc([], [], [], [], []).map).to.be.NaN;
  });

  it('refuses lists that do not fit', () => {
    expect(() => evalDetectionVoc([[]], [[]], [[]], [[], []], [[], []])).to.throw(
      BboxFormatError,
      '2 images',
    );
    expect(() => evalDetectionVoc([[0, 0, 1, 1]], [[]], [[1]], [[]], [[]])).to.throw(
      BboxFormatError,
      'predLabels',
    );
    expect(() => evalDetectionVoc([[]], [[]], [[]], [[0, 0, 1, 1]], [[0]], [[]])).to.throw(
      BboxFormatError,
      'gtDifficults',
    );
  });
});
