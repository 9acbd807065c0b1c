/** torchvision's names and numbers: files with PyTorch's state dicts give what PyTorch gave. */
import {
  backward,
  InvalidArgumentError,
  type PickableSequentialChain,
  softmaxCrossEntropy,
  useBackend,
  usingConfig,
  withoutValues,
} from '@chaingrad/core';
import * as vision from '@chaingrad/vision';
import { type NameMapName, nameMaps } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { channelsLast, generate, ints } from '../../support/goldens.ts';
import { channelsFirst, expectSamples, expectStats, magnitude } from '../../support/models.ts';
import { stateDict, type TorchGolden } from '../../support/torch-state.ts';
import { expectClose, goldens } from '../support.ts';

type Net = PickableSequentialChain & { readonly mean: readonly number[]; readonly arch: string };

/** torchvision's pictures are 0..1, divided by this deviation; ours are 0..255. The mean is off in both. */
const deviations = [0.229, 0.224, 0.225].map((std) => 255 * std);

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

const resnetLayers: Record<string, string> = {
  conv1: 'conv1',
  layer1: 'res2',
  layer2: 'res3',
  layer3: 'res4',
  layer4: 'res5',
  pool: 'pool5',
  fc: 'fc6',
};

const mobilenetLayers: Record<string, string> = {
  'features.0': 'conv',
  'features.1': 'expanded_conv',
  ...Object.fromEntries(
    Array.from({ length: 16 }, (_, i) => [`features.${i + 2}`, `expanded_conv_${i + 1}`]),
  ),
  'features.18': 'conv1',
  pool: 'global_average_pool',
  classifier: 'squeeze',
};

type Open = (file: Uint8Array<ArrayBuffer>, options: { names: NameMapName }) => Promise<Net>;

/** How to load each, its map, its layers, and how far samples of gradients may be, by L2: in the deep ones relus flip. */
const nets = {
  resnet18: [
    (file, options) => vision.ResNet18.fromPretrained(file, options),
    'torchvision-resnet18',
    resnetLayers,
    1e-3,
  ],
  resnet34: [
    (file, options) => vision.ResNet34.fromPretrained(file, options),
    'torchvision-resnet34',
    resnetLayers,
    1e-3,
  ],
  resnet50: [
    (file, options) => vision.ResNet50.fromPretrained(file, options),
    'torchvision-resnet50',
    resnetLayers,
    0.1,
  ],
  mobilenet_v2: [
    (file, options) => vision.MobileNetV2.fromPretrained(file, options),
    'torchvision-mobilenet_v2',
    mobilenetLayers,
    3e-2,
  ],
} as const satisfies Record<
  string,
  readonly [open: Open, names: NameMapName, layers: Record<string, string>, distance: number]
>;

const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values, (v) => v * v).reduce((a, b) => a + b, 0));

