import { avgPool2d, installKernels, KernelArgumentError, maxPool2d } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';

describe('maxPool2d and avgPool2d', () => {
  before(() => tf.setBackend('cpu'));

  it('refuse windows that do not fit, and other ranks', () => {
    const x = tf.zeros([1, 3, 3, 1]) as tf.Tensor4D;
    expect(() => maxPool2d(x, { ksize: [4, 4] })).to.throw(KernelArgumentError, /4x4 pixels, got 3x3/);
    expect(() => avgPool2d(x, { ksize: [2, 0] })).to.throw(KernelArgumentError, /ksize must be 2 integers/);
    expect(() => maxPool2d(tf.reshape(x, [9]) as unknown as tf.Tensor4D, { ksize: [1, 1] })).to.throw(
      KernelArgumentError,
      /x must be of shape \(N, H, W, C\), got \(9\)/,
    );
    tf.disposeVariables();
  });
});

describeBackends('pooling', (backend) => {
  before(() => installKernels(backend));

  it('strides by the window unless told otherwise', () => {
    tf.tidy(() => {
      const x = tf.zeros([2, 6, 9, 3]) as tf.Tensor4D;
      expect(maxPool2d(x, { ksize: [2, 3] }).shape).to.deep.equal([2, 3, 3, 3]);
      expect(avgPool2d(x, { ksize: [2, 3], stride: [1, 1] }).shape).to.deep.equal([2, 5, 7, 3]);
    });
  });

  it('gives minus infinity for a window wholly in the padding, and such a window no gradient', async () => {
    const x = tf.tensor4d([-5, -7], [1, 1, 2, 1]);
    const f = (t: tf.Tensor) =>
      maxPool2d(t as tf.Tensor4D, { ksize: [1, 1], stride: [1, 1], pad: [1, 0, 0, 1] });
    const y = f(x);
    const dx = tf.grad(f)(x, tf.fill([1, 2, 3, 1], 2));
    expect(Array.from(await y.data())).to.deep.equal([
      ...[Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      ...[-5, -7, Number.NEGATIVE_INFINITY],
    ]);
    expect(Array.from(await dx.data())).to.deep.equal([2, 2]);
    tf.dispose([x, y, dx]);
  });

  it('adds up the gradients of windows that share their maximum, and gives them to the first of equals', async () => {
    const x = tf.tensor4d([1, 1, 0, 1, 9, 9, 0, 9, 2], [1, 3, 3, 1]);
    const f = (t: tf.Tensor) => maxPool2d(t as tf.Tensor4D, { ksize: [2, 2], stride: [1, 1] });
    const dx = tf.grad(f)(x, tf.tensor4d([1, 10, 100, 1000], [1, 2, 2, 1]));
    expect(Array.from(await dx.data())).to.deep.equal([0, 0, 0, 0, 1111, 0, 0, 0, 0]);
    tf.dispose([x, dx]);
  });

  it('counts padding as zeros in an average', async () => {
    const y = tf.tidy(() =>
      avgPool2d(tf.fill([1, 2, 2, 1], 4), { ksize: [2, 2], stride: [2, 2], pad: [1, 1, 1, 1] }),
    );
    expect(Array.from(await y.data())).to.deep.equal([1, 1, 1, 1]);
    y.dispose();
  });
});
