/** ChainerCV's classifiers beside VGG16, whole, on generated weights: structure, every layer, predictions, a training step. */
import {
  backward,
  type Link,
  type Parameter,
  type PickableSequentialChain,
  softmaxCrossEntropy,
  useBackend,
  usingConfig,
  withoutValues,
} from '@chaingrad/core';
import * as vision from '@chaingrad/vision';
import { type FeatureArray, FeaturePredictor, VisionOptionError } from '@chaingrad/vision';
import { MemoryWeights, PretrainedArgumentError } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { unit } from '../../support/goldens.ts';
import { channelsFirst, expectSamples, expectStats, magnitude } from '../../support/models.ts';
import { expectClose, generatedImage, goldens } from '../support.ts';
import { type ForwardGolden, fillNet, type GeneratedNet } from './generated-net.ts';

type Net = PickableSequentialChain & { readonly mean: readonly [number, number, number] };

interface Lists {
  layer_names: string[];
  mean: number[];
  n_params: number;
  n_values: number;
  n_with_value_before_first_forward: number;
  same_lists_as?: string;
  params: [path: string, shape: number[]][];
  persistents: string[];
}

const make: Record<string, (nClass: number) => Net> = {
  'ResNet50/fb': (nClass) => new vision.ResNet50({ nClass }),
  'ResNet50/he': (nClass) => new vision.ResNet50({ nClass, arch: 'he' }),
  'ResNet101/fb': (nClass) => new vision.ResNet101({ nClass }),
  'ResNet101/he': (nClass) => new vision.ResNet101({ nClass, arch: 'he' }),
  'ResNet152/fb': (nClass) => new vision.ResNet152({ nClass }),
  'ResNet152/he': (nClass) => new vision.ResNet152({ nClass, arch: 'he' }),
  SEResNet50: (nClass) => new vision.SEResNet50({ nClass }),
  SEResNet101: (nClass) => new vision.SEResNet101({ nClass }),
  SEResNet152: (nClass) => new vision.SEResNet152({ nClass }),
  SEResNeXt50: (nClass) => new vision.SEResNeXt50({ nClass }),
  SEResNeXt101: (nClass) => new vision.SEResNeXt101({ nClass }),
  'MobileNetV2/1.0': (nClass) => new vision.MobileNetV2({ nClass }),
  'MobileNetV2/1.4': (nClass) => new vision.MobileNetV2({ nClass, depthMultiplier: 1.4 }),
};

/** In the order of the goldens. */
const inOrder = (data: Float32Array, shape: readonly number[]): Float32Array =>
  shape.length === 4 ? channelsFirst(data, shape) : data;

/** The golden images minus the mean, as one batch. */
function batch(
  keys: readonly string[],
  [h, w]: readonly [number, number],
  mean: readonly number[],
): tf.Tensor4D {
  const values = keys.flatMap((key) => [...generatedImage(key, h, w).data].map((v, i) => v - mean[i % 3]!));
  return tf.tensor4d(values, [keys.length, h, w, 3]);
}

describe('vision/models: structure of the classifiers', () => {
  const lists = goldens<Record<string, Lists>>('cv_param_lists').json();
  let tensorsBefore: number;
  before(async () => {
    await useBackend('wasm');
    tensorsBefore = tf.memory().numTensors;
  });

  it('has a class for every list', () => {
    expect(Object.keys(make)).to.have.members(Object.keys(lists));
  });

  for (const [name, create] of Object.entries(make)) {
    it(`${name} has ChainerCV's layers, parameters, persistents and mean, and initializes without computing`, () => {
      const want = lists[name]!;
      const { params, persistents } = want.same_lists_as === undefined ? want : lists[want.same_lists_as]!;
      const model = withoutValues(() => create(23));
      expect(model.layerNames).to.deep.equal(want.layer_names);
      expect(model.mean.map(Math.fround)).to.deep.equal(want.mean);
      const isKnown = ({ partialShape }: Parameter) => partialShape?.every((size) => size !== null) ?? false;
      expect([...model.params()].filter(isKnown).length).to.equal(want.n_with_value_before_first_forward);
      withoutValues(() => model.initialize([1, 64, 64, 3]));
      expect([...model.namedparams()].map(([path, { shape }]) => [path, shape])).to.deep.equal(params);
      expect([...model.namedparams()].length).to.equal(want.n_params);
      expect([...model.namedpersistents()].map(([path]) => path)).to.deep.equal(persistents);
      expect(model.countParams()).to.equal(want.n_values);
      model.dispose();
      expect(tf.memory().numTensors, 'tensors').to.equal(tensorsBefore);
    });
  }

  it('drops what lies behind the picked layer', () => {
    const model = withoutValues(() => new vision.ResNet50());
    model.pick = 'res4';
    model.removeUnused();
    expect(model.layerNames).to.deep.equal(['conv1', 'pool1', 'res2', 'res3', 'res4']);
    expect([...model.params()].length).to.equal(129);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(tensorsBefore);
  });

  it('refuses an unknown arch', () => {
    expect(() => new vision.ResNet50({ arch: 'x' as never })).to.throw(VisionOptionError, "'fb', 'he'");
    expect(() => new vision.MobileNetV2({ arch: 'x' as never })).to.throw(VisionOptionError, "'tf'");
    expect(() => new vision.MobileNetV2({ depthMultiplier: 0 })).to.throw('a positive number');
  });
});

