/** Evaluations of label maps, masks and boxes against ChainerCV's and pycocotools'. */
import {
  BboxFormatError,
  type CocoResult,
  calcInstanceSegmentationVocPrecRec,
  calcSemanticSegmentationConfusion,
  evalDetectionCoco,
  evalInstanceSegmentationCoco,
  evalInstanceSegmentationVoc,
  evalSemanticSegmentation,
  type LabelMap,
  MaskFormatError,
  type Masks,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { expectClose, goldens } from '../support.ts';

type Values = (number | null)[];
interface Semantic {
  iou: Values;
  miou: number;
  pixel_accuracy: number;
  class_accuracy: Values;
  mean_class_accuracy: number;
}

const golden = goldens<{
  semantic: Record<string, { n: number; result: Semantic }>;
  instance: { n: number };
  instance_voc: Record<string, { ap: number[]; map: number }>;
  [coco: `${'instance' | 'detection'}_coco/${string}`]: Record<string, Values | number | null>;
}>('cv_seg_evaluations');

const withNaN = (values: Values) => values.map((value) => value ?? Number.NaN);
const labelMap = (key: string): LabelMap => {
  const { data, shape } = golden.array(key);
  return { data: data as Int32Array, shape: shape as [number, number] };
};
const list = <T>(n: number, of: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => of(i));

describe('vision/evaluations/evalSemanticSegmentation', () => {
  for (const [name, { n, result }] of Object.entries(golden.json().semantic)) {
    it(`equals ChainerCV, ${name}`, () => {
      const pred = list(n, (i) => labelMap(`semantic/${name}/${i}/pred`));
      const gt = list(n, (i) => labelMap(`semantic/${name}/${i}/gt`));
      const { nClass, confusion } = calcSemanticSegmentationConfusion(pred, gt);
      const want = golden.array(`semantic/${name}/confusion`);
      expect([nClass, nClass]).to.deep.equal(want.shape);
      expect([...confusion]).to.deep.equal([...want.data]);
      const got = evalSemanticSegmentation(pred, gt);
      expectClose(got.iou, withNaN(result.iou), 1e-9, 'iou');
      expectClose(got.classAccuracy, withNaN(result.class_accuracy), 1e-9, 'class accuracy');
      const single = [got.miou, got.pixelAccuracy, got.meanClassAccuracy];
      expectClose(single, [result.miou, result.pixel_accuracy, result.mean_class_accuracy], 1e-9, 'means');
    });
  }

  it('refuses maps that do not fit, negative predictions and surplus ones', () => {
    const one = (...data: number[]): LabelMap => ({ data: Int32Array.from(data), shape: [1, data.length] });
    expect(() => evalSemanticSegmentation([one(-1)], [one(0)])).to.throw(MaskFormatError, 'got -1');
    expect(() => evalSemanticSegmentation([one(0)], [one(0, 1)])).to.throw(MaskFormatError, '[1,2]');
    expect(() => evalSemanticSegmentation([one(0), one(0)], [one(0)])).to.throw(MaskFormatError, 'got 2');
    const wrong = { data: new Int32Array(3), shape: [2, 2] as [number, number] };
    expect(() => evalSemanticSegmentation([wrong], [wrong])).to.throw(MaskFormatError, '4 classes');
    expect(calcSemanticSegmentationConfusion([], []).nClass).to.equal(0);
    expect(evalSemanticSegmentation([one(1, -1)], [one(-1, -1)]).miou).to.be.NaN;
  });
});

const images = golden.json().instance.n;
const masksOf = (key: string): Masks => {
  const { data, shape } = golden.array(key);
  return { data: data as Uint8Array, shape: shape as [number, number, number] };
};
const each = <T>(key: string, read: (key: string) => T) => list(images, (i) => read(`instance/${i}/${key}`));
const data = {
  predMasks: each('pred_mask', masksOf),
  predBboxes: each('pred_bbox', golden.f32),
  predLabels: each('pred_label', golden.i32),
  predScores: each('pred_score', golden.f32),
  gtMasks: each('gt_mask', masksOf),
  gtBboxes: each('gt_bbox', golden.f32),
  gtLabels: each('gt_label', golden.i32),
  gtAreas: each('gt_area', golden.f32),
  gtCrowdeds: each('gt_crowded', (key) => golden.array(key).data),
};

describe('vision/evaluations/evalInstanceSegmentationVoc', () => {
  const { predMasks, predLabels, predScores, gtMasks, gtLabels } = data;
  for (const [name, want] of Object.entries(golden.json().instance_voc)) {
    it(`equals ChainerCV, ${name}`, () => {
      const [, iou, metric] = /iou([\d.]+)_07metric_(\w+)/.exec(name)!;
      const iouThresh = Number(iou);
      const { prec, rec } = calcInstanceSegmentationVocPrecRec(
        predMasks,
        predLabels,
        predScores,
        gtMasks,
        gtLabels,
        iouThresh,
      );
      for (const [c, values] of prec.entries()) {
        expectClose(values!, golden.f64(`instance_voc/iou${iou}/prec/${c}`), 1e-9);
        expectClose(rec[c]!, golden.f64(`instance_voc/iou${iou}/rec/${c}`), 1e-9);
      }
      const { ap, map } = evalInstanceSegmentationVoc(predMasks, predLabels, predScores, gtMasks, gtLabels, {
        iouThresh,
        use07Metric: metric === 'True',
      });
      expectClose(ap, want.ap, 1e-9);
      expect(map).to.be.closeTo(want.map, 1e-9);
    });
  }

  it('takes images without masks, and refuses lists that do not fit', () => {
    const none: Masks = { data: new Uint8Array(), shape: [0, 0, 0] };
    const one: Masks = { data: Uint8Array.of(1), shape: [1, 1, 1] };
    expect(evalInstanceSegmentationVoc([none], [[]], [[]], [one], [[0]]).map).to.equal(0);
    expect(evalInstanceSegmentationVoc([one], [[0]], [[0.5]], [none], [[]]).map).to.be.NaN;
    expect(evalInstanceSegmentationCoco([none], [[]], [[]], [one], [[0]]).ap.mean).to.equal(0);
    expect(() => evalInstanceSegmentationVoc([one], [[]], [[0.5]], [one], [[0]])).to.throw(BboxFormatError);
    const wide: Masks = { data: Uint8Array.of(1, 0), shape: [1, 1, 2] };
    for (const evaluate of [evalInstanceSegmentationVoc, evalInstanceSegmentationCoco])
      expect(() => evaluate([wide], [[0]], [[0.5]], [one], [[0]])).to.throw(
        MaskFormatError,
        'masks of 1 x 1',
      );
  });
});

/** What ChainerCV's keys are called here. */
const names: [key: string, name: keyof CocoResult][] = [
  ['p/iou=0.50:0.95/area=all/max_dets=100', 'ap'],
  ['p/iou=0.50/area=all/max_dets=100', 'ap50'],
  ['p/iou=0.75/area=all/max_dets=100', 'ap75'],
  ['p/iou=0.50:0.95/area=small/max_dets=100', 'apSmall'],
  ['p/iou=0.50:0.95/area=medium/max_dets=100', 'apMedium'],
  ['p/iou=0.50:0.95/area=large/max_dets=100', 'apLarge'],
  ['r/iou=0.50:0.95/area=all/max_dets=1', 'ar1'],
  ['r/iou=0.50:0.95/area=all/max_dets=10', 'ar10'],
  ['r/iou=0.50:0.95/area=all/max_dets=100', 'ar100'],
  ['r/iou=0.50:0.95/area=small/max_dets=100', 'arSmall'],
  ['r/iou=0.50:0.95/area=medium/max_dets=100', 'arMedium'],
  ['r/iou=0.50:0.95/area=large/max_dets=100', 'arLarge'],
];

describe("vision/evaluations: COCO's measures of boxes and masks", () => {
  const sets = Object.keys(golden.json()).filter((key) => /^(instance|detection)_coco\//.test(key));

  it('has nine sets', () => expect(sets.length).to.equal(9));

  for (const set of sets as (keyof ReturnType<typeof golden.json>)[]) {
    it(`equals ChainerCV, ${set}`, () => {
      const { predMasks, predBboxes, predLabels, predScores, gtMasks, gtBboxes, gtLabels } = data;
      const isLarge = /large/.test(set);
      const options = {
        ...(/areas|large/.test(set)
          ? { gtAreas: data.gtAreas.map((area) => area.map((a) => (isLarge ? a * 16 : a))) }
          : {}),
        ...(/crowded/.test(set) ? { gtCrowdeds: data.gtCrowdeds } : {}),
      };
      // The same boxes at 4 times the size.
      const larger = (bboxes: Float32Array[]) => bboxes.map((bbox) => bbox.map((value) => value * 4));
      const got = /^instance/.test(set)
        ? evalInstanceSegmentationCoco(predMasks, predLabels, predScores, gtMasks, gtLabels, options)
        : evalDetectionCoco(
            isLarge ? larger(predBboxes) : predBboxes,
            predLabels,
            predScores,
            isLarge ? larger(gtBboxes) : gtBboxes,
            gtLabels,
            options,
          );
      const want = golden.json()[set] as Record<string, Values | number | null>;
      for (const [key, name] of names) {
        // ChainerCV tells of sizes where areas are given.
        if (!(`a${key}` in want)) expect(set).not.to.include('areas');
        if (!(`a${key}` in want)) continue;
        const { perClass, mean } = got[name];
        expectClose(perClass, withNaN(want[`a${key}`] as Values), 1e-6, `a${key}`);
        expectClose([mean], withNaN([want[`ma${key}`] as number]), 1e-6, `ma${key}`);
      }
    });
  }
});
