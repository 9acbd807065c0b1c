/** Links of a few lines each: Normalize, Scale, Bias, EmbedID. */
import {
  Bias,
  Chain,
  EmbedID,
  InvalidArgumentError,
  Normalize,
  normalize,
  Scale,
  ShapeMismatchError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients } from '../functions/numeric.ts';
import { expectNoLeak, expectParameterGradients, fill } from './numeric.ts';

class Net extends Chain {
  readonly norm4 = new Normalize(3, { initial: 20 });
  override forward(x: tf.Tensor4D) {
    return this.norm4.call(x);
  }
}

describeBackends('Normalize', () => {
  const x = () => distinct('x', [1, 2, 2, 3], 2) as tf.Tensor4D;

  it('scales unit lengths by channel', async () => {
    using link = new Normalize(3, { initial: [1, 2, 3], eps: 1 });
    const t = x();
    expectClose(await link.call(t).data(), await tf.mul(normalize(t, { eps: 1 }), [1, 2, 3]).data());
    expect([...link.namedparams()].map(([path]) => path)).to.deep.equal(['/scale']);
    expectClose(await new Normalize(2).scale.tensor.data(), [0, 0]);
  });

  it('has the gradients of differences, and finite ones at an input of zeros', async () => {
    using link = new Normalize(3);
    fill(link);
    const t = x();
    await expectParameterGradients(link, () => link.call(t));
    await expectGradients((v) => link.call(v as tf.Tensor4D), [t]);
    const gradient = tf.grad((v: tf.Tensor) => tf.sum(link.call(v as tf.Tensor4D)))(tf.zeros([1, 1, 1, 3]));
    const scale = await link.scale.tensor.data();
    expectClose(
      await gradient.data(),
      Array.from(scale, (s) => s / 1e-5),
    );
  });

  it('refuses other channels with the whole path of scale', () => {
    using net = new Net();
    expect(() => net.call(tf.zeros([1, 2, 2, 4])))
      .to.throw(
        ShapeMismatchError,
        '/norm4/scale: expected shape (4), got (3). The input has shape (1, 2, 2, 4).',
      )
      .that.includes({ path: '/norm4/scale' });
    expect(() => new Normalize(0)).to.throw(InvalidArgumentError, 'Normalize nChannel');
  });

  it('leaves no tensors behind', () => {
    using link = new Normalize(3);
    const t = x();
    expectNoLeak(link, () => link.call(t));
  });
});

describeBackends('Scale and Bias', () => {
  const x = () => distinct('x', [2, 3, 2, 4]) as tf.Tensor4D;

  it('cover the channels by default, other axes on demand, and have the gradients of differences', async () => {
    using scale = new Scale([4], { biasTerm: true });
    expect([...scale.namedparams()].map(([path]) => path)).to.deep.equal(['/W', '/bias/b']);
    fill(scale);
    const t = x();
    const [W, b] = [scale.W!.tensor, scale.bias!.b!.tensor];
    expectClose(await scale.call(t).data(), await tf.add(tf.mul(t, W), b).data());
    await expectParameterGradients(scale, () => scale.call(t));
    using rows = new Bias([3, 2], { axis: 1 });
    fill(rows);
    const shift = tf.reshape(rows.b!.tensor, [1, 3, 2, 1]);
    expectClose(await rows.call(t).data(), await tf.add(t, shift).data());
    expectNoLeak(scale, () => scale.call(t));
    expectNoLeak(rows, () => rows.call(t));
  });

  it('start as the identity', async () => {
    const t = x();
    using scale = new Scale([4], { biasTerm: true });
    expect(await scale.call(t).data()).to.deep.equal(await t.data());
  });

  it('take the factor with the call where they have none', async () => {
    const t = x();
    using scale = new Scale(null, { axis: 0, biasTerm: true, biasShape: [2] });
    expect([...scale.namedparams()].map(([path]) => path)).to.deep.equal(['/bias/b']);
    const y = tf.tensor1d([2, 3]);
    expectClose(await scale.call(t, y).data(), await tf.mul(t, tf.reshape(y, [2, 1, 1, 1])).data());
    expect(() => scale.call(t)).to.throw(InvalidArgumentError, 'a second argument');
    using own = new Bias([4]);
    expect(() => own.call(t, y)).to.throw(InvalidArgumentError, 'no second argument beside b');
    expect(() => own.call(tf.zeros([1, 1, 1, 3]))).to.throw(ShapeMismatchError, 'bias y');
    expect(() => new Scale(null, { biasTerm: true })).to.throw(InvalidArgumentError, 'a biasShape');
  });
});

describeBackends('EmbedID', () => {
  it('gives a vector for each id, and trains those it gave', async () => {
    using link = new EmbedID(5, 2, { ignoreLabel: -1 });
    fill(link);
    const ids = tf.tensor2d([0, 3, 3, -1], [2, 2], 'int32');
    const y = link.call(ids);
    expect(y.shape).to.deep.equal([2, 2, 2]);
    const W = await link.W.tensor.data();
    expectClose(await y.data(), [W[0]!, W[1]!, W[6]!, W[7]!, W[6]!, W[7]!, 0, 0]);
    await expectParameterGradients(link, () => link.call(ids));
    expectNoLeak(link, () => link.call(ids));
  });

  it('starts from N(0, 1) or what it is given', async () => {
    const values = (await new EmbedID(100, 50).W.tensor.data()) as Float32Array;
    const variance = values.reduce((s, v) => s + v * v, 0) / values.length;
    expect(variance).to.be.closeTo(1, 0.1);
    expectClose(await new EmbedID(2, 1, { initialW: [3, 4] }).W.tensor.data(), [3, 4]);
    expect(() => new EmbedID(0, 1)).to.throw(InvalidArgumentError, 'EmbedID inSize');
  });
});
