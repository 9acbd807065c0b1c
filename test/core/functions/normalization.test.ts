import {
  batchNormalization,
  fixedBatchNormalization,
  groupNormalization,
  InvalidArgumentError,
  layerNormalization,
  localResponseNormalization,
  normalize,
  ShapeMismatchError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

describeBackends('batchNormalization', () => {
  it('gives the statistics of the batch', async () => {
    const x = tf.tensor2d([
      [1, 10],
      [2, 10],
      [6, 10],
    ]);
    const { y, mean, variance, unbiased } = batchNormalization(x, null, null, { eps: 0.25 });
    expectClose(await mean.data(), [3, 10]);
    expectClose(await variance.data(), [14 / 3, 0]);
    expect(unbiased).to.equal(1.5);
    const s = Math.sqrt(14 / 3 + 0.25);
    expectClose(await y.data(), [-2 / s, 0, -1 / s, 0, 3 / s, 0]);
    expect(batchNormalization(tf.zeros([1, 2]), null, null).unbiased, 'of one sample').to.equal(1);
  });

  it('has the gradients of differences over any axes', async () => {
    const x = distinct('x', [3, 2, 2], 2);
    await expectGradients(
      (t, g, b) => batchNormalization(t, g, b).y,
      [x, distinct('gamma', [2]), distinct('beta', [2])],
    );
    await expectGradients(
      (t, g) => batchNormalization(t, g, null, { axis: 0, eps: 0.1 }).y,
      [x, distinct('gamma', [2, 2])],
    );
    const stats = [distinct('mean', [3]), tf.add(distinct('var', [3]), 2)];
    await expectGradients(
      (t, g, b, m, v) => fixedBatchNormalization(t, g, b, m!, v!, { axis: [1, 2], eps: 0.1 }),
      [x, distinct('gamma', [3]), distinct('beta', [3]), ...stats],
    );
  });

  it('gives statistics that can be differentiated too', async () => {
    const x = distinct('x', [3, 2, 2], 2);
    await expectGradients((t) => batchNormalization(t, null, null).mean, [x]);
    await expectGradients((t) => batchNormalization(t, null, null, { axis: [1] }).variance, [x]);
  });

  it('leaves out a scale or a shift that is null', async () => {
    const x = distinct('x', [2, 3, 2]);
    const [mean, variance] = [distinct('mean', [2]), tf.add(distinct('var', [2]), 2)];
    const [one, zero] = [tf.ones([2]), tf.zeros([2])];
    const plain = await fixedBatchNormalization(x, null, null, mean, variance).data();
    expectClose(plain, await fixedBatchNormalization(x, one, zero, mean, variance).data());
    expectClose(
      await batchNormalization(x, null, null).y.data(),
      await batchNormalization(x, one, zero).y.data(),
    );
    // Other axes than the last take another way, with the same result.
    const turned = fixedBatchNormalization(tf.transpose(x, [2, 0, 1]), one, null, mean, variance, {
      axis: [1, 2],
    });
    expectClose(await tf.transpose(turned, [1, 2, 0]).data(), plain);
    await expectGradients((t) => fixedBatchNormalization(t, null, null, mean, variance), [x]);
  });

  it('refuses what does not fit', () => {
    const x = tf.zeros([2, 3, 2]);
    const [two, three] = [tf.ones([2]), tf.ones([3])];
    expect(() => batchNormalization(x, three, two)).to.throw(
      ShapeMismatchError,
      'batchNormalization gamma: expected shape (2), got (3)',
    );
    expect(() => batchNormalization(x, two, three)).to.throw(ShapeMismatchError, 'beta');
    expect(() => fixedBatchNormalization(x, two, two, two, three)).to.throw(ShapeMismatchError, 'variance');
    expect(() => batchNormalization(x, two, two, { axis: [0, 0] })).to.throw(
      InvalidArgumentError,
      'distinct',
    );
    expect(() => batchNormalization(x, two, two, { axis: 3 })).to.throw(InvalidArgumentError, '-3..2');
  });

  it('leaves no tensors behind', () => {
    const [x, c] = [distinct('x', [2, 3]), tf.ones([3])];
    const before = tf.memory().numTensors;
    const { y, mean, variance } = batchNormalization(x, c, c);
    expect(tf.memory().numTensors - before).to.equal(3);
    tf.dispose([y, mean, variance]);
    expectOneTensor('fixedBatchNormalization', () => fixedBatchNormalization(x, c, c, c, c));
    const n = tf.ones([2]);
    expectOneTensor('the other way', () => fixedBatchNormalization(x, n, n, n, n, { axis: 1 }));
  });
});

describeBackends('layerNormalization and groupNormalization', () => {
  it('have the gradients of differences', async () => {
    await expectGradients(
      (x, g, b) => layerNormalization(x, g, b, 0.1),
      [distinct('x', [2, 2, 3], 2), distinct('gamma', [3]), distinct('beta', [3])],
    );
    await expectGradients(
      (x, g, b) => groupNormalization(x, 2, g, b, 0.1),
      [distinct('x', [2, 2, 2, 4], 2), distinct('gamma', [4]), distinct('beta', [4])],
    );
  });

  it('normalize each sample, each group by itself', async () => {
    const x = tf.tensor([1, 3, 10, 30], [1, 1, 1, 4]);
    expectClose(await groupNormalization(x, 2, null, null, 0).data(), [-1, 1, -1, 1]);
    expectClose(await layerNormalization(tf.tensor2d([[1, 3]]), null, null, 0).data(), [-1, 1]);
  });

  it('refuse what does not fit', () => {
    const x = tf.zeros([1, 2, 2, 4]);
    expect(() => groupNormalization(x, 3, null, null)).to.throw(ShapeMismatchError, 'divisible by groups 3');
    expect(() => groupNormalization(x, 0, null, null)).to.throw(InvalidArgumentError, 'groups');
    expect(() => groupNormalization(x, 2, tf.ones([2]), null)).to.throw(ShapeMismatchError, 'gamma');
    expect(() => layerNormalization(x, null, tf.ones([2]))).to.throw(ShapeMismatchError, 'beta');
  });

  it('leave no tensors behind', () => {
    const [x, c] = [distinct('x', [2, 2, 4]), tf.ones([4])];
    expectOneTensor('layerNormalization', () => layerNormalization(x, c, c));
    expectOneTensor('groupNormalization', () => groupNormalization(x, 2, c, c));
  });
});

describeBackends('normalize', () => {
  it('has the gradients of differences along one axis and several', async () => {
    const x = distinct('x', [2, 2, 3], 2);
    await expectGradients((t) => normalize(t), [x]);
    await expectGradients((t) => normalize(t, { axis: [0, 1], eps: 0.5 }), [x]);
  });

  it('stays finite at zero, with the gradient of the output over eps', async () => {
    const x = tf.tensor2d([
      [0, 0],
      [3, 4],
    ]);
    expectClose(await normalize(x).data(), [0, 0, 0.6, 0.8]);
    const upstream = tf.tensor2d([
      [1, -2],
      [0, 0],
    ]);
    const gradient = tf.grad((t: tf.Tensor) => tf.sum(tf.mul(normalize(t, { eps: 1e-5 }), upstream)))(x);
    expectClose(await gradient.data(), [1e5, -2e5, 0, 0]);
  });

  it('leaves no tensors behind', () => {
    const x = distinct('x', [2, 3]);
    expectOneTensor('normalize', () => normalize(x));
  });
});

describeBackends('localResponseNormalization', () => {
  it('is the loop over the channels, also for even n', async () => {
    const x = distinct('x', [1, 2, 1, 6], 3) as tf.Tensor4D;
    const values = await x.data();
    for (const n of [1, 2, 3, 4, 5]) {
      const half = Math.floor(n / 2);
      const expected = Array.from(values, (v, i) => {
        const [pixel, c] = [Math.floor(i / 6), i % 6];
        let sum = 0;
        for (let k = Math.max(0, c - half); k <= Math.min(5, c + half); k++)
          sum += values[pixel * 6 + k]! ** 2;
        return v / (1.5 + 0.2 * sum) ** 0.6;
      });
      const y = localResponseNormalization(x, { n, k: 1.5, alpha: 0.2, beta: 0.6 });
      expectClose(await y.data(), expected, 1e-5, `n ${n}`);
    }
    await expectGradients(
      (t) => localResponseNormalization(t as tf.Tensor4D, { n: 3, k: 1, alpha: 0.3, beta: 0.6 }),
      [x],
    );
    expect(() => localResponseNormalization(x, { n: 0 })).to.throw(InvalidArgumentError, 'n');
    expectOneTensor('localResponseNormalization', () => localResponseNormalization(x));
  });
});
