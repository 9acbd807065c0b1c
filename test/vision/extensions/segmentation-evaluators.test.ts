/** Evaluators of masks, of classes of pixels, and of boxes as COCO measures them. */
import { Chain, InvalidArgumentError } from '@chaingrad/core';
import { SerialIterator } from '@chaingrad/training';
import {
  DetectionCOCOEvaluator,
  evalDetectionCoco,
  evalInstanceSegmentationCoco,
  evalInstanceSegmentationVoc,
  evalSemanticSegmentation,
  type Image,
  type InstanceExample,
  type InstancePredictions,
  InstanceSegmentationCOCOEvaluator,
  InstanceSegmentationVOCEvaluator,
  type LabelMap,
  type Masks,
  maskToBbox,
  type SegmentationExample,
  SemanticSegmentationEvaluator,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';

const SIZE = 12;
const img = (): Image => ({ data: new Uint8Array(SIZE * SIZE * 3), shape: [SIZE, SIZE, 3] });

/** A mask that is a square of a side at a place. */
function square(y: number, x: number, side: number): Masks {
  const data = new Uint8Array(SIZE * SIZE);
  for (let row = y; row < y + side; row++) data.fill(1, row * SIZE + x, row * SIZE + x + side);
  return { data, shape: [1, SIZE, SIZE] };
}

const examples = Array.from({ length: 5 }, (_, i): InstanceExample => {
  const mask = square(i, 1, 6);
  return { img: img(), mask, label: Int32Array.of(i % 2), bbox: maskToBbox(mask) };
});
/** Found one row too low in every other image. */
const found = examples.map((_, i) => square(i + (i % 2), 1, 6));
const scores = examples.map((_, i) => Float32Array.of(1 - i / 10));

class Oracle extends Chain {
  asked: unknown[] = [];
  constructor(readonly withMasks = true) {
    super();
  }
  override forward(): never {
    throw new Error('not called');
  }
  async predict(imgs: readonly Image[], options?: object): Promise<InstancePredictions> {
    this.asked.push(options);
    const at = imgs.map((img) => examples.findIndex((example) => example.img === img));
    return {
      bboxes: at.map((i) => maskToBbox(found[i]!)),
      labels: at.map((i) => examples[i]!.label),
      scores: at.map((i) => scores[i]!),
      ...(this.withMasks ? { masks: at.map((i) => found[i]!) } : {}),
    };
  }
}

const once = <E>(list: readonly E[]) => new SerialIterator(list, 2, { repeat: false, shuffle: false });
const labels = examples.map(({ label }) => label);
const labelNames = ['even', 'odd', 'never'];

describe('vision/extensions: evaluators of masks', () => {
  it('reports what evalInstanceSegmentationVoc gives', async () => {
    const model = new Oracle();
    const subject = new InstanceSegmentationVOCEvaluator(once(examples), model, {
      labelNames,
      iouThresh: 0.8,
    });
    subject.name = 'validation';
    const truth = examples.map(({ mask }) => mask);
    const want = evalInstanceSegmentationVoc(found, labels, scores, truth, labels, { iouThresh: 0.8 });
    expect([...want.ap]).to.deep.equal([1, 0]);
    expect(await subject.evaluate()).to.deep.equal({
      'validation/main/map': 0.5,
      'validation/main/ap/even': 1,
      'validation/main/ap/odd': 0,
      'validation/main/ap/never': Number.NaN,
    });
    expect(subject.result).to.deep.equal(want);
    expect(model.asked[0]).to.deep.equal({ scoreThresh: 0.05, nmsThresh: 0.5 });
  });

  it("reports COCO's measures of masks and boxes", async () => {
    const truth = examples.map(({ mask }) => mask);
    const masks = evalInstanceSegmentationCoco(found, labels, scores, truth, labels);
    const subject = new InstanceSegmentationCOCOEvaluator(once(examples), new Oracle(), { labelNames });
    subject.name = 'validation';
    const got = await subject.evaluate();
    expect(masks.ap.mean).to.be.within(0.5, 0.99);
    expect(got['validation/main/map']).to.equal(masks.ap.mean);
    expect(got['validation/main/ap75']).to.equal(masks.ap75.mean);
    expect(got['validation/main/arSmall']).to.equal(masks.arSmall.mean);
    expect(got['validation/main/ap/odd']).to.equal(masks.ap.perClass[1]);
    expect(Object.keys(got).length).to.equal(12 + 3);

    const difficult = examples.map((_, i) => Uint8Array.of(i === 4 ? 1 : 0));
    const boxed = examples.map(({ img, bbox, label }, i) => ({ img, bbox, label, difficult: difficult[i]! }));
    const boxes = new DetectionCOCOEvaluator(once(boxed), new Oracle());
    const want = evalDetectionCoco(
      found.map(maskToBbox),
      labels,
      scores,
      examples.map(({ bbox }) => bbox),
      labels,
      { gtCrowdeds: difficult },
    );
    boxes.name = 'validation';
    expect((await boxes.evaluate())['validation/main/map']).to.equal(want.ap.mean);
    expect(boxes.result).to.deep.equal(want);
  });

  it('says that a model gives no masks', async () => {
    const subject = new InstanceSegmentationVOCEvaluator(once(examples), new Oracle(false));
    const error = await rejection(subject.evaluate(), InvalidArgumentError);
    expect(error.message).to.include("returnValues: ['masks'");
  });
});

describe('vision/extensions: SemanticSegmentationEvaluator', () => {
  it('reports what evalSemanticSegmentation gives', async () => {
    const map = (...values: number[]): LabelMap => ({ data: Int32Array.from(values), shape: [2, 2] });
    const scenes: SegmentationExample[] = [map(0, 0, 1, -1), map(1, 1, 1, 0)].map((label) => ({
      img: img(),
      label,
    }));
    const predicted = [map(0, 1, 1, 1), map(1, 1, 1, 0)];
    class Segmenter extends Chain {
      async predict(imgs: readonly Image[]): Promise<LabelMap[]> {
        return imgs.map((img) => predicted[scenes.findIndex((scene) => scene.img === img)]!);
      }
    }
    const subject = new SemanticSegmentationEvaluator(once(scenes), new Segmenter(), {
      labelNames: ['a', 'b', 'c'],
    });
    subject.name = 'validation';
    const want = evalSemanticSegmentation(
      predicted,
      scenes.map(({ label }) => label),
    );
    expect(await subject.evaluate()).to.deep.equal({
      'validation/main/miou': want.miou,
      'validation/main/pixel_accuracy': 6 / 7,
      'validation/main/mean_class_accuracy': want.meanClassAccuracy,
      'validation/main/iou/a': 2 / 3,
      'validation/main/class_accuracy/a': 2 / 3,
      'validation/main/iou/b': 4 / 5,
      'validation/main/class_accuracy/b': 1,
      'validation/main/iou/c': Number.NaN,
      'validation/main/class_accuracy/c': Number.NaN,
    });
  });
});
