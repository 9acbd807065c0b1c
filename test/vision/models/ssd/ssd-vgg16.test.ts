/** SSD300 and SSD512 in full, on WASM: the cpu backend would take minutes for a picture. */
import { useBackend } from '@chaingrad/core';
import { SSD300, SSD512 } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { readJson } from '../../../support/goldens.ts';
import {
  channelsFirst,
  expectSamples,
  expectStats,
  fillParams,
  magnitude,
  type ParamRow,
  type Stats,
} from '../../../support/models.ts';
import { generatedImage, goldens, maxAbsDiff } from '../../support.ts';
import { expectDetections, ofImage } from '../detections.ts';

interface Structure {
  namedparams: [path: string, shape: number[], dtype: string][];
  elements: number;
  initialized_before_first_forward: string[];
  namedlinks: string[];
}
const structures = readJson<Record<string, Structure>>('goldens/namedparams.json');
const rowsOf = (name: string) => readJson<{ params: ParamRow[] }>(`goldens/${name}.json`).params;

const mean = [123, 117, 104];

/** A batch of generated images minus the mean. */
function batch(keys: readonly string[], size: number): tf.Tensor4D {
  const images = keys.map((key) => generatedImage(key, size, size).data);
  const data = new Float32Array(images.length * size * size * 3);
  images.forEach((image, i) => {
    data.set(
      Float32Array.from(image, (v, k) => v - mean[k % 3]!),
      i * image.length,
    );
  });
  return tf.tensor4d(data, [keys.length, size, size, 3]);
}

/** Rows of a (B * K, n) view, with values in the order of the goldens. */
function expectRows(
  data: Float32Array,
  rows: ArrayLike<number>,
  want: Float32Array,
  atol: number,
  what: string,
): void {
  const n = want.length / rows.length;
  const index = Array.from(want, (_, i) => rows[Math.floor(i / n)]! * n + (i % n));
  expectSamples(data, index, want, atol, what);
}

