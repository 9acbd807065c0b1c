import {
  BatchNormalization,
  Chain,
  InvalidArgumentError,
  ShapeMismatchError,
  usingConfig,
} from '@chaingrad/core';
import { loadNpz, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct } from '../functions/numeric.ts';
import { expectNoLeak, expectParameterGradients, fill } from './numeric.ts';

const d4 = (key: string, shape: number[], scale?: number) => distinct(key, shape, scale) as tf.Tensor4D;
const testing = <R>(fn: () => R): R => usingConfig('train', false, fn);
const statistics = async (bn: BatchNormalization<tf.Tensor>) => ({
  mean: [...(await bn.avg_mean.value!.data())],
  variance: [...(await bn.avg_var.value!.data())],
});

class Net extends Chain {
  readonly bn = new BatchNormalization(null, { axis: [0, 1, 2] });
  override forward(x: tf.Tensor4D) {
    return this.bn.call(x);
  }
}

describeBackends('BatchNormalization', () => {
  it('has gamma 1, beta 0, mean 0, variance 1 and N 0, or what it is given', async () => {
    using bn = new BatchNormalization(2);
    expect([...bn.namedparams()].map(([path, p]) => `${path} ${p.shape}`)).to.deep.equal([
      '/beta 2',
      '/gamma 2',
    ]);
    expect([...bn.namedpersistents()].map(([path]) => path)).to.deep.equal(['/N', '/avg_mean', '/avg_var']);
    expect([...(await bn.gamma!.tensor.data()), ...(await bn.beta!.tensor.data())]).to.deep.equal([
      1, 1, 0, 0,
    ]);
    expect(await statistics(bn)).to.deep.equal({ mean: [0, 0], variance: [1, 1] });
    expect(bn.N.value).to.equal(0);
    using given = new BatchNormalization(2, {
      initialGamma: 3,
      initialBeta: [1, 2],
      initialAvgMean: [5, 6],
      initialAvgVar: tf.tensor1d([7, 8]),
    });
    expect([...(await given.gamma!.tensor.data())]).to.deep.equal([3, 3]);
    expect([...(await given.beta!.tensor.data())]).to.deep.equal([1, 2]);
    expect(await statistics(given)).to.deep.equal({ mean: [5, 6], variance: [7, 8] });
  });

  it('uses the batch in training, the running statistics otherwise', async () => {
    using bn = new BatchNormalization<tf.Tensor2D>(1, { decay: 0.5, eps: 0 });
    const x = tf.tensor2d([[1], [3]]);
    expectClose(await bn.call(x).data(), [-1, 1]);
    // Half of the old ones; the variance is unbiased: 2, not 1.
    expectClose((await statistics(bn)).mean, [1]);
    expectClose((await statistics(bn)).variance, [1.5]);
    expectClose(await testing(() => bn.call(x)).data(), [0, 2 / Math.sqrt(1.5)]);
    expectClose((await statistics(bn)).mean, [1]);
  });

  it('approaches the statistics of the data over many batches', async () => {
    using bn = new BatchNormalization<tf.Tensor2D>(2);
    for (let i = 0; i < 100; i++) tf.tidy(() => void bn.call(tf.add(distinct('x', [8, 2], 3), [1, -2])));
    const { mean, variance } = tf.moments(distinct('x', [8, 2], 3), 0);
    const found = await statistics(bn);
    expectClose(found.mean, await tf.add(mean, [1, -2]).data(), 1e-4);
    expectClose(found.variance, await tf.mul(variance, 8 / 7).data(), 1e-4);
  });

  it('with finetune takes the plain mean over the batches since startFinetuning', async () => {
    using bn = new BatchNormalization<tf.Tensor2D>(1);
    bn.call(tf.tensor2d([[50], [70]]));
    bn.startFinetuning();
    for (const middle of [10, 20, 60]) bn.call(tf.tensor2d([[middle - 1], [middle + 1]]), true);
    expect(bn.N.value).to.equal(3);
    const found = await statistics(bn);
    expectClose(found.mean, [30]);
    expectClose(found.variance, [2]);
  });

  it('finds its size from the axes, without computing', async () => {
    using net = new Net();
    expect(net.bn.gamma!.isInitialized).to.equal(false);
    net.initialize([2, 3, 3, 4]);
    expect(net.bn.gamma!.shape).to.deep.equal([4]);
    expect(await statistics(net.bn)).to.deep.equal({ mean: [0, 0, 0, 0], variance: [1, 1, 1, 1] });
    using rows = new BatchNormalization<tf.Tensor3D>(null, { axis: 0 });
    rows.call(tf.zeros([2, 3, 4]));
    expect(rows.beta!.shape).to.deep.equal([3, 4]);
    expect(rows.avg_var.value!.shape).to.deep.equal([3, 4]);
  });

  it('does not move the running statistics of a sized link while only shapes are computed', async () => {
    using net = new Net();
    net.call(d4('x', [2, 2, 2, 4], 3));
    const before = await statistics(net.bn);
    net.initialize([2, 3, 3, 4]);
    net.summary([2, 3, 3, 4]);
    expect(await statistics(net.bn)).to.deep.equal(before);
  });

  it('refuses to be made without a size and an axis, and other channels', () => {
    expect(() => new BatchNormalization()).to.throw(InvalidArgumentError, 'a size or an axis, got neither');
    using net = new Net();
    net.call(tf.zeros([1, 2, 2, 4]));
    expect(() => net.call(tf.zeros([1, 2, 2, 3])))
      .to.throw(
        ShapeMismatchError,
        '/bn/gamma: expected shape (3), got (4). The input has shape (1, 2, 2, 3).',
      )
      .that.deep.includes({ path: '/bn/gamma' });
    using plain = new BatchNormalization(4, { useGamma: false, useBeta: false });
    expect(() => plain.call(tf.zeros([1, 2, 2, 3]))).to.throw(ShapeMismatchError, '/avg_mean');
  });

  it('leaves out gamma or beta', async () => {
    const x = d4('x', [2, 2, 2, 2], 2);
    using both = new BatchNormalization(2);
    using none = new BatchNormalization(2, { useGamma: false, useBeta: false });
    expect([...none.namedparams()]).to.deep.equal([]);
    expectClose(await none.call(x).data(), await both.call(x).data());
    expectClose(await testing(() => none.call(x)).data(), await testing(() => both.call(x)).data());
    using scaled = new BatchNormalization(2, { useBeta: false });
    expect([...scaled.namedparams()].map(([path]) => path)).to.deep.equal(['/gamma']);
    await expectParameterGradients(scaled, () => scaled.call(x));
  });

  it('has the gradients of differences in both modes', async () => {
    using bn = new BatchNormalization(3);
    fill(bn);
    const x = d4('x', [2, 2, 1, 3], 2);
    await expectParameterGradients(bn, () => bn.call(x));
    await expectParameterGradients(bn, () => testing(() => bn.call(x)));
  });

  it('saves the running statistics under the keys of Chainer, and loads them into a link without size', async () => {
    using bn = new BatchNormalization(2);
    bn.call(d4('x', [2, 2, 2, 2], 2), true);
    expect([...bn.serialEntries()].map(({ key }) => key)).to.deep.equal([
      'beta',
      'gamma',
      'N',
      'avg_mean',
      'avg_var',
    ]);
    const file = await serialize(bn);
    using loaded = new BatchNormalization(null, { axis: [0, 1, 2] });
    await loadNpz(file, loaded);
    expect(await statistics(loaded)).to.deep.equal(await statistics(bn));
    expect(loaded.N.value).to.equal(1);
    const x = d4('y', [1, 2, 2, 2]);
    expectClose(await testing(() => loaded.call(x)).data(), await testing(() => bn.call(x)).data());
  });

  it('copies have running statistics of their own, share-copies the same ones', async () => {
    const x = d4('x', [2, 2, 2, 2], 2);
    using bn = new BatchNormalization(2);
    using copy = bn.copy('copy');
    const share = bn.copy('share');
    bn.call(x);
    expect((await statistics(copy)).mean).to.deep.equal([0, 0]);
    expect(await statistics(share)).to.deep.equal(await statistics(bn));
  });

  it('leaves no tensors behind', () => {
    const x = d4('x', [2, 2, 2, 2]);
    using bn = new BatchNormalization(2);
    expectNoLeak(bn, () => bn.call(x));
    expectNoLeak(bn, () => testing(() => bn.call(x)));
    const before = tf.memory().numTensors;
    const other = new BatchNormalization(null, { axis: [0, 1, 2] });
    other.call(x).dispose();
    other.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