const forwards: [golden: string, list: string, tolerance: number, feature: string][] = [
  ['cv_resnet50_fb', 'ResNet50/fb', 2e-5, 'pool5'],
  ['cv_resnet50_he', 'ResNet50/he', 2e-5, 'pool5'],
  ['cv_seresnet50', 'SEResNet50', 2e-5, 'pool5'],
  ['cv_seresnext50', 'SEResNeXt50', 2e-5, 'pool5'],
  ['cv_mobilenetv2', 'MobileNetV2/1.0', 5e-5, 'squeeze'],
];

for (const [name, list, tolerance, feature] of forwards) {
  describe(`vision/models: ${name} on wasm`, () => {
    const golden = goldens<ForwardGolden>(name);
    let model: Net;
    let tensorsBefore: number;
    before(async () => {
      await useBackend('wasm');
      tensorsBefore = tf.memory().numTensors;
      model = make[list]!(golden.json().n_class);
      withoutValues(() => model.initialize([1, 64, 64, 3]));
      fillNet(model, golden.json());
    });
    after(() => {
      model.dispose();
      expect(tf.memory().numTensors, 'tensors after dispose()').to.equal(tensorsBefore);
    });

    it('equals ChainerCV in every layer', async () => {
      const { layers, layer_names, input_key, input_size } = golden.json();
      expect(model.layerNames).to.deep.equal(layer_names);
      const x = batch([input_key], input_size, model.mean);
      model.pick = layer_names;
      const outs = usingConfig('train', false, () => model.call(x)) as tf.Tensor[];
      model.pick = null;
      for (const [i, { name, stats }] of layers.entries()) {
        const { shape } = outs[i]!;
        const values = inOrder(await outs[i]!.data<'float32'>(), shape);
        const atol = tolerance * magnitude(stats);
        expectSamples(values, golden.i32(`layer/${name}/idx`), golden.f32(`layer/${name}/val`), atol, name);
        expectStats(values, stats, name, 1e-4);
      }
      const [prob] = await Promise.all(outs.slice(-1).map((out) => out.data<'float32'>()));
      expectClose(prob!, golden.f32('prob'), 2e-5, 'prob');
      tf.dispose([x, outs]);
    });

    for (const crop of ['center', '10'] as const) {
      const { predict } = golden.json();
      if (predict === undefined) continue;
      it(`predicts as ChainerCV, ${crop}`, async () => {
        const predictor = new FeaturePredictor(model, {
          cropSize: predict.crop_size,
          scaleSize: predict.scale_size,
          crop,
        });
        const before = tf.memory().numTensors;
        const last = model.layerNames.at(-1)!;
        model.pick = [feature, last];
        const images = predict.image_keys.map((key, i) => generatedImage(key, ...predict.image_sizes[i]!));
        const found = (await predictor.predict(images)) as FeatureArray[];
        model.pick = null;
        expect(tf.memory().numTensors).to.equal(before);
        for (const [i, layer] of [feature, last].entries()) {
          const { shape, data } = golden.array(`predict/${crop}/${layer}`);
          expect(found[i]!.shape).to.deep.equal(shape);
          const largest = Math.max(...(data as Float32Array).map(Math.abs));
          expectClose(found[i]!.data, data, tolerance * Math.max(largest, 1), layer);
        }
      });
    }
  });
}

interface TrainGolden extends GeneratedNet {
  n_class: number;
  input_keys: string[];
  input_size: [number, number];
  labels: number[];
  loss: number;
  grads: [path: string, l2: number][];
}

const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values, (v) => v * v).reduce((a, b) => a + b, 0));

