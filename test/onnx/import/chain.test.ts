import {
  backward,
  Linear,
  replace,
  SGD,
  softmaxCrossEntropy,
  transferParams,
  usingConfig,
} from '@chaingrad/core';
import { installFastKernels } from '@chaingrad/kernels';
import { importOnnx, type OnnxChain, OnnxLayer } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { generator } from '../../weights/fuzz/mutate.ts';
import { smallNetwork } from './model-builder.ts';

const bytes = smallNetwork();
const shape = [2, 3, 12, 16] as const;
const randomList = (length: number, seed: number) => {
  const random = generator(seed);
  return Float32Array.from({ length }, () => random() - 0.5);
};
const pixels = randomList(2 * 3 * 12 * 16, 7);
const infer = (model: OnnxChain, x: tf.Tensor) => usingConfig('train', false, () => model.call(x));

async function expectedScores(): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes);
  const { scores } = await session.run({ image: new Tensor('float32', pixels, shape) });
  await session.release();
  return scores!.data as Float32Array;
}

const paths = [
  '/features/0/conv/weight',
  '/features/0/norm/bias',
  '/features/0/norm/weight',
  '/features/1/depthwise/bias',
  '/features/1/depthwise/weight',
  '/features/1/se/expand/bias',
  '/features/1/se/expand/weight',
  '/features/1/se/reduce/bias',
  '/features/1/se/reduce/weight',
  '/head/fc/bias',
  '/head/fc/weight',
];

