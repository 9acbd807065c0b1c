/** Pictures of what a detector finds, during training. */
import '@tensorflow/tfjs-backend-cpu';
import { InvalidArgumentError } from '@chaingrad/core';
import { MemoryStore, SerialIterator } from '@chaingrad/training';
import { DetectionVisReport, type Image, type ShownExample, tileImages, visBbox } from '@chaingrad/vision';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { thrown } from '../../support/errors.ts';
import { buildTraining } from '../../training/support.ts';

const SIZE = 24;
const makeContext = (width: number, height: number) => createCanvas(width, height).getContext('2d');
const examples = Array.from({ length: 3 }, (_, i): ShownExample => {
  const img: Image = { data: new Uint8Array(SIZE * SIZE * 3).fill(40 * i), shape: [SIZE, SIZE, 3] };
  return { img, bbox: Float32Array.of(2, 3, 12, 15), label: Int32Array.of(i % 2) };
});
/** Finds each object a little lower, and tells how it was asked. */
const modelOf = (asked: object[] = []) => ({
  async predict(imgs: readonly Image[], options = {}) {
    asked.push({ count: imgs.length, ...options });
    return {
      bboxes: imgs.map(() => Float32Array.of(8, 3, 20, 15)),
      labels: imgs.map(() => Int32Array.of(1)),
      scores: imgs.map(() => Float32Array.of(0.5)),
    };
  },
});
const once = () => new SerialIterator(examples, 2, { repeat: false, shuffle: false });
const labelNames = ['a', 'b'];

async function pixelsOf(png: Uint8Array): Promise<number[]> {
  const picture = await loadImage(Buffer.from(png));
  const context = createCanvas(picture.width, picture.height).getContext('2d');
  context.drawImage(picture, 0, 0);
  return [...context.getImageData(0, 0, picture.width, picture.height).data];
}

describe('vision/extensions/DetectionVisReport', () => {
  before(() => tf.setBackend('cpu'));

  it('draws the truth beside what is found, a file an example, each epoch', async () => {
    const store = new MemoryStore();
    using training = buildTraining({ stop: [2, 'epoch'], store });
    const asked: object[] = [];
    const { iterator, trainer } = training;
    const subject = new DetectionVisReport(once(), modelOf(asked), {
      labelNames,
      scoreThresh: 0.3,
      makeContext,
    });
    trainer.extend(subject);
    await trainer.run();
    expect(asked).to.deep.equal([2, 1, 2, 1].map((count) => ({ count, scoreThresh: 0.3 })));
    const names = (await store.list())
      .map(({ name }) => name)
      .filter((name) => name.startsWith('detection_'));
    const last = trainer.updater.iteration;
    expect(iterator.epoch).to.equal(2);
    expect(names).to.have.length(6);
    expect(names).to.include(`detection_iter=${last}_idx=2.png`);

    const drawn = (box: Float32Array, label: Int32Array, score: Float32Array | null): Image => {
      const context = makeContext(SIZE, SIZE);
      visBbox(context, examples[2]!.img, box, label, score, { labelNames });
      return {
        data: Uint8ClampedArray.from(context.getImageData(0, 0, SIZE, SIZE).data),
        shape: [SIZE, SIZE, 4],
      };
    };
    const want = tileImages(
      [
        drawn(examples[2]!.bbox, examples[2]!.label, null),
        drawn(Float32Array.of(8, 3, 20, 15), Int32Array.of(1), Float32Array.of(0.5)),
      ],
      2,
      { fill: 255 },
    );
    expect(await pixelsOf(await store.read(`detection_iter=${last}_idx=2.png`))).to.deep.equal([
      ...want.data,
    ]);
  });

  it('draws as many as are asked for, by names of its own, and ends its iterator', async () => {
    const store = new MemoryStore();
    using training = buildTraining({ stop: [1, 'epoch'], store });
    const iterator = once();
    let finalized = 0;
    iterator.finalize = () => {
      finalized++;
    };
    const asked: object[] = [];
    training.trainer.extend(
      new DetectionVisReport(iterator, modelOf(asked), {
        nExamples: 1,
        filename: 'e{epoch}-{index}.png',
        makeContext,
      }),
    );
    await training.trainer.run();
    const names = (await store.list()).map(({ name }) => name);
    expect(names).to.include('e1-0.png');
    expect(names.filter((name) => name.endsWith('.png'))).to.have.length(1);
    expect([asked.length, finalized]).to.deep.equal([1, 1]);
  });

  it('refuses what would not do', () => {
    const make = (options: object, iterator = once()) =>
      thrown(() => new DetectionVisReport(iterator, modelOf(), options), InvalidArgumentError).message;
    expect(make({ makeContext }, new SerialIterator(examples, 1))).to.include('repeat: false');
    for (const filename of ['a.png', '{index}{x}.png', 'a/{index}.png'])
      expect(make({ makeContext, filename }), filename).to.include('{index}');
    expect(make({})).to.include('@napi-rs/canvas');
  });
});
