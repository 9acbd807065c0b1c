import { Chain, Convolution2D, Random, setSeed, transferParams, useBackend } from '@chaingrad/core';
import {
  type DetectionExample,
  Multibox,
  MultiboxCoder,
  SSD,
  type SSDExtractor,
  warmStartHeads,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

/** Mean colours of the cells of a grid of 2 x 2. */
class Colours extends Chain implements SSDExtractor {
  readonly insize = 8;
  readonly grids = [2] as const;
  readonly conv = new Convolution2D(3, 3, 1, { nobias: true });

  override forward(x: tf.Tensor4D): tf.Tensor4D[] {
    return [tf.avgPool(this.conv.call(x), 4, 4, 'valid')];
  }
}

/** One default box a cell of 4 x 4 pixels. */
class ColourSSD extends SSD<Colours> {
  constructor(nFgClass: number, scoreFunction: 'sigmoid' | 'softmax') {
    const rows = [0, 1].flatMap((y) => [0, 1].flatMap((x) => [4 * y + 2, 4 * x + 2, 4, 4]));
    super(new Colours(), new Multibox(nFgClass + 1, [1], { ksize: 1, pad: 0 }), {
      coder: new MultiboxCoder({ defaultBbox: rows, variance: [0.1, 0.2] }),
      scoreFunction,
    });
    this.initialize([1, 8, 8, 3]);
  }
}

/** Sure of red, green and blue things; `background` is the row of the background. */
function source(scoreFunction: 'sigmoid' | 'softmax', background: number[]): ColourSSD {
  const model = new ColourSSD(3, scoreFunction);
  const set = (param: { adopt(values: tf.Tensor): void }, values: number[], shape: number[]) =>
    param.adopt(tf.tensor(values, shape));
  const identity = [1, 0, 0, 0, 1, 0, 0, 0, 1];
  set(model.extractor.conv.W, identity, [3, 3, 1, 1]);
  const head = model.multibox.conf.at(0);
  set(head.W, [...background, ...identity.map((value) => value * 0.05)], [4, 3, 1, 1]);
  set(head.b!, [0.5, -4, -4, -4], [4]);
  return model;
}

/** A square of one colour in a cell of a black image. */
function square(label: number, colour: readonly number[], cell: number, difficult = 0): DetectionExample {
  const data = new Uint8Array(8 * 8 * 3);
  const [y0, x0] = [4 * (cell >> 1), 4 * (cell & 1)];
  for (let y = y0; y < y0 + 4; y++) for (let x = x0; x < x0 + 4; x++) data.set(colour, (y * 8 + x) * 3);
  return {
    img: { data, shape: [8, 8, 3] },
    bbox: Float32Array.of(y0, x0, y0 + 4, x0 + 4),
    label: Int32Array.of(label),
    difficult: Uint8Array.of(difficult),
  };
}

const list = (examples: DetectionExample[]) => ({
  length: examples.length,
  get: (i: number) => examples[i]!,
});
const red = [200, 20, 0];
const blue = [0, 0, 220];
const orange = [200, 90, 0];

async function confidences(model: SSD, example: DetectionExample): Promise<number[][]> {
  const { nClass } = model.multibox;
  const [locs, confs] = model.call(tf.tensor4d(Float32Array.from(example.img.data), [1, 8, 8, 3]));
  const values = [...(await confs.data())];
  tf.dispose([locs, confs]);
  return [0, 1, 2, 3].map((k) => values.slice(k * nClass, (k + 1) * nClass));
}

describe('warmStartHeads', () => {
  before(() => useBackend('cpu'));
  beforeEach(() => setSeed(0));

  it('begins each class from the one that answers most, with the scores that a sigmoid gives', async () => {
    using old = source('sigmoid', [9, 9, 9]);
    using model = new ColourSSD(2, 'softmax');
    transferParams(old, model, { ignore: /^\/multibox\/conf\// });
    const examples = [square(1, red, 0), square(0, blue, 3), square(0, red, 1, 1), square(1, orange, 2)];
    const before = tf.memory().numTensors;
    const starts = await warmStartHeads(old, model, list(examples));
    expect(tf.memory().numTensors).to.equal(before);
    expect(starts!.map(({ label, from }) => [label, from])).to.deep.equal([
      [0, 2],
      [1, 0],
    ]);
    for (const example of examples) {
      const theirs = await confidences(old, example);
      (await confidences(model, example)).forEach(([background, first, second], k) => {
        expect(background).to.equal(0);
        expect(first).to.be.closeTo(theirs[k]![3]!, 1e-5);
        expect(second).to.be.closeTo(theirs[k]![1]!, 1e-5);
      });
    }
  });

  it('divides the score of a class among those that begin from it, and tells them apart a little', async () => {
    using old = source('sigmoid', [0, 0, 0]);
    using model = new ColourSSD(2, 'softmax');
    transferParams(old, model, { ignore: /^\/multibox\/conf\// });
    const [plain, bright] = [square(0, red, 0), square(1, orange, 1)];
    const starts = await warmStartHeads(old, model, list([plain, bright]), { rng: new Random(1) });
    expect(starts!.map(({ from }) => from)).to.deep.equal([0, 0]);
    const head = model.multibox.conf.at(0);
    expect([...head.b!.tensor.dataSync()].map((value) => value.toFixed(4))).to.deep.equal([
      '0.0000',
      ...[0, 1].map(() => (-4 - Math.log(2)).toFixed(4)),
    ]);
    const rows = [...head.W.tensor.dataSync()];
    expect(rows.slice(3, 6)).not.to.deep.equal(rows.slice(6, 9));
    rows.slice(3, 9).forEach((value, i) => {
      expect(value).to.be.closeTo(i % 3 === 0 ? 0.05 : 0, 0.04);
    });
  });

  it('keeps the background of a softmax, and begins small where no class answers', async () => {
    using old = source('softmax', [0.01, 0.02, 0.03]);
    using model = new ColourSSD(2, 'softmax');
    transferParams(old, model, { ignore: /^\/multibox\/conf\// });
    const grey = square(1, [30, 30, 30], 0);
    const starts = await warmStartHeads(old, model, list([square(0, red, 0), grey]), { minScore: 0.5 });
    expect(starts!.map(({ from }) => from)).to.deep.equal([0, null]);
    const head = model.multibox.conf.at(0);
    const rows = [...head.W.tensor.dataSync()];
    [0.01, 0.02, 0.03, 0.05, 0, 0].forEach((value, i) => {
      expect(rows[i]).to.be.closeTo(value, 1e-6);
    });
    expect(Math.max(...rows.slice(6).map(Math.abs)))
      .to.be.greaterThan(0)
      .and.lessThan(0.05);
    expect([...head.b!.tensor.dataSync()]).to.deep.equal([0.5, -4, 0]);
  });

  it('leaves heads alone that do not fit', async () => {
    using old = source('sigmoid', [0, 0, 0]);
    using other = new ColourSSD(2, 'sigmoid');
    expect(await warmStartHeads(old, other, list([square(0, red, 0)]))).to.equal(null);
  });
});
