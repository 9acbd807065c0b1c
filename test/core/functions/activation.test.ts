import {
  clippedRelu,
  elu,
  hardSigmoid,
  InvalidArgumentError,
  leakyRelu,
  logSoftmax,
  logsumexp,
  relu,
  relu6,
  selu,
  sigmoid,
  softmax,
  softplus,
  tanh,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

const slopes = (fn: (x: tf.Tensor) => tf.Tensor, at: number[]) =>
  tf.grad((x) => tf.sum(fn(x)))(tf.tensor1d(at));

describeBackends('activations', () => {
  it('clip with the gradients of Chainer at the edges', async () => {
    const edges = [-1, 0, 1, 6, 7];
    expect([...(await slopes(relu, edges).data())]).to.deep.equal([0, 0, 1, 1, 1]);
    expect([...(await slopes(relu6, edges).data())]).to.deep.equal([0, 0, 1, 0, 0]);
    expect([...(await slopes((x) => clippedRelu(x, 6), edges).data())]).to.deep.equal([0, 0, 1, 0, 0]);
    expect([...(await clippedRelu(tf.tensor1d(edges), 6).data())]).to.deep.equal([0, 0, 1, 6, 6]);
    expect(() => clippedRelu(tf.tensor1d(edges), 0)).to.throw(InvalidArgumentError, 'clippedRelu z');
  });

  it('follow their formulas for other parameters, and have the gradients of differences', async () => {
    const x = distinct('x', [3, 4], 3);
    const values = [...(await x.data())];
    const each = async (fn: (x: tf.Tensor) => tf.Tensor, formula: (v: number) => number) => {
      expectClose(await fn(x).data(), values.map(formula));
      await expectGradients(fn, [x]);
    };
    await each(
      (t) => elu(t, 0.5),
      (v) => (v > 0 ? v : 0.5 * Math.expm1(v)),
    );
    await each(
      (t) => softplus(t, 2),
      (v) => Math.log1p(Math.exp(2 * v)) / 2,
    );
    await each(
      (t) => leakyRelu(t, 0.1),
      (v) => (v > 0 ? v : 0.1 * v),
    );
    await each(hardSigmoid, (v) => Math.min(1, Math.max(0, 0.2 * v + 0.5)));
  });

  it('do not overflow', async () => {
    const x = tf.tensor1d([-500, 0, 500]);
    expectClose(await softplus(x).data(), [0, Math.LN2, 500]);
    expectClose(await softmax(x).data(), [0, 0, 1]);
    expectClose(await logSoftmax(x).data(), [-1000, -500, 0]);
    expectClose(await logsumexp(x).data(), [500]);
    expectClose(await sigmoid(x).data(), [0, 0.5, 1]);
    expectClose(await tanh(x).data(), [-1, 0, 1]);
  });

  it('take the softmax along any axis', async () => {
    const x = distinct('x', [2, 3, 4], 2);
    for (const axis of [0, 1, -2, 2, -1]) {
      const along = axis < 0 ? axis + 3 : axis;
      const shifted = tf.exp(tf.sub(x, tf.max(x, along, true)));
      const expected = await tf.div(shifted, tf.sum(shifted, along, true)).data();
      expectClose(await softmax(x, axis).data(), expected, 1e-5, `softmax ${axis}`);
      expectClose(await tf.exp(logSoftmax(x, axis)).data(), expected, 1e-5, `logSoftmax ${axis}`);
    }
    await expectGradients((t) => softmax(t, 1), [x]);
    await expectGradients((t) => logSoftmax(t, 0), [x]);
    expect(() => softmax(x, 3)).to.throw(InvalidArgumentError, 'softmax axis');
    expect(() => logSoftmax(x, -4)).to.throw(InvalidArgumentError, '-3..2');
  });

  it('reduce logsumexp over one, several and all axes', async () => {
    const x = distinct('x', [2, 3, 2], 2);
    const expected = async (axes: number[]) => tf.log(tf.sum(tf.exp(x), axes)).data();
    expectClose(await logsumexp(x, 1).data(), await expected([1]));
    expectClose(await logsumexp(x, [0, -1]).data(), await expected([0, 2]));
    expectClose(await logsumexp(x).data(), await expected([0, 1, 2]));
    expect(logsumexp(x).shape).to.deep.equal([]);
    await expectGradients((t) => logsumexp(t, [0, 2]), [x]);
    expect(() => logsumexp(x, [1, -2])).to.throw(InvalidArgumentError, 'distinct axes');
  });

  it('leave no tensors behind', () => {
    const x = distinct('x', [2, 3]);
    const all = {
      relu,
      relu6,
      leakyRelu,
      sigmoid,
      tanh,
      elu,
      selu,
      softplus,
      clippedRelu,
      hardSigmoid,
      softmax,
    };
    for (const [name, fn] of Object.entries({ ...all, logSoftmax, logsumexp }))
      expectOneTensor(name, () => fn(x));
    expectOneTensor('elu of alpha 2', () => elu(x, 2));
    expectOneTensor('softplus of beta 2', () => softplus(x, 2));
    expectOneTensor('softmax of axis 0', () => softmax(x, 0));
  });
});
