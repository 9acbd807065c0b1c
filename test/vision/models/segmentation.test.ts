/** The networks that give every pixel a class, against ChainerCV's: maps, predictions, a training step. */
import {
  backward,
  type Link,
  relu,
  useBackend,
  usingConfig,
  withLinkHook,
  withoutValues,
} from '@chaingrad/core';
import {
  Decoder,
  DeepLabV3plusXception65,
  type LabelMap,
  PixelwiseSoftmaxClassifier,
  SegNetBasic,
  SeparableASPP,
  VisionOptionError,
  XceptionBlock,
} from '@chaingrad/vision';
import { PretrainedArgumentError } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';
import {
  channelsFirst,
  expectSamples,
  expectStats,
  type ParamRow,
  type Stats,
} from '../../support/models.ts';
import { expectClose, generatedImage, goldens } from '../support.ts';
import { fillRows } from './generated-net.ts';
import { expectPiece, type Piece } from './link-piece.ts';

interface Net {
  params: ParamRow[];
  persistents: ParamRow[];
  n_class: number;
}

type Short = Pick<Stats, 'shape' | 'l1' | 'l2' | 'wsum'>;

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const inChannelsFirst = async (t: tf.Tensor) =>
  t.rank === 4 ? channelsFirst(await t.data<'float32'>(), t.shape) : t.data<'float32'>();

/** The share of pixels whose classes differ. */
function expectLabels({ data, shape }: LabelMap, want: ReturnType<Golden['array']>, most: number): void {
  expect(shape).to.deep.equal(want.shape);
  const differ = data.filter((value, i) => value !== want.data[i]).length;
  expect(differ / data.length, 'share of pixels that differ').to.be.at.most(most);
}

/** Runs `forward`, keeping what each link below `model` gives. */
function watch<R>(model: Link, forward: () => R): { out: R; layers: Map<string, tf.Tensor> } {
  const paths = new Map([...model.namedlinks()].map(([path, link]) => [link, path]));
  const layers = new Map<string, tf.Tensor>();
  const hook = {
    name: 'watch',
    forwardPostprocess({ link, out }: { link: Link; out: unknown }) {
      const path = paths.get(link)!;
      for (const [i, each] of ([out].flat() as tf.Tensor[]).entries())
        layers.set(i === 0 ? path : `${path}/${i}`, tf.keep(tf.clone(each)));
    },
  };
  return { out: withLinkHook(hook, () => usingConfig('train', false, forward)), layers };
}

type Golden = ReturnType<typeof goldens<unknown>>;

async function expectLayer(
  golden: Golden,
  key: string,
  layer: tf.Tensor,
  tolerance: number,
  want: Short,
): Promise<void> {
  const values = await inChannelsFirst(layer);
  expectStats(values, want, key, 1e-4);
  const samples = golden.f32(`${key}/val`);
  expectSamples(values, golden.i32(`${key}/idx`), samples, tolerance * largest(values), key);
}

interface SegNetGolden extends Net {
  forward: Record<
    'even' | 'odd',
    { input_key: string; size: [number, number]; layers: Record<string, Short>; output: Stats }
  >;
  train: Net & {
    input_keys: string[];
    size: [number, number];
    loss: number;
    grads: (Short & { path: string })[];
  };
}

describe('vision/models/segnet: SegNetBasic on wasm', () => {
  const golden = goldens<SegNetGolden>('cv_segnet');
  let before: number;
  beforeEach(async () => {
    await useBackend('wasm');
    before = tf.memory().numTensors;
  });
  afterEach(() => expect(tf.memory().numTensors, 'tensors').to.equal(before));

  for (const size of ['even', 'odd'] as const) {
    it(`equals ChainerCV on an ${size} size: every layer, scores, classes`, async () => {
      const model = new SegNetBasic({ nClass: golden.json().n_class });
      withoutValues(() => model.initialize([1, 32, 32, 3]));
      fillRows(model, golden.json());
      const { input_key, size: shape, layers: wanted, output } = golden.json().forward[size];
      const image = generatedImage(input_key, ...shape);
      const x = tf.tensor4d(new Float32Array(image.data), [1, ...shape, 3]);
      const { out, layers } = watch(model, () => model.call(x));
      for (const [path, want] of Object.entries(wanted))
        await expectLayer(golden, `forward/${size}/layer${path}`, layers.get(path)!, 2e-5, want);
      await expectLayer(golden, `forward/${size}/score`, out, 2e-5, output);
      tf.dispose([x, out, ...layers.values()]);
      const inside = tf.memory().numTensors;
      const [label] = await model.predict([image]);
      expect(tf.memory().numTensors).to.equal(inside);
      expectLabels(label!, golden.array(`forward/${size}/label`), 1e-3);
      model.dispose();
    });
  }
});

