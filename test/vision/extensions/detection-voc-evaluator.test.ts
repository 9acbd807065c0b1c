import { Chain } from '@chaingrad/core';
import { SerialIterator } from '@chaingrad/training';
import { DetectionVOCEvaluator, evalDetectionVoc, type Image, type Predictions } from '@chaingrad/vision';
import { expect } from 'chai';
import { squares } from '../squares.ts';

const examples = squares(7).map((example, i) => ({ ...example, difficult: Uint8Array.of(i === 3 ? 1 : 0) }));

/** Knows the answers, and moves every third one away. */
class Oracle extends Chain {
  asked: unknown[] = [];
  override forward(): never {
    throw new Error('not called');
  }
  async predict(imgs: readonly Image[], options?: object): Promise<Predictions> {
    this.asked.push(options);
    const found = imgs.map((img) => examples.findIndex((example) => example.img === img));
    return {
      bboxes: found.map((i) => examples[i]!.bbox.map((v) => v + (i % 3 === 0 ? 9 : 0))),
      labels: found.map((i) => examples[i]!.label),
      scores: found.map((i) => Float32Array.of(1 - i / 10)),
    };
  }
}

describe('DetectionVOCEvaluator', () => {
  const evaluator = (options = {}) =>
    new DetectionVOCEvaluator(
      new SerialIterator(examples, 2, { repeat: false, shuffle: false }),
      new Oracle(),
      options,
    );

  it('reports what evalDetectionVoc gives for all images', async () => {
    const labelNames = ['bright', 'dark', 'never'];
    const all = await new Oracle().predict(examples.map(({ img }) => img));
    const truth = [examples.map(({ bbox }) => bbox), examples.map(({ label }) => label)] as const;
    for (const use07Metric of [false, true]) {
      const subject = evaluator({ labelNames, use07Metric });
      subject.name = 'validation';
      const got = await subject.evaluate();
      const difficult = examples.map((example) => example.difficult);
      const { ap, map } = evalDetectionVoc(all.bboxes, all.labels, all.scores, ...truth, difficult, {
        use07Metric,
      });
      expect(map).to.be.within(0.1, 0.9);
      expect(got).to.deep.equal({
        'validation/main/map': map,
        'validation/main/ap/bright': ap[0],
        'validation/main/ap/dark': ap[1],
        'validation/main/ap/never': Number.NaN,
      });
      expect(subject.result).to.deep.equal({ ap, map });
      // A second time: the iterator starts anew.
      expect(await subject.evaluate()).to.deep.equal(got);
    }
  });

  it('asks for low scores, as the preset evaluate', async () => {
    const model = new Oracle();
    await new DetectionVOCEvaluator(new SerialIterator(examples, 7, { repeat: false }), model).evaluate();
    expect(model.asked).to.deep.equal([{ scoreThresh: 0.01, nmsThresh: 0.45 }]);
  });

  it('stops when the training is aborted', async () => {
    const reason = new Error('enough');
    const failure = await evaluator()
      .evaluate(AbortSignal.abort(reason))
      .catch((error: unknown) => error);
    expect(failure).to.equal(reason);
  });
});
