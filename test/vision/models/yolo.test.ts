/** YOLOv2, YOLOv2Tiny and YOLOv3 on generated weights: structure, every layer, decoding, predictions, gradients, ONNX. */
import { type Link, useBackend, usingConfig, withLinkHook, withoutValues } from '@chaingrad/core';
import { VisionOptionError, type YOLOBase, YOLOv2, YOLOv2Tiny, YOLOv3 } from '@chaingrad/vision';
import { MemoryWeights, PretrainedArgumentError } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { darknetPool, reorg } from '../../../packages/vision/src/models/yolo/darknet.ts';
import { expectSame, floats, Lambda } from '../../onnx/export/support.ts';
import { describeBackends } from '../../support/backends.ts';
import { channelsLast, type GoldenArray } from '../../support/goldens.ts';
import { channelsFirst, expectSamples, expectStats, type Stats } from '../../support/models.ts';
import { expectClose, generatedImage, goldens } from '../support.ts';
import { expectDetections, ofImage } from './detections.ts';
import { fillNet, type GeneratedNet } from './generated-net.ts';
import { warningsOf } from './warnings.ts';

interface Small extends GeneratedNet {
  name: string;
  n_fg_class: number;
  insize: number;
  grids: number | number[];
  image_key: string;
  image_size: [number, number];
  layers: Record<string, Pick<Stats, 'shape' | 'l1' | 'l2' | 'wsum'>>;
}

const classes = { YOLOv2, YOLOv2Tiny, YOLOv3 };
type Name = keyof typeof classes;
const names = Object.keys(classes) as Name[];

const small = goldens<{
  models: Record<Name, Small>;
  lists: Record<Name, { n_params: number; n_values: number }>;
}>('cv_yolo_small');
const large = goldens<{ models: Record<Name, Omit<Small, 'layers' | 'grids'>> }>('cv_yolo_416');

const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));

/** A model with the golden weights. */
function filled(name: Name, golden: Omit<Small, 'layers' | 'grids'>): YOLOBase {
  const { n_fg_class: nFgClass, insize } = golden;
  const model: YOLOBase = new classes[name]({ nFgClass, insize });
  withoutValues(() => model.initialize([1, insize, insize, 3]));
  fillNet(model, golden);
  return model;
}

/** The golden detections under a key. */
const detections = (golden: typeof small | typeof large, key: string) => ({
  bbox: golden.f32(`${key}/bbox`),
  label: golden.i32(`${key}/label`),
  score: golden.f32(`${key}/score`),
});

const nhwc = ({ data, shape }: GoldenArray) => {
  const [n, c, h, w] = shape as [number, number, number, number];
  return tf.tensor4d(channelsLast(data as Float32Array, shape), [n, h, w, c]);
};

describe('vision/models/yolo: structure', () => {
  before(() => useBackend('wasm'));

  for (const name of names) {
    it(`${name} has ChainerCV's parameters, and initializes without computing`, () => {
      const before = tf.memory().numTensors;
      const model: YOLOBase = withoutValues(() => new classes[name]({ nFgClass: 20 }));
      withoutValues(() => model.initialize([1, 416, 416, 3]));
      const { n_params, n_values } = small.json().lists[name];
      expect([[...model.params()].length, model.countParams()]).to.deep.equal([n_params, n_values]);
      expect(model.defaultBbox.length / 4).to.equal(name === 'YOLOv3' ? 10647 : 845);
      expect([model.insize, model.nFgClass, model.nmsThresh, model.scoreThresh]).to.deep.equal([
        416, 20, 0.45, 0.5,
      ]);
      model.usePreset('evaluate');
      expect([model.nmsThresh, model.scoreThresh]).to.deep.equal([0.45, 0.005]);
      model.dispose();
      expect(tf.memory().numTensors, 'tensors').to.equal(before);
    });
  }

  it('refuses what does not fit', () => {
    expect(() => new YOLOv2({} as never)).to.throw(PretrainedArgumentError, 'nFgClass must be specified');
    expect(() => new YOLOv3({ nFgClass: 0 })).to.throw(VisionOptionError, 'a positive whole number');
    expect(() => new YOLOv2Tiny({ nFgClass: 1, insize: 100 })).to.throw(VisionOptionError, 'multiple of 32');
    using model = withoutValues(() => new YOLOv2Tiny({ nFgClass: 1 }));
    expect(() => model.usePreset('x' as never)).to.throw(VisionOptionError, 'YOLOv2Tiny.usePreset');
  });
});