describe('vision/models/segnet: training on wasm', () => {
  const golden = goldens<SegNetGolden>('cv_segnet');
  before(() => useBackend('wasm'));

  it('equals ChainerCV with class weights and ignored pixels: loss, gradients, running statistics', async () => {
    const before = tf.memory().numTensors;
    const { train, n_class: nClass } = golden.json();
    const classWeight = [...golden.f32('train/class_weight')];
    const model = new PixelwiseSoftmaxClassifier(new SegNetBasic({ nClass }), { classWeight });
    const net = model.predictor;
    withoutValues(() => net.initialize([1, 32, 32, 3]));
    fillRows(net, train);
    const images = train.input_keys.flatMap((key) => [...generatedImage(key, ...train.size).data]);
    const x = tf.tensor4d(images, [2, ...train.size, 3]);
    const { data, shape } = golden.array('train/t');
    const t = tf.tensor3d(
      Int32Array.from(new Int8Array(data.buffer)),
      shape as [number, number, number],
      'int32',
    );
    const loss = usingConfig('train', true, () => backward(() => model.call(x, t), model));
    expect((await loss.data())[0]).to.be.closeTo(train.loss, 1e-5 * train.loss);
    const params = new Map(net.namedparams());
    expect([...params.keys()]).to.deep.equal(train.grads.map(({ path }) => path));
    for (const { path, l2 } of train.grads) {
      const got = await params.get(path)!.grad!.data<'float32'>();
      expect(norm(got), `${path}: norm`).to.be.closeTo(l2, 1e-3 * l2);
      const want = golden.f32(`train/grad${path}/val`);
      expectSamples(got, golden.i32(`train/grad${path}/idx`), want, 1e-3 * largest(got), path);
    }
    for (const [path, { value }] of net.namedpersistents()) {
      if (path.endsWith('/N')) continue;
      const want = golden.f32(`train/after${path}`);
      expectClose(await (value as tf.Tensor).data(), want, 2e-5 * Math.max(1, largest(want)), path);
    }
    tf.dispose([x, t, loss]);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('tells that the number of classes is missing', async () => {
    expect(() => new SegNetBasic({} as never)).to.throw(PretrainedArgumentError, 'nClass must be specified');
    expect(() => new SegNetBasic({ nClass: 0 })).to.throw(VisionOptionError, 'a positive whole number');
    const error = await SegNetBasic.fromPretrained('camvid', { nClass: 12 }).catch((e: unknown) => e);
    expect(error).to.be.instanceOf(PretrainedArgumentError);
  });
});

interface DeepLabGolden extends Net {
  pieces: Record<string, Piece & { f32_vs_f64: object }>;
  image_key: string;
  image_size: [number, number];
  layers: Record<string, Short>;
}

const bn = { eps: 1e-5 };
const inOut: Record<string, { make: () => Link; modes: readonly ('test' | 'train')[]; inputs?: string[] }> = {
  'XceptionBlock/conv_s2': {
    make: () => new XceptionBlock(4, [5, 6, 7], { stride: 2 }),
    modes: ['test', 'train'],
  },
  'XceptionBlock/sum_d2': {
    make: () => new XceptionBlock(5, [5, 5, 5], { dilate: 2, skipType: 'sum' }),
    modes: ['test', 'train'],
  },
  'XceptionBlock/none_last': {
    make: () =>
      new XceptionBlock(4, [5, 6, 7], {
        skipType: 'none',
        activFirst: false,
        dilate: 2,
        bn: { eps: 1e-3 },
        dwActivs: [relu, relu, relu],
        pwActivs: [relu, relu, relu],
      }),
    modes: ['test', 'train'],
  },
  SeparableASPP: { make: () => new SeparableASPP(6, 4, { dilates: [1, 2, 3], bn }), modes: ['test'] },
  Decoder: { make: () => new Decoder(6, 3, 4, 5, { bn }), modes: ['test'], inputs: ['x', 'pool'] },
};

describeBackends('vision/models/deeplab: pieces', (backend) => {
  const golden = goldens<DeepLabGolden>('cv_deeplab');

  it('has a maker for every piece', () => {
    expect(Object.keys(inOut)).to.have.members(Object.keys(golden.json().pieces));
  });

  for (const [name, { modes, ...own }] of Object.entries(inOut)) {
    for (const mode of modes) {
      it(`${name}, ${mode}: outputs, gradients, running statistics`, () =>
        expectPiece({
          golden,
          name,
          piece: golden.json().pieces[name]!,
          mode,
          rtol: backend === 'webgpu' ? 2e-5 : 1e-5,
          ...own,
        }));
    }
  }
});

describe('vision/models/deeplab: DeepLabV3plusXception65 on wasm', () => {
  const golden = goldens<DeepLabGolden>('cv_deeplab');
  before(() => useBackend('wasm'));

  it('equals ChainerCV: layers, scores, probabilities, classes at one and several scales', async () => {
    const before = tf.memory().numTensors;
    const { n_class: nClass, image_key, image_size, layers: wanted } = golden.json();
    const model = withoutValues(() => new DeepLabV3plusXception65({ nClass, minInputSize: [65, 65] }));
    withoutValues(() => model.initialize([1, 65, 65, 3]));
    fillRows(model, golden.json());
    const image = generatedImage(image_key, ...image_size);
    const prepared = model.prepare(image);
    const x = tf.tensor4d(prepared.data, [1, ...prepared.shape]);
    const first = await inChannelsFirst(x);
    expectSamples(first, golden.i32('prepared/idx'), golden.f32('prepared/val'), 1e-6, 'prepared');
    const { out, layers } = watch(model, () => model.call(x));
    const paths = Object.keys(wanted).filter((path) => layers.has(path));
    expect(paths.length).to.be.greaterThan(100);
    for (const path of paths) {
      const values = await inChannelsFirst(layers.get(path)!);
      expectStats(values, wanted[path]!, path, 1e-4);
    }
    for (const [key, path] of [
      ['lowlevel', '/feature_extractor'],
      ['highlevel', '/feature_extractor/1'],
    ] as const) {
      const values = await inChannelsFirst(layers.get(path)!);
      const want = golden.f32(`${key}/val`);
      expectSamples(values, golden.i32(`${key}/idx`), want, 3e-5 * largest(values), key);
    }
    const logits = golden.f32('logits');
    expectClose(await inChannelsFirst(out), logits, 3e-5 * largest(logits), 'logits');
    tf.dispose([x, out, ...layers.values()]);
    const inside = tf.memory().numTensors;
    // Of two images each has its own probabilities.
    for (const label of await model.predict([image, image]))
      expectLabels(label, golden.array('predict/plain'), 3e-3);
    const { data, shape } = await model.probabilities(image);
    const plane = channelsFirst(data, [1, ...shape]);
    expectSamples(plane, golden.i32('proba/plain/idx'), golden.f32('proba/plain/val'), 3e-5, 'proba');
    Object.assign(model, { scales: [0.75, 1], flip: true });
    const [mean] = await model.predict([image]);
    expectLabels(mean!, golden.array('predict/scales_flip'), 3e-3);
    expect(tf.memory().numTensors).to.equal(inside);
    model.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('refuses arguments that the weights contradict, before anything is fetched, but not those that may change', async () => {
    const error = (options: object) =>
      DeepLabV3plusXception65.fromPretrained('cityscapes', {
        ...options,
        baseUrl: 'http://127.0.0.1:9/',
      }).catch((e: unknown) => e);
    expect(await error({ minInputSize: [513, 513] })).to.be.instanceOf(PretrainedArgumentError);
    expect(await error({ nClass: 21 })).to.be.instanceOf(PretrainedArgumentError);
    expect(() => new DeepLabV3plusXception65({ nClass: 2, scales: [] })).to.throw('one at least');
  });
});
