import {
  Chain,
  Constant,
  Conv2DActiv,
  Conv2DBNActiv,
  Convolution2D,
  Deconvolution2D,
  DepthwiseConvolution2D,
  DilatedConvolution2D,
  type ForwardInfo,
  InvalidArgumentError,
  relu,
  relu6,
  SeparableConv2DBNActiv,
  ShapeMismatchError,
  tanh,
  UninitializedParameterError,
  usingConfig,
  withLinkHook,
} from '@chaingrad/core';
import { loadNpz, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct } from '../functions/numeric.ts';
import { expectNoLeak, expectParameterGradients, fill } from './numeric.ts';

const d4 = (key: string, shape: number[]) => distinct(key, shape) as tf.Tensor4D;
const shapes = (link: Convolution2D | Deconvolution2D | DepthwiseConvolution2D) => ({
  W: link.W.partialShape,
  b: link.b?.partialShape,
});

class Net extends Chain {
  readonly conv1 = new Convolution2D(null, 4, 3, { pad: 1 });
  override forward(x: tf.Tensor4D) {
    return this.conv1.call(x);
  }
}

describeBackends('Convolution2D', () => {
  it('takes (in, out, ksize), in null, and the short form (out, ksize)', () => {
    const full = { W: [4, 3, 5, 2], b: [4] };
    expect(shapes(new Convolution2D(3, 4, [5, 2]))).to.deep.equal(full);
    const lazy = { W: [4, null, 3, 3], b: [4] };
    expect(shapes(new Convolution2D(null, 4, 3))).to.deep.equal(lazy);
    expect(shapes(new Convolution2D(4, 3))).to.deep.equal(lazy);
    expect(shapes(new Convolution2D(4, [3, 3], { pad: 1 }))).to.deep.equal(lazy);
    expect(new Convolution2D(4, [3, 3], { pad: 1 }).pad).to.deep.equal([1, 1]);
    expect(new Convolution2D(3, 4, 1, { nobias: true }).b).to.equal(null);
  });

  it('finds its in-channels at the first call; the bias is there before', () => {
    using conv = new Convolution2D(null, 4, 3);
    expect(conv.b!.isInitialized).to.equal(true);
    expect(() => conv.W.tensor).to.throw(UninitializedParameterError, '/W');
    expect(conv.call(tf.zeros([2, 5, 6, 3])).shape).to.deep.equal([2, 3, 4, 4]);
    expect(conv.W.shape).to.deep.equal([4, 3, 3, 3]);
  });

  it('finds its in-channels without computing', async () => {
    using net = new Net();
    net.initialize([1, 300, 300, 3]);
    expect(net.conv1.W.shape).to.deep.equal([4, 3, 3, 3]);
    const values = await net.conv1.W.tensor.data();
    expect(values.every(Number.isFinite)).to.equal(true);
    expect(new Set(values).size).to.be.greaterThan(100);
  });

  it('refuses other channels with the whole path of W, and files of another shape before the first call', () => {
    using net = new Net();
    net.call(tf.zeros([1, 4, 4, 3]));
    expect(() => net.call(tf.zeros([1, 4, 4, 1])))
      .to.throw(
        ShapeMismatchError,
        '/conv1/W: expected shape (4, 1, 3, 3), got (4, 3, 3, 3). The input has 1 channels (shape (1, 4, 4, 1), channels last), the filter takes 3.',
      )
      .that.deep.includes({ path: '/conv1/W', expected: [4, 1, 3, 3], got: [4, 3, 3, 3] });
    using lazy = new Convolution2D(null, 4, 3);
    expect(() => lazy.W.assign(tf.zeros([5, 3, 3, 3]))).to.throw(ShapeMismatchError, '/W');
  });

  it('refuses sizes that cannot be', () => {
    expect(() => new Convolution2D(3, 0, 3)).to.throw(InvalidArgumentError, 'Convolution2D outChannels');
    expect(() => new Convolution2D(0, 4, 3)).to.throw(InvalidArgumentError, 'Convolution2D inChannels');
    expect(() => new Convolution2D(4, 0)).to.throw(InvalidArgumentError, 'Convolution2D ksize');
    expect(() => new Convolution2D(4, 3, { dilate: 0 })).to.throw(
      InvalidArgumentError,
      'Convolution2D dilate',
    );
    expect(() => new Convolution2D(3, 4, 3, { groups: 2 })).to.throw(InvalidArgumentError, 'inChannels');
    expect(() => new Convolution2D(4, 3, 3, { groups: 2 })).to.throw(InvalidArgumentError, 'outChannels');
    expect(() => new Convolution2D(null, 4, 3, { groups: 2 }).call(tf.zeros([1, 4, 4, 3]))).to.throw(
      InvalidArgumentError,
      'a multiple of groups 2, got 3',
    );
  });

  it('starts from what it is given: LeCunNormal and 0, a number, an initializer, an array, a tensor', async () => {
    const initial = async (options: object) => {
      const conv = new Convolution2D(null, 2, 1, options);
      conv.call(tf.zeros([1, 1, 1, 2]));
      return [[...(await conv.W.tensor.data())], [...(await conv.b!.tensor.data())]];
    };
    const tensor = tf.tensor([5, 6, 7, 8], [2, 2, 1, 1]);
    expect(await initial({ initialW: 3, initialBias: 2 })).to.deep.equal([
      [3, 3, 3, 3],
      [2, 2],
    ]);
    expect((await initial({ initialW: new Constant(3) }))[0]).to.deep.equal([3, 3, 3, 3]);
    expect(await initial({ initialW: [1, 2, 3, 4], initialBias: [5, 6] })).to.deep.equal([
      [1, 2, 3, 4],
      [5, 6],
    ]);
    expect((await initial({ initialW: tensor }))[0]).to.deep.equal([5, 6, 7, 8]);
    expect(() => new Convolution2D(null, 3, 1, { initialW: tensor })).to.throw(ShapeMismatchError);
    const drawn = new Convolution2D(64, 64, 3);
    const values = (await drawn.W.tensor.data()) as Float32Array;
    const deviation = Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length);
    expect(deviation).to.be.closeTo(Math.sqrt(1 / (64 * 9)), 0.001);
    expect(await drawn.b!.tensor.data()).to.deep.equal(new Float32Array(64));
  });

  it('has the gradients of differences, with groups and dilation', async () => {
    using conv = new Convolution2D(4, 4, 2, { groups: 2, dilate: 2, stride: 2, pad: 1 });
    fill(conv);
    const x = d4('x', [1, 5, 5, 4]);
    await expectParameterGradients(conv, () => conv.call(x));
  });

  it('fuses an activation', async () => {
    using conv = new Convolution2D(2, 3, 3);
    fill(conv);
    const x = d4('x', [1, 5, 5, 2]);
    expectClose(await conv.call(x, 'relu').data(), await relu(conv.call(x)).data());
    await expectParameterGradients(conv, () => conv.call(x, 'relu'));
  });

  it('takes an empty batch', () => {
    using conv = new Convolution2D(2, 3, 3);
    expect(conv.call(tf.zeros([0, 5, 5, 2])).shape).to.deep.equal([0, 3, 3, 3]);
  });

  it('is saved uninitialized and initialized, and loaded into a lazy one', async () => {
    using lazy = new Convolution2D(null, 3, 2);
    using target = new Convolution2D(null, 3, 2);
    await loadNpz(await serialize(lazy), target);
    expect(target.W.isInitialized).to.equal(false);
    using conv = new Convolution2D(2, 3, 2);
    fill(conv);
    await loadNpz(await serialize(conv), target);
    const x = d4('x', [1, 3, 3, 2]);
    expect(await target.call(x).data()).to.deep.equal(await conv.call(x).data());
  });

  it('leaves no tensors behind', () => {
    const x = d4('x', [1, 5, 5, 2]);
    using conv = new Convolution2D(null, 3, 3);
    expectNoLeak(conv, () => conv.call(x, 'relu'));
    const before = tf.memory().numTensors;
    const other = new Convolution2D(null, 3, 3);
    other.call(x).dispose();
    other.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});

describeBackends('links made of convolutions', () => {
  it('DilatedConvolution2D is a Convolution2D with taps apart', async () => {
    using link = new DilatedConvolution2D(2, 3, 3, { pad: 6, dilate: 6 });
    fill(link);
    const x = d4('x', [1, 7, 7, 2]);
    expect(link.call(x).shape).to.deep.equal([1, 7, 7, 3]);
    expect([...link.namedparams()].map(([path]) => path)).to.deep.equal(['/W', '/b']);
    await expectParameterGradients(link, () => link.call(x));
  });

  it('DepthwiseConvolution2D finds its channels and has the gradients of differences', async () => {
    using link = new DepthwiseConvolution2D(null, 2, 3, { pad: 1, stride: 2 });
    expect(shapes(link)).to.deep.equal({ W: [2, null, 3, 3], b: null });
    const x = d4('x', [1, 5, 4, 3]);
    expect(link.call(x).shape).to.deep.equal([1, 3, 2, 6]);
    expect(shapes(link)).to.deep.equal({ W: [2, 3, 3, 3], b: [6] });
    fill(link);
    await expectParameterGradients(link, () => link.call(x));
    expect(() => link.call(tf.zeros([1, 5, 4, 2]))).to.throw(
      ShapeMismatchError,
      '/W: expected shape (2, 2, 3, 3)',
    );
    expectNoLeak(link, () => link.call(x));
  });

  it('Deconvolution2D finds its channels and has the gradients of differences', async () => {
    using link = new Deconvolution2D(null, 2, 3, { stride: 2, pad: 1, outsize: [6, 6] });
    expect(shapes(link)).to.deep.equal({ W: [null, 2, 3, 3], b: [2] });
    expect(shapes(new Deconvolution2D(2, 3))).to.deep.equal({ W: [null, 2, 3, 3], b: [2] });
    const x = d4('x', [1, 3, 3, 3]);
    expect(link.call(x).shape).to.deep.equal([1, 6, 6, 2]);
    expect(link.W.shape).to.deep.equal([3, 2, 3, 3]);
    fill(link);
    await expectParameterGradients(link, () => link.call(x));
    expect(() => link.call(tf.zeros([1, 3, 3, 2]))).to.throw(
      ShapeMismatchError,
      '/W: expected shape (2, 2, 3, 3)',
    );
    expect(() => new Deconvolution2D(4, 3, 3, { groups: 2 })).to.throw(InvalidArgumentError, 'outChannels');
    expect(() => new Deconvolution2D(3, 4, 3, { groups: 2 })).to.throw(InvalidArgumentError, 'inChannels');
    expectNoLeak(link, () => link.call(x));
  });

  it('Conv2DActiv applies relu unless told otherwise', async () => {
    const x = d4('x', [1, 4, 4, 2]);
    for (const [activ, fn] of [
      [undefined, relu],
      [relu6, relu6],
      [tanh, tanh],
      [null, (y: tf.Tensor4D) => y],
    ] as const) {
      using link = new Conv2DActiv(2, 3, 3, { pad: 1, ...(activ === undefined ? {} : { activ }) });
      fill(link);
      const plain = link.conv.call(x);
      expect(Math.min(...(await plain.data()))).to.be.lessThan(0);
      expectClose(await link.call(x).data(), await fn(plain).data());
      expect([...link.namedparams()].map(([path]) => path)).to.deep.equal(['/conv/W', '/conv/b']);
      expectNoLeak(link, () => link.call(x));
    }
  });

  it('Conv2DBNActiv in test mode is its parts called one after the other, with their gradients', async () => {
    const x = d4('x', [2, 6, 5, 3]);
    for (const activ of [undefined, relu6, tanh, null] as const) {
      for (const bn of [{}, { useGamma: false }, { useBeta: false, eps: 0.1 }] as const) {
        const options = { pad: 1, nobias: false, bn, ...(activ === undefined ? {} : { activ }) };
        using link = new Conv2DBNActiv(3, 5, 3, options);
        fill(link);
        link.bn.avg_mean.value = tf.tensor1d([0.3, -0.2, 0.1, 0, -0.4]);
        link.bn.avg_var.value = tf.tensor1d([0.5, 2, 1, 0.25, 3]);
        const then = activ === undefined ? relu : (activ ?? ((h: tf.Tensor4D) => h));
        const apart = (input: tf.Tensor4D) => then(link.bn.call(link.conv.call(input)));
        const evaluate = <R>(f: () => R) => usingConfig('train', false, f);
        expectClose(await evaluate(() => link.call(x)).data(), await evaluate(() => apart(x)).data());
        const gradient = (f: (input: tf.Tensor4D) => tf.Tensor) =>
          evaluate(() => tf.grad((input) => tf.sum(tf.square(f(input as tf.Tensor4D))) as tf.Scalar)(x));
        expectClose(await gradient((input) => link.call(input)).data(), await gradient(apart).data());
        evaluate(() => expectNoLeak(link, () => link.call(x)));
      }
    }
  });

  it('a hook sees the convolution and the normalization of Conv2DBNActiv apart, in test mode too', async () => {
    using link = new Conv2DBNActiv(3, 5, 3);
    fill(link);
    const seen: string[] = [];
    const watch = {
      name: 'watch',
      forwardPostprocess: ({ link: { path } }: ForwardInfo) => void seen.push(path),
    };
    const x = d4('x', [1, 6, 5, 3]);
    const call = () => usingConfig('train', false, () => link.call(x).dispose());
    withLinkHook(watch, call);
    expect(seen).to.deep.equal(['/conv', '/bn', '']);
    link.conv.addHook(watch);
    call();
    expect(seen.slice(3)).to.deep.equal(['/conv']);
  });

  it('SeparableConv2DBNActiv is a depthwise and a pointwise convolution with their normalizations', async () => {
    using link = new SeparableConv2DBNActiv(3, 4, 3, { pad: 1, stride: 2, dwActiv: relu, pwActiv: null });
    fill(link);
    expect([...link.namedparams()].map(([path, p]) => `${path} ${p.shape}`)).to.deep.equal([
      '/depthwise/W 3,1,3,3',
      '/depthwise/b 3',
      '/dw_bn/beta 3',
      '/dw_bn/gamma 3',
      '/pointwise/W 4,3,1,1',
      '/pointwise/b 4',
      '/pw_bn/beta 4',
      '/pw_bn/gamma 4',
    ]);
    const x = d4('x', [2, 5, 5, 3]);
    const y = usingConfig('train', false, () => link.call(x));
    const expected = usingConfig('train', false, () =>
      link.pw_bn.call(link.pointwise.call(relu(link.dw_bn.call(link.depthwise.call(x))))),
    );
    expect(y.shape).to.deep.equal([2, 3, 3, 4]);
    expectClose(await y.data(), await expected.data());
    expectNoLeak(link, () => link.call(x));
  });
});