for (const [name, [open, names, layers, distance]] of Object.entries(nets)) {
  describe(`vision/models: ${name} of PyTorch on wasm`, () => {
    const golden = goldens<TorchGolden>(`torch_${name}`);
    let model: Net;
    let x: tf.Tensor4D;
    let tensorsBefore: number;
    before(async () => {
      await useBackend('wasm');
      tensorsBefore = tf.memory().numTensors;
      const file = await stateDict(golden.json());
      model = await open(file, { names });
      const { key, shape, scale } = golden.json().input;
      const values = channelsLast(generate({ key, scale, offset: 0 }, sizeOf(shape)), shape);
      const [n, c, h, w] = shape;
      x = tf.tensor4d(
        values.map((v, i) => v * deviations[i % 3]!),
        [n, h, w, c],
      );
    });
    after(() => {
      model.dispose();
      x.dispose();
      expect(tf.memory().numTensors, 'tensors after dispose()').to.equal(tensorsBefore);
    });

    it('loads by its names alone: arch, mean and the number of classes follow', () => {
      expect(model.arch).to.equal('torchvision');
      expect(model.mean).to.deep.equal([0.485 * 255, 0.456 * 255, 0.406 * 255]);
      const used = golden.json().state_dict.filter(([entry]) => !entry.endsWith('.num_batches_tracked'));
      const ours = [
        ...model.namedparams(),
        ...[...model.namedpersistents()].filter(([path]) => !path.endsWith('/N')),
      ];
      expect(ours.length).to.equal(used.length);
      const map = nameMaps[names].names;
      expect(Object.values(map).map(({ from }) => from)).to.have.members(used.map(([entry]) => entry));
    });

    it('equals PyTorch in every map', async () => {
      const { maps } = golden.json();
      model.pick = maps.map(({ name }) => layers[name]!);
      const outs = usingConfig('train', false, () => model.call(x)) as tf.Tensor[];
      model.pick = null;
      for (const [i, { name, stats }] of maps.entries()) {
        const { shape } = outs[i]!;
        const data = await outs[i]!.data<'float32'>();
        const values = shape.length === 4 ? channelsFirst(data, shape) : data;
        const atol = 1e-5 * magnitude(stats);
        expectSamples(values, golden.i32(`${name}/idx`), golden.f32(`${name}/val`), atol, name);
        expectStats(values, stats, name);
      }
      tf.dispose(outs);
    });

    it('trains as PyTorch: loss, gradients, running statistics', async () => {
      const { labels, loss: want, grads, input } = golden.json();
      const t = tf.tensor1d(ints(labels.key, input.shape[0], labels.n), 'int32');
      model.pick = name === 'mobilenet_v2' ? 'squeeze' : 'fc6';
      const loss = usingConfig('train', true, () =>
        backward(() => softmaxCrossEntropy(model.call(x) as tf.Tensor2D, t), model),
      );
      model.pick = null;
      expect(loss.dataSync()[0]).to.be.closeTo(want, 1e-4 * want);
      const theirs = new Map(
        Object.entries(nameMaps[names].names).map(([ours, { from }]) => [from as string, ours]),
      );
      const params = new Map(model.namedparams());
      expect(grads.length).to.equal(params.size);
      // In front of a batch normalization a bias has the gradient 0: what is recorded of it is rounding.
      const floor = 1e-6 * Math.max(...grads.map(([, l2]) => l2));
      for (const [theirName, l2] of grads) {
        const path = `/${theirs.get(theirName)!}`;
        const { grad } = params.get(path)!;
        const got = (await grad!.data<'float32'>()).slice();
        // The deviation of the pictures lies in our first kernels, and so, inverted, in their gradient.
        if (path === '/conv1/conv/W' || path === '/conv/conv/conv/W') {
          const area = grad!.shape[2]! * grad!.shape[3]!;
          for (let i = 0; i < got.length; i++) got[i]! /= deviations[Math.floor(i / area) % 3]!;
        }
        const isLast = theirName.startsWith('fc') || theirName.startsWith('classifier');
        expect(norm(got), `${theirName}: norm`).to.be.closeTo(l2, (isLast ? 1e-3 : 1e-2) * l2 + floor);
        // Single elements move where a relu flips: two pictures of 64 x 64 have few pixels in the last stages.
        const index = golden.i32(`grad/${theirName}/idx`);
        const values = golden.f32(`grad/${theirName}/val`);
        const apart = norm(Array.from(index, (at, i) => got[at]! - values[i]!));
        expect(apart, `${theirName}: distance of the samples`).to.be.at.most(distance * norm(values) + floor);
      }
      const persistents = new Map(model.namedpersistents());
      let compared = 0;
      for (const [theirName, ours] of theirs) {
        if (!golden.has(`after/${theirName}/idx`)) continue;
        const got = (persistents.get(`/${ours}`)!.value as tf.Tensor).dataSync();
        const values = golden.f32(`after/${theirName}/val`);
        const samples = Array.from(golden.i32(`after/${theirName}/idx`), (at) => got[at]!);
        expectClose(samples, values, 1e-4 * Math.max(1, ...values.map(Math.abs)), theirName);
        compared++;
      }
      expect(compared).to.equal([...persistents.keys()].filter((path) => !path.endsWith('/N')).length);
      tf.dispose([loss, t]);
      model.cleargrads();
    });
  });
}

