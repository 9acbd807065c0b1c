import { UninitializedParameterError } from '@chaingrad/core';
import {
  assertIsDetectionLink,
  type Image,
  Multibox,
  MultiboxCoder,
  SSD,
  VisionOptionError,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose, useTestBackend } from '../../../support/backends.ts';
import { channelsLast } from '../../../support/goldens.ts';
import { fillParams } from '../../../support/models.ts';
import { expectDetections, ofImage } from '../detections.ts';
import { TinyExtractor, TinySSD, tiny } from '../tiny-ssd.ts';

const backends = ['cv2', 'PIL'] as const;
const presets = ['visualize', 'evaluate'] as const;
const images = [0, 1, 2].map((i) => tiny.image(`img/${i}`));

describeBackends('vision/models/SSD', () => {
  let model: TinySSD;
  before(() => {
    model = new TinySSD().initialize([1, 32, 32, 3]);
    fillParams(model, tiny.json().params);
  });
  after(() => model.dispose());

  it('equals ChainerCV in every layer and output', async () => {
    const { shape, data } = tiny.array('x');
    const x = tf.tensor4d(channelsLast(data as Float32Array, shape), [3, 32, 32, 3]);
    const seen: [string, tf.Tensor][] = [];
    const links = [...model.namedlinks(true)].filter(([path]) => tiny.has(`layer${path}`));
    for (const [path, link] of links) {
      link.addHook({
        name: 'see',
        // Before the activation, as the goldens have it: the fused one would hide the negative half.
        forwardPreprocess: ({ args }) => {
          seen.push([path, tf.keep(tf.tidy(() => link.forward(args[0] as never) as tf.Tensor))]);
        },
      });
    }
    const [locs, confs] = model.call(x);
    for (const [, link] of links) link.deleteHook('see');
    expect(seen.length).to.equal(8);
    for (const [path, tensor] of seen) {
      const want = tiny.array(`layer${path}`);
      expectClose(await tensor.data(), channelsLast(want.data as Float32Array, want.shape), 2e-5, path);
    }
    expect([locs.shape, confs.shape]).to.deep.equal([
      [3, 352, 4],
      [3, 352, 4],
    ]);
    expectClose(await locs.data(), tiny.f32('mb_locs'), 2e-5, 'mb_locs');
    expectClose(await confs.data(), tiny.f32('mb_confs'), 2e-5, 'mb_confs');
    tf.dispose([x, locs, confs, ...seen.map(([, tensor]) => tensor)]);
  });

  for (const backend of backends) {
    it(`predict equals ChainerCV with both presets, resizing as ${backend}`, async () => {
      for (const preset of presets) {
        model.usePreset(preset);
        const found = await model.predict(images, { resizeBackend: backend });
        for (const i of images.keys()) {
          const key = `predict/${backend}/${preset}/${i}`;
          const want = {
            bbox: tiny.f32(`${key}/bbox`),
            label: tiny.i32(`${key}/label`),
            score: tiny.f32(`${key}/score`),
          };
          expectDetections(ofImage(found, i), want, preset === 'evaluate' ? 0.005 : 0, key);
        }
      }
    });
  }

  it('leaves no tensors behind after 20 predictions', async () => {
    const before = tf.memory().numTensors;
    for (let i = 0; i < 20; i++) await model.predict(images);
    expect(tf.memory().numTensors).to.equal(before);
  });
});