describeBackends('vision/models/yolo: the parts of Darknet', () => {
  it('pool and read again as ChainerCV', async () => {
    const [x, y] = [nhwc(small.array('maxpool/x')), nhwc(small.array('reorg/x'))];
    for (const [got, key] of [
      [darknetPool(x), 'maxpool/k2'],
      [darknetPool(x, 1), 'maxpool/k2s1'],
      [reorg(y), 'reorg/y'],
    ] as const) {
      expect(channelsFirst(await got.data<'float32'>(), got.shape), key).to.deep.equal(small.f32(key));
      got.dispose();
    }
    tf.dispose([x, y]);
  });
});

describeBackends(
  'vision/models/yolo',
  (backend) => {
    // Plain JavaScript takes seconds, WebGPU in software a minute.
    for (const name of backend === 'wasm' ? names : (['YOLOv2Tiny'] as const)) {
      describe(name, () => {
        const key = `${name}_small_4`;
        let model: YOLOBase;
        let tensorsBefore: number;
        before(() => {
          tensorsBefore = tf.memory().numTensors;
          model = filled(name, small.json().models[name]);
        });
        after(() => {
          model.dispose();
          expect(tf.memory().numTensors, 'tensors after dispose()').to.equal(tensorsBefore);
        });

        it('equals ChainerCV in every layer and output', async () => {
          const { layers } = small.json().models[name];
          const links = new Map([...model.namedlinks(true)].map(([path, link]) => [link, path]));
          const seen = new Map<string, tf.Tensor>();
          const see = (path: string | undefined, out: unknown) => {
            if (path !== undefined && path in layers && out instanceof tf.Tensor)
              seen.set(path, tf.keep(tf.clone(out)));
          };
          const { image_key, image_size } = small.json().models[name];
          const prepared = model.prepare(generatedImage(image_key, ...image_size));
          expectClose(prepared.data, small.image(`${key}/prepared`).data, 2e-3 / 255, 'prepared');
          const x = tf.tensor4d(prepared.data, [1, ...prepared.shape]);
          const outs = withLinkHook(
            { name: 'see', forwardPostprocess: ({ link, out }) => see(links.get(link), out) },
            () => usingConfig('train', false, () => model.call(x)),
          );
          expect([...seen.keys()]).to.have.members(Object.keys(layers));
          for (const [path, tensor] of seen) {
            const values = channelsFirst(await tensor.data<'float32'>(), tensor.shape);
            const want = small.f32(`${key}/layer${path}/val`);
            expectSamples(values, small.i32(`${key}/layer${path}/idx`), want, 3e-5 * largest(want), path);
            expectStats(values, layers[path]!, path, 1e-4);
          }
          for (const [i, output] of ['locs', 'objs', 'confs'].entries()) {
            const { shape, data } = small.array(`${key}/${output}`);
            expect(outs[i]!.shape, output).to.deep.equal(shape);
            expectClose(await outs[i]!.data(), data, 2e-5 * largest(data), output);
          }
          tf.dispose([x, outs, ...seen.values()]);
        });

        if (backend === 'cpu') return;
        it('predicts as ChainerCV with both presets, and leaves nothing behind', async () => {
          const before = tf.memory().numTensors;
          const { image_key, image_size } = small.json().models[name];
          const image = generatedImage(image_key, ...image_size);
          for (const preset of ['visualize', 'evaluate'] as const) {
            model.usePreset(preset);
            const allowed = preset === 'evaluate' ? 0.005 : 0;
            const outputs = ['locs', 'objs', 'confs'].map((output) => small.f32(`${key}/${output}`));
            const decoded = model.decode(outputs[0]!, outputs[1]!, outputs[2]!);
            expectDetections(
              decoded,
              detections(small, `${key}/decode/${preset}`),
              allowed,
              `decode ${preset}`,
              1e-4,
            );
            const found = await model.predict([image]);
            const want = detections(small, `${key}/predict/${preset}`);
            expectDetections(ofImage(found, 0), want, allowed, preset, 1e-4);
          }
          expect(tf.memory().numTensors).to.equal(before);
        });
      });
    }
  },
  ['cpu', 'wasm'],
);

