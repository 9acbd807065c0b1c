import {
  Chain,
  InvalidArgumentError,
  Linear,
  ShapeMismatchError,
  UninitializedParameterError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';
import { distinct } from '../functions/numeric.ts';
import { expectNoLeak, expectParameterGradients, fill } from './numeric.ts';

class Net extends Chain {
  readonly fc = new Linear(3);
  override forward(x: tf.Tensor) {
    return this.fc.call(x);
  }
}

describeBackends('Linear', () => {
  it('takes (in, out), in null, and one size, which is the out-size', () => {
    expect(new Linear(4, 3).W.shape).to.deep.equal([3, 4]);
    expect(new Linear(null, 3).W.partialShape).to.deep.equal([3, null]);
    expect(new Linear(3, { nobias: true }).W.partialShape).to.deep.equal([3, null]);
    expect(new Linear(3, { nobias: true }).b).to.equal(null);
    expect(new Linear(3).b!.shape).to.deep.equal([3]);
    expect(() => new Linear(0)).to.throw(InvalidArgumentError, 'Linear outSize');
    expect(() => new Linear(0, 3)).to.throw(InvalidArgumentError, 'Linear inSize');
  });

  it('finds its in-size at the first call, over all axes behind the batch', () => {
    using fc = new Linear(3);
    expect(() => fc.W.tensor).to.throw(UninitializedParameterError);
    expect(fc.call(tf.zeros([2, 2, 3, 4])).shape).to.deep.equal([2, 3]);
    expect(fc.W.shape).to.deep.equal([3, 24]);
    using rows = new Linear(3);
    expect(rows.call(tf.zeros([2, 5, 4]), 2).shape).to.deep.equal([2, 5, 3]);
    expect(rows.W.shape).to.deep.equal([3, 4]);
  });

  it('weighs channels first: W of Chainer fits', async () => {
    // W picks one value each: channel 1 at (0, 0), and channel 0 at (1, 1).
    const W = tf.tensor([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], [2, 8]);
    using fc = new Linear(8, 2, { initialW: W });
    const x = tf.tensor([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 2]);
    expect([...(await fc.call(x).data())]).to.deep.equal([2, 7]);
  });

  it('refuses another in-size with the whole path of W', () => {
    using net = new Net();
    net.call(tf.zeros([1, 4]));
    expect(() => net.call(tf.zeros([1, 5])))
      .to.throw(ShapeMismatchError, '/fc/W: expected shape (3, 5), got (3, 4). The input of shape (1, 5)')
      .that.deep.includes({ path: '/fc/W', expected: [3, 5], got: [3, 4] });
    expect(() => net.fc.call(tf.zeros([1, 4]), 0)).to.throw(InvalidArgumentError, 'nBatchAxes');
  });

  it('has the gradients of differences', async () => {
    using fc = new Linear(8, 3);
    fill(fc);
    const x = distinct('x', [2, 2, 2, 2]);
    await expectParameterGradients(fc, () => fc.call(x));
  });

  it('takes an empty batch', () => {
    using fc = new Linear(4, 3);
    expect(fc.call(tf.zeros([0, 4])).shape).to.deep.equal([0, 3]);
  });

  it('copies share, stay apart or draw anew', async () => {
    using fc = new Linear(4, 3);
    const values = await fc.W.tensor.data();
    const share = fc.copy('share');
    fc.W.assign(tf.zeros([3, 4]));
    expect(await share.W.tensor.data()).to.deep.equal(new Float32Array(12));
    fc.W.assign(tf.tensor(values, [3, 4]));
    using copy = fc.copy('copy');
    using init = fc.copy('init');
    expect(await copy.W.tensor.data()).to.deep.equal(values);
    expect(await init.W.tensor.data()).not.to.deep.equal(values);
    expect(copy.call(tf.zeros([1, 4])).shape).to.deep.equal([1, 3]);
  });

  it('leaves no tensors behind', () => {
    using fc = new Linear(3);
    const x = distinct('x', [2, 2, 2, 2]);
    expectNoLeak(fc, () => fc.call(x));
  });

  it('shows its sizes', () => {
    using fc = new Linear(3);
    expect(String(fc)).to.equal('Linear(inSize=null, outSize=3, nobias=false)');
    fc.call(tf.zeros([1, 4]));
    expect(String(fc)).to.equal('Linear(inSize=4, outSize=3, nobias=false)');
  });
});
