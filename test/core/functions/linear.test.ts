import { InvalidArgumentError, linear, ShapeMismatchError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { flattenForLinear } from '../../../packages/core/src/functions/linear.ts';
import { describeBackends } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

describeBackends('linear', () => {
  it('flattens channels-last activations in (C, H, W) order', async () => {
    // The value of each element names its place: channel, row, column.
    const x = tf.tensor([0, 100, 1, 101, 10, 110, 11, 111], [1, 2, 2, 2]);
    expect([...(await flattenForLinear(x).data())]).to.deep.equal([0, 1, 10, 11, 100, 101, 110, 111]);
    // Batch axes stay; (N, W, C) has one spatial axis.
    const row = flattenForLinear(tf.reshape(x, [2, 2, 2]));
    expect(row.shape).to.deep.equal([2, 4]);
    expect([...(await row.data())]).to.deep.equal([0, 1, 100, 101, 10, 11, 110, 111]);
    const kept = flattenForLinear(tf.reshape(x, [2, 2, 2]), 2);
    expect(kept.shape).to.deep.equal([4, 2]);
    expect([...(await kept.data())]).to.deep.equal([0, 100, 1, 101, 10, 110, 11, 111]);
  });

  it('keeps batch axes, also with maps behind them', async () => {
    const x = distinct('x', [2, 3, 2, 2, 2]);
    const W = distinct('W', [4, 8]) as tf.Tensor2D;
    const y = linear(x, W, null, { nBatchAxes: 2 });
    expect(y.shape).to.deep.equal([2, 3, 4]);
    const each = linear(tf.reshape(x, [6, 2, 2, 2]), W);
    expect(await y.data()).to.deep.equal(await each.data());
  });

  it('has the gradients of differences', async () => {
    await expectGradients(
      (x, W, b) => linear(x, W as tf.Tensor2D, b as tf.Tensor1D),
      [distinct('x', [2, 2, 1, 2]), distinct('W', [3, 4]), distinct('b', [3])],
    );
  });

  it('takes an empty batch', () => {
    expect(linear(tf.zeros([0, 4]), tf.zeros([3, 4]), tf.zeros([3])).shape).to.deep.equal([0, 3]);
  });

  it('refuses what does not fit', () => {
    expect(() => linear(tf.zeros([2, 5]), tf.zeros([3, 4]))).to.throw(
      ShapeMismatchError,
      'linear W: expected shape (3, 5), got (3, 4). The input of shape (2, 5) has 5 values a sample.',
    );
    expect(() => linear(tf.zeros([2, 4]), tf.zeros([3, 4]), tf.zeros([4]))).to.throw(
      ShapeMismatchError,
      'linear b',
    );
    expect(() => linear(tf.zeros([2, 4]), tf.zeros([3, 4]), null, { nBatchAxes: 0 })).to.throw(
      InvalidArgumentError,
      'nBatchAxes',
    );
  });

  it('leaves no tensors behind', () => {
    const [x, W, b] = [distinct('x', [2, 2, 2, 2]), distinct('W', [3, 8]), distinct('b', [3])];
    expectOneTensor('linear', () => linear(x, W as tf.Tensor2D, b as tf.Tensor1D));
  });
});
