import {
  InvalidArgumentError,
  Linear,
  SGD,
  ShapeMismatchError,
  softmaxCrossEntropy,
  usingConfig,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

const labels = (...values: number[]) => tf.tensor1d(values, 'int32');

describeBackends('softmaxCrossEntropy', (backend) => {
  it('has the gradients of differences in every form', async () => {
    const x = distinct('x', [2, 2, 3], 2);
    const t = tf.tensor([0, 2, -1, 1], [2, 2], 'int32');
    for (const reduce of ['mean', 'no'] as const)
      for (const normalize of [true, false])
        await expectGradients(
          (scores) => softmaxCrossEntropy(scores, t, { reduce, normalize, classWeight: [0.5, 2, 3] }),
          [x],
        );
  });

  it('ignores any label, and divides by those that count', async () => {
    const x = distinct('x', [4, 3], 2);
    const each = await softmaxCrossEntropy(x, labels(0, 1, 2, 1), { reduce: 'no' }).data();
    const t = labels(0, 1, 2, 1);
    const ignored = { ignoreLabel: 1 };
    expectClose(await softmaxCrossEntropy(x, t, { ...ignored, reduce: 'no' }).data(), [
      each[0]!,
      0,
      each[2]!,
      0,
    ]);
    expectClose(await softmaxCrossEntropy(x, t, ignored).data(), [(each[0]! + each[2]!) / 2]);
    expectClose(await softmaxCrossEntropy(x, t, { ...ignored, normalize: false }).data(), [
      (each[0]! + each[2]!) / 4,
    ]);
    expectClose(await softmaxCrossEntropy(x, labels(1, 1, 1, 1), ignored).data(), [0]);
  });

  it('takes class weights as a list or a tensor, and other lengths not', async () => {
    const x = distinct('x', [2, 3]);
    const t = labels(2, 0);
    const list = await softmaxCrossEntropy(x, t, { classWeight: [1, 2, 3] }).data();
    const tensor = await softmaxCrossEntropy(x, t, { classWeight: tf.tensor1d([1, 2, 3]) }).data();
    expect(list).to.deep.equal(tensor);
    expect(() => softmaxCrossEntropy(x, t, { classWeight: [1, 2] })).to.throw(
      ShapeMismatchError,
      'softmaxCrossEntropy classWeight: expected shape (3), got (2)',
    );
  });

  it('does not look at the scores of other classes, even minus infinity', async () => {
    const x = tf.tensor2d([[0, Number.NEGATIVE_INFINITY, 0]]);
    expectClose(await softmaxCrossEntropy(x, labels(2)).data(), [Math.LN2]);
    const gradient = tf.grad((s) => softmaxCrossEntropy(s, labels(2)))(x);
    expectClose(await gradient.data(), [0.5, 0, -0.5]);
  });

  it('names a label out of range; without the check its loss is NaN', async () => {
    const x = distinct('x', [3, 3]);
    const t = labels(0, 3, -1);
    const unchecked = usingConfig('typeCheck', false, () => softmaxCrossEntropy(x, t, { reduce: 'no' }));
    const [first, second, third] = await unchecked.data();
    expect(first).to.be.greaterThan(0);
    expect(second).to.be.NaN;
    expect(third).to.equal(0);
    const message =
      'softmaxCrossEntropy labels: expected integers in 0..2, or -1 to ignore, got 3 at flat index 1';
    expect(() => softmaxCrossEntropy(x, labels(0, 3, -1))).to.throw(InvalidArgumentError, message);
    if (backend !== 'webgpu') return;
    // These are on the GPU alone: the error comes with a later step, after they are gone.
    const before = tf.memory();
    const onGpu = tf.tidy(() => tf.add(t, tf.onesLike(t)));
    usingConfig('debug', true, () => softmaxCrossEntropy(x, onGpu)).dispose();
    onGpu.dispose();
    expect(tf.memory().numTensors).to.equal(before.numTensors);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(tf.memory().numDataBuffers).to.equal(before.numDataBuffers);
    const optimizer = new SGD().setup(new Linear(1, 1));
    expect(() => optimizer.update()).to.throw(InvalidArgumentError, 'got 4 at flat index 1');
  });

  it('refuses labels of another shape or type, and unknown reductions', () => {
    const x = distinct('x', [2, 3]);
    expect(() => softmaxCrossEntropy(x, labels(1))).to.throw(
      ShapeMismatchError,
      'softmaxCrossEntropy labels: expected shape (2), got (1)',
    );
    expect(() => softmaxCrossEntropy(x, tf.tensor1d([0, 1]))).to.throw(InvalidArgumentError, 'float32');
    expect(() => softmaxCrossEntropy(x, labels(0, 1), { reduce: 'sum' as never })).to.throw(
      InvalidArgumentError,
      "'mean' | 'no'",
    );
  });

  it('leaves no tensors behind', () => {
    const [x, t] = [distinct('x', [2, 3]), labels(0, 1)];
    expectOneTensor('softmaxCrossEntropy', () => softmaxCrossEntropy(x, t, { classWeight: [1, 2, 3] }));
    const before = tf.memory().numTensors;
    tf.grad((s) => softmaxCrossEntropy(s, t))(x).dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