describe('vision/models/yolo on wasm', () => {
  before(() => useBackend('wasm'));

  it('has the boxes of ChainerCV', () => {
    for (const name of names) {
      const { n_fg_class: nFgClass, insize } = small.json().models[name];
      using model: YOLOBase = withoutValues(() => new classes[name]({ nFgClass, insize }));
      expect(model.defaultBbox).to.deep.equal(small.f32(`${name}_small_4/default_bbox`));
      if (name === 'YOLOv3') expect(model.step).to.deep.equal(small.f32(`${name}_small_4/step`));
    }
  });

  for (const name of ['YOLOv2', 'YOLOv3'] as const) {
    it(`${name} at 416 equals ChainerCV in its outputs and predictions`, async () => {
      const golden = large.json().models[name];
      using model = filled(name, golden);
      const image = generatedImage(golden.image_key, ...golden.image_size);
      const want = detections(large, `${golden.name}/predict/visualize`);
      let outs: tf.Tensor[] = [];
      const see = {
        name: 'see',
        forwardPostprocess: ({ out }: { out: unknown }) => {
          outs = (out as tf.Tensor[]).map((each) => tf.keep(tf.clone(each)));
        },
      };
      model.addHook(see);
      expectDetections(ofImage(await model.predict([image]), 0), want, 0, 'visualize', 1e-4);
      for (const [i, output] of ['locs', 'objs', 'confs'].entries()) {
        const values = large.f32(`${golden.name}/${output}/val`);
        const index = large.i32(`${golden.name}/${output}/idx`);
        expectSamples(await outs[i]!.data(), index, values, 5e-5 * largest(values), output);
      }
      tf.dispose(outs);
    });
  }

  for (const name of names) {
    it(`${name} goes out as ONNX`, async () => {
      using model = filled(name, small.json().models[name]);
      const { insize } = model;
      const [inputs, { outputNames, about }] = model.onnxArguments();
      expect(inputs).to.deep.equal([[1, insize, insize, 3]]);
      const input = floats([2, insize, insize, 3]);
      const images = { ...input, data: input.data.map((value) => (value + 1) / 2) };
      for (const runtime of ['native', 'web'] as const)
        await expectSame(model, [images], { outputNames, about, runtime });
    });
  }

  it('has parts that go out as ONNX', async () => {
    for (const fn of [reorg, (x: tf.Tensor4D) => darknetPool(x, 1)])
      await expectSame(new Lambda(fn as never), [floats([2, 4, 6, 8])]);
  });

  it('takes the number of classes from a file, and tells it in its own', async () => {
    using like: Link = new YOLOv2Tiny({ nFgClass: 3, insize: 32 }).initialize([1, 32, 32, 3]);
    const arrays = [...like.namedparams()].map(([path, { shape, array }]) => [
      path.slice(1),
      { shape: [...shape!], dtype: 'float32', data: array!.dataSync() },
    ]);
    const file = new MemoryWeights('a file', 'npz', new Map(arrays as never));
    // Running statistics stay where the file lacks them, as ChainerCV's strict=False has it, and that is told.
    const warnings = await warningsOf(async () => {
      using model = await YOLOv2Tiny.fromPretrained(file as never, { insize: 32 });
      expect([model.nFgClass, model.insize]).to.deep.equal([3, 32]);
      expect(JSON.parse(model.serialMetadata()['chaingrad.about']!)).to.deep.equal({
        model: 'YOLOv2Tiny',
        nFgClass: 3,
        labelNames: null,
        scoreFunction: 'softmax',
      });
    });
    expect(warnings.join()).to.contain('YOLOv2Tiny.fromPretrained(a file)');
  });
});