describe('vision/models/SSD', () => {
  let model: TinySSD;
  before(async () => {
    await useTestBackend('cpu');
    model = new TinySSD().initialize([1, 32, 32, 3]);
    fillParams(model, tiny.json().params);
  });
  after(() => model.dispose());

  it('has the default boxes of ChainerCV', () => {
    expectClose(model.coder.defaultBbox, tiny.f64('default_bbox'), 1e-9);
  });

  it('prepares images as ChainerCV does', () => {
    for (const backend of backends) {
      for (const [i, img] of images.entries()) {
        const want = tiny.image(`prepared_${backend}/${i}`);
        const got = model.prepare(img, backend);
        expect(got.shape).to.deep.equal(want.shape);
        const worst = Math.max(...got.data.map((v, k) => Math.abs(v - want.data[k]!)));
        expect(worst, `${backend} ${i}`).to.be.below(2e-3);
      }
    }
  });

  it('takes tensors, bytes and floats alike, and leaves them to the caller', async () => {
    const img = images[0]!;
    const [h, w] = img.shape;
    const tensor = tf.tensor3d(img.data, [h, w, 3]);
    const bytes: Image = { data: Uint8Array.from(img.data), shape: img.shape };
    const copy = img.data.slice();
    const [a, b, c] = await Promise.all([img, bytes, tensor].map((source) => model.predict([source])));
    expect(a!.labels[0]!.length).to.be.above(10);
    expect(b).to.deep.equal(a);
    expect(c).to.deep.equal(a);
    expect(img.data).to.deep.equal(copy);
    expect(tensor.isDisposed).to.equal(false);
    tensor.dispose();
  });

  it('keeps the contract of a detector, for images of any size and kind', async () => {
    model.usePreset('evaluate');
    await assertIsDetectionLink(model, 3);
    const grey = { data: Uint8ClampedArray.from({ length: 7 * 95 }, (_, i) => i), width: 95, height: 7 };
    const dot: Image = { data: Float32Array.of(255, 0, 12), shape: [1, 1, 3] };
    const { bboxes, labels, scores } = await model.predict([grey, dot]);
    for (const i of [0, 1]) {
      expect(labels[i]!.length).to.be.above(0);
      expect([bboxes[i]!.length / 4, scores[i]!.length]).to.deep.equal([
        labels[i]!.length,
        labels[i]!.length,
      ]);
    }
    // Boxes of an image of one pixel are in units of that pixel.
    expect(Math.max(...bboxes[1]!)).to.be.below(4);
  });

  it('gives empty lists for no images, and nothing above a score of 1', async () => {
    expect(await model.predict([])).to.deep.equal({ bboxes: [], labels: [], scores: [] });
    const { bboxes, labels, scores } = await model.predict(images.slice(0, 1), { scoreThresh: 1.1 });
    expect([bboxes[0], labels[0], scores[0]]).to.deep.equal([
      new Float32Array(),
      new Int32Array(),
      new Float32Array(),
    ]);
  });

  it('takes thresholds for one call, and the model keeps its own', async () => {
    model.usePreset('visualize');
    const all = await model.predict(images.slice(0, 1), { nmsThresh: null, scoreThresh: 0.01 });
    const few = await model.predict(images.slice(0, 1));
    expect(all.labels[0]!.length).to.be.above(few.labels[0]!.length);
    expect([model.nmsThresh, model.scoreThresh]).to.deep.equal([0.45, 0.6]);
    model.usePreset('evaluate');
    expect([model.nmsThresh, model.scoreThresh]).to.deep.equal([0.45, 0.01]);
    expect(() => model.usePreset('nope' as never)).to.throw(VisionOptionError, "'visualize' or 'evaluate'");
  });

  it('needs its weights', () => {
    using empty = new TinySSD();
    expect(() => [...empty.params()].map(({ shape }) => shape)).to.throw(UninitializedParameterError);
    expect(empty.nFgClass).to.equal(3);
    expect(empty.insize).to.equal(32);
  });

  it('copies share the coder and predict alike', async () => {
    model.usePreset('visualize');
    using copy = model.copy('copy');
    expect(await copy.predict(images)).to.deep.equal(await model.predict(images));
  });

  it('lets a subclass prepare, scale and score in its own way', async () => {
    // Padded to a square at the bottom and right, sigmoid scores, boxes of its own.
    class Square extends SSD<TinyExtractor> {
      constructor() {
        const defaultBbox = new Array(8 * 8 * 3 + 4 * 4 * 3).fill([16, 16, 8, 4]).flat();
        const coder = new MultiboxCoder({ defaultBbox, variance: [0.1, 0.2] });
        super(
          new TinyExtractor(),
          new Multibox(3, [3, 3], { ksize: 1, pad: 0, initialW: 0, initialBias: 0 }),
          { coder, scoreFunction: 'sigmoid' },
        );
      }
      override prepare(): Image<Float32Array> {
        return { data: new Float32Array(32 * 32 * 3), shape: [32, 32, 3] };
      }
      override boxScale([h, w]: readonly [number, number]): [number, number] {
        const side = Math.max(h, w) / this.insize;
        return [side, side];
      }
    }
    using square = new Square();
    const { bboxes, labels, scores } = await square.predict([images[2]!], { scoreThresh: 0.5 });
    // All offsets and logits are 0: the default box itself with a score of 1/2, once a class after suppression.
    expect([...labels[0]!]).to.deep.equal([0, 1]);
    expect([...scores[0]!]).to.deep.equal([0.5, 0.5]);
    const side = 61 / 32;
    expectClose(
      bboxes[0]!,
      [12, 14, 20, 18, 12, 14, 20, 18].map((v) => v * side),
      1e-6,
    );
  });

  it('refuses counted boxes without a coder', () => {
    expect(
      () => new SSD(new TinyExtractor(), new Multibox(3, [4, 6]), { steps: [4, 8], sizes: [6, 12, 20] }),
    ).to.throw(VisionOptionError, 'aspect ratios');
  });
});
