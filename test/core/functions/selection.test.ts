import { embedId, InvalidArgumentError, oneHot, ShapeMismatchError, selectItem } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

describeBackends('embedId and selectItem', () => {
  const W = () => distinct('W', [4, 2]) as tf.Tensor2D;

  it('have the gradients of differences, rows read twice included', async () => {
    const ids = tf.tensor2d([1, 1, 3, -1], [2, 2], 'int32');
    await expectGradients((w) => embedId(ids, w as tf.Tensor2D, -1), [W()]);
    await expectGradients(
      (x) => selectItem(x, tf.tensor2d([1, 0], [1, 2], 'int32')),
      [distinct('x', [1, 2, 3])],
    );
  });

  it('read nothing at an ignored id, even where the table is not finite', async () => {
    const table = tf.tensor2d([
      [Number.POSITIVE_INFINITY, 1],
      [2, 3],
    ]);
    expectClose(await embedId(tf.tensor1d([9, 1], 'int32'), table, 9).data(), [0, 0, 2, 3]);
    const x = tf.tensor2d([[Number.NEGATIVE_INFINITY, 1]]);
    expectClose(await selectItem(x, tf.tensor1d([1], 'int32')).data(), [1]);
  });

  it('refuse other types and shapes, and what is out of range', () => {
    expect(() => embedId(tf.tensor1d([0]), W())).to.throw(InvalidArgumentError, 'embedId ids');
    expect(() => selectItem(tf.zeros([2, 3]), tf.tensor1d([0], 'int32'))).to.throw(
      ShapeMismatchError,
      'selectItem',
    );
    expect(() => embedId(tf.tensor1d([0, 4], 'int32'), W())).to.throw(
      InvalidArgumentError,
      'embedId ids: expected integers in 0..3, got 4 at flat index 1',
    );
    const labels = tf.tensor1d([-1], 'int32');
    expect(() => selectItem(tf.zeros([1, 3]), labels)).to.throw(InvalidArgumentError, '0..2');
    expect(() => oneHot(labels, 3)).to.throw(
      InvalidArgumentError,
      'oneHot indices: expected integers in 0..2',
    );
    expect(() => oneHot(tf.tensor1d([1]), 3)).to.throw(InvalidArgumentError, 'oneHot indices');
  });

  it('leave no tensors behind', () => {
    const [ids, w, x] = [tf.tensor1d([1, 2], 'int32'), W(), distinct('x', [2, 3])];
    expectOneTensor('embedId', () => embedId(ids, w));
    expectOneTensor('embedId with a label to ignore', () => embedId(ids, w, -1));
    expectOneTensor('selectItem', () => selectItem(x, ids));
  });
});

describeBackends('tf.where', () => {
  it('may depend on what is differentiated', async () => {
    const x = tf.tensor1d([-2, 1]);
    const gradient = tf.grad((t: tf.Tensor) => tf.sum(tf.where(tf.less(t, 0), tf.mul(t, 3), t)))(x);
    expectClose(await gradient.data(), [3, 1]);
  });
});
