import { setSeed, useBackend } from '@chaingrad/core';
import { SerialIterator } from '@chaingrad/training';
import { DetectionVOCEvaluator, SSDMobileNetV2, softNonMaximumSuppression } from '@chaingrad/vision';
import { serialize } from '@chaingrad/weights';
import { expect } from 'chai';

const image = {
  data: Uint8Array.from({ length: 40 * 60 * 3 }, (_, i) => (i * i) % 251),
  shape: [40, 60, 3],
} as const;

/** A small detector of two classes whose scores differ enough to be looked at. */
function detector(): SSDMobileNetV2 {
  setSeed(5);
  const model = new SSDMobileNetV2({ nFgClass: 2, insize: 128, scoreFunction: 'softmax' });
  model.initialize([1, 128, 128, 3]);
  return model;
}

describe('soft suppression of an SSD', () => {
  beforeEach(() => useBackend('wasm'));

  it('lowers scores in place of dropping boxes, class by class, and gives way to a threshold', async () => {
    using model = detector();
    const all = await model.predict([image], { nmsThresh: null, scoreThresh: 0.01 });
    const hard = await model.predict([image], { scoreThresh: 0.01 });
    model.nms = 'soft';
    const soft = await model.predict([image], { scoreThresh: 0.01 });
    for (const label of [0, 1]) {
      const rows = [...all.labels[0]!.keys()].filter((i) => all.labels[0]![i] === label);
      const wanted = softNonMaximumSuppression(
        rows.flatMap((i) => [...all.bboxes[0]!.subarray(4 * i, 4 * i + 4)]),
        rows.map((i) => all.scores[0]![i]!),
      );
      const own = [...soft.labels[0]!.keys()].filter((i) => soft.labels[0]![i] === label);
      expect(own.map((i) => soft.scores[0]![i]!)).to.deep.equal([...wanted.score]);
      expect(own.flatMap((i) => [...soft.bboxes[0]!.subarray(4 * i, 4 * i + 4)])).to.deep.equal([
        ...Float32Array.from(wanted.bbox),
      ]);
    }
    expect(await model.predict([image], { nmsThresh: model.nmsThresh, scoreThresh: 0.01 })).to.deep.equal(
      hard,
    );
    expect(await model.predict([image], { nmsThresh: null, scoreThresh: 0.01 })).to.deep.equal(all);
  });

  it('places boxes alike whatever score is asked for, in several images, and in tiles', async () => {
    using model = detector();
    model.nms = 'soft';
    for (const tiles of [1, 2]) {
      const low = await model.predict([image, image], { scoreThresh: 0.01, tiles });
      const sorted = [...low.scores[0]!].sort((a, b) => b - a);
      const scoreThresh = sorted[Math.floor(sorted.length / 2)]!;
      const high = await model.predict([image], { scoreThresh, tiles });
      const kept = [...low.scores[0]!.keys()].filter((i) => low.scores[0]![i]! >= scoreThresh);
      expect(kept.length).to.be.within(1, sorted.length - 1);
      expect([...high.scores[0]!]).to.deep.equal(kept.map((i) => low.scores[0]![i]!));
      expect([...high.bboxes[0]!]).to.deep.equal(
        kept.flatMap((i) => [...low.bboxes[0]!.subarray(4 * i, 4 * i + 4)]),
      );
      expect(low.bboxes[1]).to.deep.equal(low.bboxes[0]);
    }
  });

  it('is what a file tells of its detector', async () => {
    using model = detector();
    expect(model.serialMetadata()['chaingrad.about']).to.not.include('nms');
    model.nms = 'soft';
    using again = await SSDMobileNetV2.fromPretrained(await serialize(model));
    expect(again.nms).to.equal('soft');
    model.nms = 'hard';
    using plain = await SSDMobileNetV2.fromPretrained(await serialize(model));
    expect(plain.nms).to.equal('hard');
  });

  it('is evaluated as the model does it, where no threshold is given', async () => {
    using model = detector();
    model.nms = 'soft';
    const asked: (number | null | undefined)[] = [];
    const predict = model.predict.bind(model);
    model.predict = (imgs, options) => {
      asked.push(options?.nmsThresh);
      return predict(imgs, options);
    };
    const example = {
      img: image,
      bbox: Float32Array.of(5, 5, 30, 30),
      label: Int32Array.of(1),
      difficult: Uint8Array.of(0),
    };
    const iterator = new SerialIterator([example], 1, { repeat: false, shuffle: false });
    await new DetectionVOCEvaluator(iterator, model).evaluate();
    await new DetectionVOCEvaluator(iterator, model, { nmsThresh: 0.3 }).evaluate();
    model.nms = 'hard';
    await new DetectionVOCEvaluator(iterator, model).evaluate();
    expect(asked).to.deep.equal([undefined, 0.3, 0.45]);
  });
});
