import {
  absoluteError,
  accuracy,
  hinge,
  huberLoss,
  InvalidArgumentError,
  meanAbsoluteError,
  meanSquaredError,
  ShapeMismatchError,
  sigmoidCrossEntropy,
  squaredError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

const labels = (...values: number[]) => tf.tensor1d(values, 'int32');

describeBackends('losses', () => {
  it('have the gradients of differences by both arguments', async () => {
    const [x, y] = [distinct('x', [2, 3], 2), distinct('y', [2, 3])];
    for (const fn of [squaredError, absoluteError, meanSquaredError, meanAbsoluteError])
      await expectGradients(fn as (x: tf.Tensor, y: tf.Tensor) => tf.Tensor, [x, y]);
    await expectGradients((a, b) => huberLoss(a, b, 0.7, 'no'), [x, y]);
    await expectGradients((a, b) => huberLoss(a, b, 0.7), [x, y]);
  });

  it('have no gradient where the arguments are equal', async () => {
    const x = tf.tensor1d([1, 2]);
    const gradient = tf.grad((t: tf.Tensor) => meanAbsoluteError(t, tf.tensor1d([1, 3])))(x);
    expectClose(await gradient.data(), [0, -0.5]);
  });

  it('refuse shapes that differ, instead of broadcasting', () => {
    const [x, y] = [tf.zeros([2, 3]), tf.zeros([1, 3])];
    const all = { squaredError, absoluteError, meanSquaredError, meanAbsoluteError };
    for (const [name, fn] of Object.entries(all))
      expect(() => fn(x, y)).to.throw(ShapeMismatchError, `${name}: expected shape (2, 3), got (1, 3)`);
    expect(() => huberLoss(x, y, 1)).to.throw(ShapeMismatchError, 'huberLoss');
    expect(() => huberLoss(x, x, 0)).to.throw(InvalidArgumentError, 'huberLoss delta');
    expect(() => huberLoss(x, x, 1, 'mean' as never)).to.throw(InvalidArgumentError, 'huberLoss reduce');
  });

  it('takes the sigmoid cross entropy over the labels that count', async () => {
    const x = tf.tensor2d([
      [0.5, -2, 100],
      [-100, 3, 0],
    ]);
    const t = tf.tensor2d([1, 0, 1, 1, -1, 0], [2, 3], 'int32');
    const one = (v: number, label: number) => Math.log1p(Math.exp(-Math.abs(v))) + Math.max(v, 0) - v * label;
    const each = [one(0.5, 1), one(-2, 0), one(100, 1), one(-100, 1), 0, one(0, 0)];
    const sum = each.reduce((a, b) => a + b, 0);
    expectClose(await sigmoidCrossEntropy(x, t, { reduce: 'no' }).data(), each);
    expectClose(await sigmoidCrossEntropy(x, t).data(), [sum / 5]);
    expectClose(await sigmoidCrossEntropy(x, t, { normalize: false }).data(), [sum / 2]);
    const none = tf.onesLike(t);
    expectClose(await sigmoidCrossEntropy(x, tf.neg(none)).data(), [0]);
    await expectGradients(
      (s) => sigmoidCrossEntropy(s, tf.tensor2d([1, -1, 0, 1], [2, 2], 'int32'), { reduce: 'no' }),
      [distinct('x', [2, 2], 2)],
    );
    expect(() => sigmoidCrossEntropy(x, tf.cast(t, 'bool'))).to.throw(InvalidArgumentError, 'int32');
    expect(() => sigmoidCrossEntropy(x, labels(1))).to.throw(
      ShapeMismatchError,
      'sigmoidCrossEntropy labels',
    );
  });

  it('takes the hinge loss in both norms', async () => {
    const x = tf.tensor2d([
      [2, -0.5, -3],
      [0.25, 0.5, 0],
    ]);
    const t = labels(0, 1);
    const each = [0, 0.5, 0, 1.25, 0.5, 1];
    expectClose(await hinge(x, t, { reduce: 'no' }).data(), each);
    expectClose(await hinge(x, t).data(), [3.25 / 2]);
    expectClose(await hinge(x, t, { norm: 'L2' }).data(), [each.reduce((s, v) => s + v * v, 0) / 2]);
    await expectGradients((s) => hinge(s as tf.Tensor2D, t, { norm: 'L2' }), [x]);
    expect(() => hinge(x, t, { norm: 'L3' as never })).to.throw(InvalidArgumentError, "'L1' | 'L2'");
    expect(() => hinge(x, labels(0))).to.throw(ShapeMismatchError, 'hinge labels');
  });

  it('counts right answers: first of equal scores, maps too, 0 when none counts', async () => {
    const y = tf.tensor2d([
      [1, 1, 0],
      [0, 2, 2],
      [3, 0, 0],
    ]);
    expectClose(await accuracy(y, labels(0, 1, 2)).data(), [2 / 3]);
    expectClose(await accuracy(y, labels(0, 2, 2), 2).data(), [1]);
    expectClose(await accuracy(y, labels(2, 2, 2), 2).data(), [0]);
    const maps = tf.reshape(y, [1, 3, 1, 3]);
    expectClose(await accuracy(maps, tf.tensor([0, 1, 2], [1, 3, 1], 'int32')).data(), [2 / 3]);
    expect(() => accuracy(y, labels(0))).to.throw(ShapeMismatchError, 'accuracy labels');
  });

  it('leave no tensors behind', () => {
    const [x, y] = [distinct('x', [2, 3]), distinct('y', [2, 3])];
    const [t, binary] = [labels(0, 1), tf.tensor2d([0, 1, 1, -1, 0, 1], [2, 3], 'int32')];
    const all = { squaredError, absoluteError, meanSquaredError, meanAbsoluteError };
    for (const [name, fn] of Object.entries(all)) expectOneTensor(name, () => fn(x, y));
    expectOneTensor('huberLoss', () => huberLoss(x, y, 1));
    expectOneTensor('sigmoidCrossEntropy', () => sigmoidCrossEntropy(x, binary));
    expectOneTensor('hinge', () => hinge(x as tf.Tensor2D, t));
    expectOneTensor('accuracy', () => accuracy(x, t, -1));
  });
});