/** The names of timm's mobilenetv2_100 in the order of its file, which is that of torchvision's. */
function timmNames(): string[] {
  const norm = (name: string) =>
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map(
      (value) => `${name}.${value}`,
    );
  const blocks = [1, 2, 3, 4, 3, 3, 1].flatMap((count, stage) =>
    Array.from({ length: count }, (_, i) => {
      const kinds = stage === 0 ? ['conv_dw', 'conv_pw'] : ['conv_pw', 'conv_dw', 'conv_pwl'];
      return kinds.flatMap((kind, k) => [
        `blocks.${stage}.${i}.${kind}.weight`,
        ...norm(`blocks.${stage}.${i}.bn${k + 1}`),
      ]);
    }).flat(),
  );
  return [
    'conv_stem.weight',
    ...norm('bn1'),
    ...blocks,
    'conv_head.weight',
    ...norm('bn2'),
    'classifier.weight',
    'classifier.bias',
  ];
}

describe('vision/models: mobilenetv2_100 of timm on wasm', () => {
  it("computes what torchvision's does with the same values", async () => {
    await useBackend('wasm');
    const before = tf.memory().numTensors;
    const golden = goldens<TorchGolden>('torch_mobilenet_v2').json();
    const names = timmNames();
    expect(names.length).to.equal(golden.state_dict.length);
    const model = await vision.MobileNetV2.fromPretrained(await stateDict(golden, names), {
      names: 'timm-mobilenetv2_100',
    });
    expect([model.arch, model.mean[0]]).to.deep.equal(['torchvision', 123.675]);
    const { key, shape, scale } = golden.input;
    const values = channelsLast(generate({ key, scale, offset: 0 }, sizeOf(shape)), shape);
    const [n, c, h, w] = shape;
    const x = tf.tensor4d(
      values.map((v, i) => v * deviations[i % 3]!),
      [n, h, w, c],
    );
    model.pick = 'squeeze';
    const y = usingConfig('train', false, () => model.call(x)) as tf.Tensor;
    const { stats } = golden.maps.find(({ name }) => name === 'classifier')!;
    expectStats(await y.data<'float32'>(), stats, 'logits');
    tf.dispose([x, y]);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });
});

describe("vision/models: maps of torchvision's names", () => {
  before(() => useBackend('wasm'));

  it('a name of none is told, with those that there are', async () => {
    const golden = goldens<TorchGolden>('torch_resnet18').json();
    const file = await stateDict({ ...golden, state_dict: golden.state_dict.slice(0, 1) });
    const names = 'torchvision-resnet19' as NameMapName;
    const error = await rejection(vision.ResNet18.fromPretrained(file, { names }), InvalidArgumentError);
    expect(error.message).to.include('one of torchvision-vgg16').and.to.include('got torchvision-resnet19');
  });

  const models = {
    'torchvision-resnet18': vision.ResNet18,
    'torchvision-resnet34': vision.ResNet34,
    'torchvision-resnet50': vision.ResNet50,
    'torchvision-resnet101': vision.ResNet101,
    'torchvision-resnet152': vision.ResNet152,
    'torchvision-mobilenet_v2': vision.MobileNetV2,
    'timm-mobilenetv2_100': vision.MobileNetV2,
  } as const;

  for (const [names, Model] of Object.entries(models)) {
    it(`${names} has every value of the model, once`, () => {
      const model = withoutValues(() => new Model());
      const paths = [...model.namedparams(), ...model.namedpersistents()].map(([path]) => path.slice(1));
      const map = nameMaps[names as keyof typeof models];
      expect(Object.keys(map.names)).to.have.members(paths.filter((path) => !map.absent!.test(path)));
      const theirs = Object.values(map.names).map(({ from }) => from);
      expect(new Set(theirs).size).to.equal(theirs.length);
      model.dispose();
    });
  }
});