describeBackends('an imported network', (backend) => {
  let scores: Float32Array;
  let count: number;
  let model: OnnxChain;
  let x: tf.Tensor;

  before(async () => {
    if (backend === 'wasm') await installFastKernels('wasm');
    scores = await expectedScores();
  });
  beforeEach(async () => {
    count = tf.memory().numTensors;
    model = await importOnnx(bytes);
    x = tf.tensor(pixels, [...shape]);
  });
  afterEach(() => {
    model.dispose();
    x.dispose();
    expect(tf.memory().numTensors, 'tensors that are left').to.equal(count);
  });

  it('gives what onnxruntime gives', async () => {
    const y = infer(model, x);
    expect(y.shape).to.deep.equal([2, 5]);
    expectClose(await y.data(), scores, 1e-5);
    y.dispose();
  });

  it('gives the same node by node, as while gradients are recorded', async () => {
    const { value, grad } = usingConfig('train', false, () =>
      tf.tidy(() => {
        let out: tf.Tensor | null = null;
        const { grad } = tf.valueAndGrad((input: tf.Tensor) => {
          out = tf.keep(model.call(input));
          return tf.sum(out);
        })(x);
        return { value: out!, grad };
      }),
    );
    expectClose(await value.data(), scores, 1e-5);
    expect(grad.shape).to.deep.equal([...shape]);
    tf.dispose([value, grad]);
  });

  it('gives the same asynchronously', async () => {
    const y = await model.callAsync({ image: x });
    expectClose(await y.data(), scores, 1e-5);
    y.dispose();
  });

  it('takes channels last where that is asked for', async () => {
    const other = await importOnnx(bytes, { layout: 'NHWC' });
    const last = tf.transpose(x, [0, 2, 3, 1]);
    const y = infer(other, last);
    expectClose(await y.data(), scores, 1e-5);
    tf.dispose([last, y]);
    other.dispose();
  });

  it('runs without transposing anything but its input', async () => {
    // On webgpu convolutions transpose their filters, once.
    if (backend === 'webgpu') tf.dispose(tf.tidy(() => infer(model, x)));
    const { kernels, result } = await tf.profile(() => tf.tidy(() => infer(model, x)));
    const transposes = kernels.filter(({ name }) => name === 'Transpose');
    expect(transposes).to.have.length(1);
    // The convolution, its normalization and its activation are one kernel; the weights were folded before.
    const again = await tf.profile(() => tf.tidy(() => infer(model, x)));
    const names = again.kernels.map(({ name }) => name);
    expect(names.filter((name) => /BatchNorm|^Relu$|^Rsqrt$/.test(name))).to.deep.equal([]);
    tf.dispose([result, again.result as tf.Tensor]);
  });

  it('names parameters and statistics by their paths', () => {
    expect([...model.namedparams()].map(([path]) => path)).to.deep.equal(paths);
    expect([...model.namedpersistents()].map(([path]) => path)).to.deep.equal([
      '/features/0/norm/running_mean',
      '/features/0/norm/running_var',
    ]);
    expect(model.onnxNames.get('/features/1/se/reduce/weight')).to.equal('features.1.se.reduce.weight');
    expect(model.linkAt('/head/fc')).to.be.instanceOf(OnnxLayer);
    expect(model.inputs).to.deep.equal([
      { name: 'image', dtype: 'float32', shape: ['batch', 3, 'height', 'width'] },
    ]);
  });

  it('tells its layers in a summary', () => {
    const { rows, params, macs } = model.summary([...shape]);
    expect(params).to.equal(8 * 27 + 16 + 80 + 36 + 40 + 85);
    const conv = rows.find(({ path }) => path === '/features/0/conv')!;
    expect(conv.outputShapes).to.deep.equal([[2, 6, 8, 8]]);
    expect(conv.macs).to.equal(2 * 6 * 8 * 8 * 27);
    expect(macs).to.be.greaterThan(conv.macs);
  });

  for (const train of [false, true]) {
    it(`has the gradients that differences give (${train ? "the batch's" : 'running'} statistics)`, async () => {
      const weights = tf.tensor(randomList(10, 3), [2, 5]);
      const loss = () =>
        tf.tidy(() =>
          tf.sum(
            tf.mul(
              usingConfig('train', train, () => model.call(x)),
              weights,
            ),
          ),
        );
      backward(loss, model).dispose();
      for (const [path, param] of model.namedparams()) {
        const direction = tf.tensor(randomList(param.size, param.size), param.shape);
        const expected = tf.tidy(() => tf.sum(tf.mul(param.grad!, direction)));
        const old = tf.clone(param.tensor);
        const at = async (step: number) => {
          const moved = tf.tidy(() => tf.add(old, tf.mul(direction, step)));
          param.assign(moved);
          const value = loss();
          const [number] = await value.data();
          tf.dispose([moved, value]);
          return number!;
        };
        const step = 2e-3;
        const difference = ((await at(step)) - (await at(-step))) / (2 * step);
        param.assign(old);
        const [slope] = await expected.data();
        expect(difference, path).to.be.closeTo(slope!, 2e-3 + 0.03 * Math.abs(slope!));
        tf.dispose([direction, expected, old]);
      }
      weights.dispose();
      model.cleargrads();
    });
  }

  it('learns, and moves its running statistics', async () => {
    const labels = tf.tensor1d([1, 3], 'int32');
    const optimizer = new SGD({ lr: 0.1 }).setup(model);
    const mean = await model.linkAt('/features/0/norm').namedpersistents().next().value![1].value.data();
    const losses: number[] = [];
    for (let i = 0; i < 5; i++) {
      const loss = optimizer.update(() => softmaxCrossEntropy(model.call(x) as tf.Tensor2D, labels))!;
      losses.push((await loss.data())[0]!);
      loss.dispose();
    }
    expect(losses.at(-1)!).to.be.lessThan(losses[0]! * 0.9);
    const moved = await model.linkAt('/features/0/norm').namedpersistents().next().value![1].value.data();
    expect([...moved]).to.not.deep.equal([...mean]);
    // What was folded for inference is made anew from the new weights.
    const before = infer(model, x);
    backward(() => usingConfig('train', false, () => tf.sum(model.call(x))), model).dispose();
    const after = infer(model, x);
    expectClose(await after.data(), await before.data(), 1e-6);
    tf.dispose([labels, before, after]);
    model.cleargrads();
  });

  it('freezes, and takes a new head', async () => {
    model.disableUpdate();
    const head = new Linear(null, 7);
    replace(model, (m) => m.linkAt('/head/fc'), head as never).dispose();
    const labels = tf.tensor1d([6, 0], 'int32');
    const loss = backward(
      () => usingConfig('train', false, () => softmaxCrossEntropy(model.call(x) as tf.Tensor2D, labels)),
      model,
    );
    expect(head.W.grad!.shape).to.deep.equal([7, 16]);
    expect(
      [...model.namedparams()].filter(([, { grad }]) => grad !== null).map(([path]) => path),
    ).to.deep.equal(['/head/fc/W', '/head/fc/b']);
    tf.dispose([labels, loss]);
    model.cleargrads();
  });

  it('gives values inside of the graph where that is asked for, without what they do not need', async () => {
    const part = await importOnnx<Record<string, tf.Tensor>>(bytes, { outputs: ['r0', 'p'], layout: 'NHWC' });
    const last = tf.transpose(x, [0, 2, 3, 1]);
    const features = usingConfig('train', false, () => part.call(last));
    expect(features['r0']!.shape).to.deep.equal([2, 6, 8, 8]);
    expect(features['p']!.shape).to.deep.equal([2, 3, 4, 8]);
    expect([...part.namedparams()].map(([path]) => path)).to.deep.equal(paths.slice(0, -2));
    tf.dispose([last, features]);
    part.dispose();
    let error: unknown;
    await importOnnx(bytes, { outputs: ['none'] }).catch((e: unknown) => {
      error = e;
    });
    expect(String(error)).to.match(/there is no 'none'/);
  });

  it('is copied, and takes the parameters of another', async () => {
    const copy = model.copy('copy');
    const zero = tf.zeros([5, 16]);
    (copy.linkAt('/head/fc') as unknown as { weight: { assign(t: tf.Tensor): void } }).weight.assign(zero);
    const y = infer(model, x);
    expectClose(await y.data(), scores, 1e-5);
    const report = transferParams(model, copy);
    expect(report.copied).to.have.length(paths.length + 2);
    const z = infer(copy, x);
    expectClose(await z.data(), scores, 1e-5);
    tf.dispose([zero, y, z]);
    copy.dispose();
  });

  it('refuses what does not fit, naming the input', () => {
    const wrong = tf.zeros([1, 4, 8, 8]);
    expect(() => infer(model, wrong)).to.throw(
      /input 'image': expected shape \(\?, 3, \?, \?\), got \(1, 4, 8, 8\)/,
    );
    expect(() => model.call({ picture: x })).to.throw(/expected the inputs image, got 'picture'/);
    const integers = tf.zeros([1, 3, 8, 8], 'int32');
    expect(() => infer(model, integers)).to.throw(/input 'image': expected a float32 tensor/);
    tf.dispose([wrong, integers]);
  });
});