describe('vision/models/SSD300 and SSD512, whole, on wasm', () => {
  before(() => useBackend('wasm'));

  for (const [name, make, size] of [
    ['SSD300(20)', () => new SSD300({ nFgClass: 20 }), 300],
    ['SSD300(50)', () => new SSD300({ nFgClass: 50 }), 300],
    ['SSD512(20)', () => new SSD512({ nFgClass: 20 }), 512],
  ] as const) {
    it(`${name} has ChainerCV's parameters: names, shapes, order, count`, () => {
      const want = structures[name]!;
      const before = tf.memory().numTensors;
      const model = make();
      expect([...model.namedparams(false)].map(([path]) => path)).to.deep.equal(
        want.initialized_before_first_forward,
      );
      model.initialize([1, size, size, 3]);
      expect([...model.namedparams()].map(([path, { shape, dtype }]) => [path, shape, dtype])).to.deep.equal(
        want.namedparams,
      );
      expect(model.countParams()).to.equal(want.elements);
      expect([...model.namedlinks()].map(([path]) => path)).to.deep.equal(want.namedlinks);
      model.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
  }

  describe('SSD300 with generated weights', () => {
    interface Golden {
      input: { keys: string[] };
      layers_pre_activation: Record<string, Stats>;
      features_post_activation: Stats[];
      mb_locs: Stats;
      mb_confs: Stats;
    }
    const golden = goldens<Golden>('ssd300_forward');
    let model: SSD300;
    before(() => {
      model = new SSD300({ nFgClass: 20 });
      fillParams(model, rowsOf('ssd300_params'));
    });
    after(() => model.dispose());

    it('equals ChainerCV in every layer, feature map and output', async () => {
      const { input, layers_pre_activation, features_post_activation, mb_locs, mb_confs } = golden.json();
      const x = batch(input.keys, 300);
      const links = [...model.namedlinks(true)].filter(([path]) => path in layers_pre_activation);
      expect(links.length).to.equal(36);
      const checked: string[] = [];
      const compare = (tensor: tf.Tensor, key: string, stats: Stats) => {
        const data = channelsFirst(tensor.dataSync<'float32'>(), tensor.shape);
        const atol = 2e-5 * magnitude(stats);
        expectSamples(data, golden.i32(`${key}/idx`), golden.f32(`${key}/val`), atol, key);
        expectStats(data, stats, key);
        checked.push(key);
      };
      for (const [path, link] of links) {
        link.addHook({
          name: 'compare',
          // Before the activation, as the goldens have it: the fused one would hide the negative half.
          forwardPreprocess: ({ args }) => {
            tf.tidy(() => {
              const plain = link.forward(args[0] as never) as tf.Tensor;
              compare(plain, `layer${path}`, layers_pre_activation[path]!);
            });
          },
        });
      }
      const features = model.extractor.call(x);
      features.forEach((feature, i) => {
        compare(feature, `feature/${i}`, features_post_activation[i]!);
      });
      const [locs, confs] = model.multibox.call(features);
      for (const [, link] of links) link.deleteHook('compare');
      expect(checked.length).to.equal(36 + 6);

      for (const [tensor, key, stats] of [
        [locs, 'mb_locs', mb_locs],
        [confs, 'mb_confs', mb_confs],
      ] as const) {
        expect(tensor.shape).to.deep.equal(stats.shape);
        const data = await tensor.data<'float32'>();
        const atol = 2e-5 * magnitude(stats);
        expectRows(data, golden.i32(`${key}/rows`), golden.f32(`${key}/val`), atol, key);
        expectStats(data, stats, key);
      }
      // The whole model gives the same as its parts.
      const outs = model.call(x);
      expect(maxAbsDiff(await outs[0].data(), await locs.data())).to.equal(0);
      expect(maxAbsDiff(await outs[1].data(), await confs.data())).to.equal(0);
      tf.dispose([x, features, locs, confs, outs]);
    });

    it('predicts on images of odd sizes, in their own pixels', async () => {
      model.usePreset('evaluate');
      const images = [generatedImage('odd/0', 7, 333), generatedImage('odd/1', 301, 451)];
      const { bboxes, labels, scores } = await model.predict(images);
      for (const [i, { shape }] of images.entries()) {
        const n = labels[i]!.length;
        expect(n).to.be.above(10);
        expect([bboxes[i]!.length, scores[i]!.length]).to.deep.equal([4 * n, n]);
        // Centres of the boxes lie in the image, or not far out of it.
        const centres = (axis: 0 | 1) =>
          Array.from(labels[i]!, (_, k) => (bboxes[i]![4 * k + axis]! + bboxes[i]![4 * k + axis + 2]!) / 2);
        for (const axis of [0, 1] as const) {
          const size = shape[axis];
          expect(Math.min(...centres(axis))).to.be.within(-size / 2, size / 2);
          expect(Math.max(...centres(axis))).to.be.within(size / 2, 1.5 * size);
        }
      }
    });

    const predictions = goldens<{ image_keys: string[]; image_sizes: [number, number][] }>('ssd300_predict');
    for (const backend of ['cv2', 'PIL'] as const) {
      it(`predict equals ChainerCV with both presets, resizing as ${backend}`, async () => {
        const { image_keys, image_sizes } = predictions.json();
        const images = image_keys.map((key, i) => generatedImage(key, ...image_sizes[i]!));
        expect(images[0]!.data).to.deep.equal(Uint8Array.from(predictions.image('img0').data));
        images.forEach((img, i) => {
          const { data, shape } = model.prepare(img, backend);
          const key = `prepared_${backend}_sample/${i}`;
          const chw = channelsFirst(data, [1, ...shape]);
          expectSamples(chw, predictions.i32(`${key}/idx`), predictions.f32(`${key}/val`), 2e-3, key);
        });
        if (backend === 'cv2') {
          const want = predictions.image('prepared_cv2/0').data;
          expect(maxAbsDiff(model.prepare(images[0]!).data, want)).to.be.below(2e-3);
        }
        const before = tf.memory().numTensors;
        for (const preset of ['visualize', 'evaluate'] as const) {
          model.usePreset(preset);
          const found = await model.predict(images, { resizeBackend: backend });
          for (const i of images.keys()) {
            const key = `predict/${backend}/${preset}/${i}`;
            const want = {
              bbox: predictions.f32(`${key}/bbox`),
              label: predictions.i32(`${key}/label`),
              score: predictions.f32(`${key}/score`),
            };
            expectDetections(ofImage(found, i), want, preset === 'evaluate' ? 0.005 : 0, key);
          }
        }
        expect(tf.memory().numTensors).to.equal(before);
      });
    }
  });

  describe('SSD512 with generated weights', () => {
    const golden = goldens<{ input_key: string; mb_locs: Stats; mb_confs: Stats; default_bbox: Stats }>(
      'ssd512_forward',
    );

    it('equals ChainerCV in its outputs and default boxes', async () => {
      const { input_key, mb_locs, mb_confs, default_bbox } = golden.json();
      using model = new SSD512({ nFgClass: 20 });
      fillParams(model, rowsOf('ssd512_params'));
      const x = batch([input_key], 512);
      const outs = model.call(x);
      for (const [i, key, stats] of [
        [0, 'mb_locs', mb_locs],
        [1, 'mb_confs', mb_confs],
      ] as const) {
        expect(outs[i].shape).to.deep.equal(stats.shape);
        const data = await outs[i].data<'float32'>();
        const atol = 2e-5 * magnitude(stats);
        expectRows(data, golden.i32(`${key}/rows`), golden.f32(`${key}/val`), atol, key);
        expectStats(data, stats, key);
      }
      tf.dispose([x, outs]);
      const boxes = model.coder.defaultBbox;
      expect(boxes.length / 4).to.equal(24564);
      expectStats(boxes, default_bbox, 'default_bbox', 1e-12);
      golden.i32('default_bbox/rows').forEach((row, i) => {
        const want = golden.f64('default_bbox/val').subarray(4 * i, 4 * i + 4);
        expect(maxAbsDiff(boxes.subarray(4 * row, 4 * row + 4), want)).to.be.below(1e-9);
      });
    });
  });
});