describe('vision/models: a training pass of ResNet50 on wasm', () => {
  it('equals ChainerCV: loss, logits, gradients of all parameters, running statistics', async () => {
    await useBackend('wasm');
    const tensorsBefore = tf.memory().numTensors;
    const golden = goldens<TrainGolden>('cv_resnet50_train');
    const { n_class, input_keys, input_size, labels, loss: want, grads } = golden.json();
    const model = new vision.ResNet50({ nClass: n_class });
    withoutValues(() => model.initialize([1, 64, 64, 3]));
    fillNet(model, golden.json());
    model.pick = 'fc6';
    const x = batch(input_keys, input_size, model.mean);
    const t = tf.tensor1d(labels, 'int32');
    let fc6: tf.Tensor | undefined;
    const loss = usingConfig('train', true, () =>
      backward(() => {
        const y = model.call(x) as tf.Tensor2D;
        fc6 = tf.keep(tf.clone(y));
        return softmaxCrossEntropy(y, t);
      }, model),
    );
    expect(loss.dataSync()[0]).to.be.closeTo(want, 1e-4 * want);
    const logits = golden.f32('fc6');
    expectClose(fc6!.dataSync(), logits, 3e-4 * Math.max(...logits.map(Math.abs)), 'fc6');
    const params = new Map(model.namedparams());
    expect([...params.keys()]).to.deep.equal(grads.map(([path]) => path));
    for (const [path, l2] of grads) {
      const got = await params.get(path)!.grad!.data<'float32'>();
      expect(norm(got), `${path}: norm`).to.be.closeTo(l2, 3e-2 * l2);
      const index = golden.i32(`grad${path}/idx`);
      const values = golden.f32(`grad${path}/val`);
      const apart = Array.from(index, (at, i) => got[at]! - values[i]!);
      // Single elements move where a relu flips: a batch of 8 pictures of 64 x 64 has few pixels in the last stages.
      expect(norm(apart), `${path}: distance of ${index.length} samples`).to.be.at.most(0.1 * norm(values));
    }
    for (const [path, persistent] of model.namedpersistents()) {
      if (path.endsWith('/N')) continue;
      const values = golden.f32(`after${path}`);
      const got = (persistent.value as tf.Tensor).dataSync().slice(0, values.length);
      expectClose(got, values, 2e-4 * Math.max(1, ...values.map(Math.abs)), path);
    }
    tf.dispose([x, t, loss, fc6!]);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(tensorsBefore);
  });
});

/** A file of a model in memory: values that repeat, without a copy of them. */
function fileOf(model: Link): MemoryWeights {
  const arrays = [...model.namedparams()].map(([path, { shape }]) => {
    const size = shape!.reduce((a, b) => a * b, 1);
    return [
      path.slice(1),
      { shape: [...shape!], dtype: 'float32', data: new Float32Array(size).fill(unit(path, 0)) },
    ];
  });
  const persistents = [...model.namedpersistents()].map(([path, { value }]) => {
    const shape = value instanceof tf.Tensor ? value.shape : [];
    const size = shape.reduce((a, b) => a * b, 1);
    return [path.slice(1), { shape, dtype: 'float32', data: new Float32Array(size).fill(1) }];
  });
  return new MemoryWeights('a file', 'npz', new Map([...arrays, ...persistents] as never));
}

describe('vision/models: fromPretrained of the classifiers', () => {
  before(() => useBackend('wasm'));

  it('takes the number of classes from a file, and every value', async () => {
    const before = tf.memory().numTensors;
    const mean = [1, 2, 3] as const;
    const cases: [make: Net, open: (file: never) => Promise<Net>, last: string][] = [
      [
        new vision.ResNet18({ nClass: 7 }),
        (file) => vision.ResNet18.fromPretrained(file, { mean }),
        '/fc6/b',
      ],
      [
        new vision.SEResNet50({ nClass: 7 }),
        (file) => vision.SEResNet50.fromPretrained(file, { mean }),
        '/fc6/b',
      ],
      [
        new vision.MobileNetV2({ nClass: 7, depthMultiplier: 1.4 }),
        (file) => vision.MobileNetV2.fromPretrained(file, { mean, depthMultiplier: 1.4 }),
        '/logits_conv/conv/b',
      ],
    ];
    for (const [like, open, last] of cases) {
      like.initialize([1, 64, 64, 3]);
      const model = await open(fileOf(like) as never);
      expect(model.mean).to.equal(mean);
      expect(model).to.be.instanceOf(like.constructor);
      const b = new Map(model.namedparams()).get(last)!;
      expect([...b.array!.dataSync()]).to.deep.equal(Array(7).fill(Math.fround(unit(last, 0))));
      like.dispose();
      model.dispose();
    }
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('refuses arguments that the weights contradict, before anything is fetched', async () => {
    const error = async (promise: Promise<unknown>) =>
      promise.then(
        () => null,
        (e: unknown) => e,
      );
    expect(await error(vision.ResNet50.fromPretrained('imagenet', { arch: 'he' }))).to.be.instanceOf(
      PretrainedArgumentError,
    );
    expect(await error(vision.ResNet101.fromPretrained('imagenet-he', { nClass: 3 }))).to.be.instanceOf(
      PretrainedArgumentError,
    );
    expect(await error(vision.SEResNeXt101.fromPretrained('imagenet', { nClass: 3 }))).to.be.instanceOf(
      PretrainedArgumentError,
    );
    expect(String(await error(vision.ResNet18.fromPretrained()))).to.contain('a source');
  });
});
