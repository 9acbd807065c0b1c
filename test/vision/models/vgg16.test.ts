/** VGG16 in full and its FeaturePredictor, on WASM, with one model for all: its weights are 553 MB. */

import { useBackend, usingConfig } from '@chaingrad/core';
import {
  type FeatureArray,
  FeaturePredictor,
  VGG16,
  VGG16Extractor300,
  VisionOptionError,
} from '@chaingrad/vision';
import { serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { readJson } from '../../support/goldens.ts';
import {
  channelsFirst,
  expectSamples,
  expectStats,
  fillParams,
  magnitude,
  type ParamRow,
  type Stats,
} from '../../support/models.ts';
import { expectClose, generatedImage, goldens, maxAbsDiff } from '../support.ts';
import { warningsOf } from './warnings.ts';

interface Structure {
  namedparams: [path: string, shape: number[], dtype: string][];
  elements: number;
  initialized_before_first_forward: string[];
  namedlinks: string[];
}

interface Golden {
  layer_names: string[];
  input_key: string;
  mean: [number, number, number];
  layers: { name: string; stats: Stats }[];
  top5: number[];
  predict: { image_keys: string[]; image_sizes: [number, number][] };
}

const golden = goldens<Golden>('vgg16');
const crops = ['center', '10'] as const;

/** In the order of the goldens. */
const inOrder = ({ data, shape }: FeatureArray): Float32Array =>
  shape.length === 4 ? channelsFirst(data, shape) : data;

const argsort = (values: ArrayLike<number>) =>
  Array.from(values, (_, i) => i).sort((a, b) => values[b]! - values[a]!);

describe('vision/models/VGG16, whole, on wasm', () => {
  let model: VGG16;
  let tensorsBefore: number;
  before(async () => {
    await useBackend('wasm');
    tensorsBefore = tf.memory().numTensors;
    model = new VGG16();
  });
  after(() => {
    model.dispose();
    expect(tf.memory().numTensors, 'tensors after dispose()').to.equal(tensorsBefore);
  });

  it("has ChainerCV's layers and parameters: names, shapes, order, count", () => {
    const want = readJson<Record<string, Structure>>('goldens/namedparams.json')['VGG16(1000)']!;
    expect(model.layerNames).to.deep.equal(golden.json().layer_names);
    expect(model.mean).to.deep.equal([123.68, 116.779, 103.939]);
    expect([...model.namedparams(false)].map(([path]) => path)).to.deep.equal(
      want.initialized_before_first_forward,
    );
    expect([...model.namedlinks()].map(([path]) => path)).to.deep.equal(want.namedlinks);
    // Filled from the goldens, which checks the paths; a shape that is wrong fails at the first layer that meets it.
    fillParams(model, readJson<{ params: ParamRow[] }>('goldens/vgg16_params.json').params);
    expect([...model.namedparams()].map(([path, { shape, dtype }]) => [path, shape, dtype])).to.deep.equal(
      want.namedparams,
    );
    expect(model.countParams()).to.equal(want.elements);
  });

  it('equals ChainerCV in all 26 layers', async () => {
    const { layer_names, layers, input_key, mean, top5 } = golden.json();
    const { data } = generatedImage(input_key, 224, 224);
    const x = tf.tensor4d(
      Float32Array.from(data, (v, i) => v - mean[i % 3]!),
      [1, 224, 224, 3],
    );
    model.pick = layer_names;
    const outs = usingConfig('train', false, () => model.call(x)) as tf.Tensor[];
    model.pick = null;
    for (const [i, { name, stats }] of layers.entries()) {
      const values = await outs[i]!.data<'float32'>();
      const ordered = outs[i]!.rank === 4 ? channelsFirst(values, outs[i]!.shape) : values;
      const atol = 2e-5 * magnitude(stats);
      expectSamples(ordered, golden.i32(`layer/${name}/idx`), golden.f32(`layer/${name}/val`), atol, name);
      expectStats(ordered, stats, name, name === 'prob' ? 1e-4 : 1e-5);
    }
    const [fc8, prob] = await Promise.all(outs.slice(-2).map((out) => out.data<'float32'>()));
    expectClose(prob!, golden.f32('prob'), 2e-5, 'prob');
    expectClose(fc8!, golden.f32('fc8'), 2e-5 * magnitude(layers.at(-2)!.stats), 'fc8');
    expect(argsort(prob!).slice(0, 5)).to.deep.equal(top5);
    tf.dispose([x, outs]);
  });

  it('comes back whole from a file, with another mean', async () => {
    const file = await serialize(model, { compression: false });
    using copy = await VGG16.fromPretrained(file, { mean: [1, 2, 3] });
    expect(copy.mean).to.deep.equal([1, 2, 3]);
    expect(copy.countParams()).to.equal(138_357_544);
    const last = [model, copy].map(({ fc8 }) => fc8.W.tensor.dataSync());
    expect(maxAbsDiff(last[1]!, last[0]!)).to.equal(0);
  });

  describe('FeaturePredictor', () => {
    const images = golden
      .json()
      .predict.image_keys.map((key, i) => generatedImage(key, ...golden.json().predict.image_sizes[i]!));

    for (const resizeBackend of ['cv2', 'PIL'] as const) {
      for (const crop of crops) {
        const key = `${resizeBackend}/${crop}`;

        it(`prepares as ChainerCV, ${key}`, () => {
          const predictor = new FeaturePredictor(model, {
            cropSize: 224,
            scaleSize: 256,
            crop,
            resizeBackend,
          });
          for (const [i, img] of images.entries()) {
            const parts = predictor.prepare(img);
            expect(parts.length).to.equal(crop === '10' ? 10 : 1);
            const chw = parts.flatMap(({ data, shape }) => [...channelsFirst(data, [1, ...shape])]);
            const name = `prepared/${key}/${i}`;
            expectSamples(chw, golden.i32(`${name}/idx`), golden.f32(`${name}/val`), 2e-3, name);
          }
        });

        if (!golden.has(`predict/${key}/prob`)) continue;
        it(`predicts as ChainerCV, ${key}`, async () => {
          const predictor = new FeaturePredictor(model, {
            cropSize: 224,
            scaleSize: 256,
            crop,
            resizeBackend,
          });
          const before = tf.memory().numTensors;
          model.pick = ['prob', 'conv5_3', 'fc7'];
          let found: FeatureArray[] = [];
          const warnings = await warningsOf(async () => {
            found = (await predictor.predict(images)) as FeatureArray[];
          });
          // Averaging conv5_3 over crops mixes places, as ChainerCV warns too.
          expect(warnings.length).to.equal(crop === '10' ? 1 : 0);
          expect(tf.memory().numTensors).to.equal(before);
          expect(found.map(({ shape }) => shape)).to.deep.equal([
            [2, 1000],
            [2, 14, 14, 512],
            [2, 4096],
          ]);
          const [prob, conv5_3, fc7] = found.map(inOrder);
          expectClose(prob!, golden.f32(`predict/${key}/prob`), 2e-5, 'prob');
          const want = golden.f32(`predict/${key}/fc7`);
          expectClose(fc7!, want, 1e-4 * Math.max(...want), 'fc7');
          const values = golden.f32(`predict/${key}/conv5_3/val`);
          const atol = 1e-4 * Math.max(...values);
          expectSamples(conv5_3!, golden.i32(`predict/${key}/conv5_3/idx`), values, atol, 'conv5_3');
          model.pick = null;
          if (crop === 'center' && resizeBackend === 'cv2') {
            const single = (await predictor.predict(images)) as FeatureArray;
            expect(single.shape).to.deep.equal([2, 1000]);
            expect(maxAbsDiff(single.data, prob!)).to.be.below(1e-7);
          }
        });
      }
    }

    it('scales to two sizes, or not at all, and leaves the image alone', () => {
      const [img] = images;
      const copy = img!.data.slice();
      const both = new FeaturePredictor(model, { cropSize: 224, scaleSize: [230, 240] });
      const chw = channelsFirst(both.prepare(img!)[0]!.data, [1, 224, 224, 3]);
      expectSamples(chw, golden.i32('prepared/tuple/idx'), golden.f32('prepared/tuple/val'), 2e-3, 'tuple');
      const none = new FeaturePredictor(model, { cropSize: [200, 224] });
      const plain = channelsFirst(none.prepare(img!)[0]!.data, [1, 200, 224, 3]);
      expectSamples(plain, golden.i32('prepared/noscale_idx'), golden.f32('prepared/noscale'), 1e-4, 'none');
      expect(img!.data).to.deep.equal(copy);
    });

    it('wants a known crop, a mean and an image', async () => {
      expect(() => new FeaturePredictor(model, { cropSize: 224, crop: '5' as never })).to.throw(
        VisionOptionError,
        "'center' or '10'",
      );
      using meanless = new VGG16Extractor300();
      expect(() => new FeaturePredictor(meanless, { cropSize: 224 })).to.throw(VisionOptionError, "'mean'");
      const predictor = new FeaturePredictor(model, { cropSize: 224 });
      let error: unknown;
      await predictor.predict([]).catch((e: unknown) => {
        error = e;
      });
      expect(error).to.be.instanceOf(VisionOptionError);
    });
  });
});
