import {
  convolution2D,
  deconvolution2D,
  depthwiseConvolution2D,
  InvalidArgumentError,
  relu,
  relu6,
  ShapeMismatchError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

const d4 = (key: string, shape: number[], scale?: number) => distinct(key, shape, scale) as tf.Tensor4D;
const d1 = (key: string, n: number) => distinct(key, [n]) as tf.Tensor1D;

describeBackends('convolution2D', () => {
  it('fuses relu and relu6, forward and gradient', async () => {
    const x = d4('x', [1, 5, 4, 3], 3);
    const W = d4('W', [4, 3, 3, 3], 3);
    const b = d1('b', 4);
    for (const [activation, fn] of [
      ['relu', relu],
      ['relu6', relu6],
    ] as const) {
      const fused = (...[x, W, b]: tf.Tensor[]) =>
        convolution2D(x as tf.Tensor4D, W as tf.Tensor4D, b as tf.Tensor1D, { pad: 1, activation });
      const plain = (...[x, W, b]: tf.Tensor[]) =>
        fn(convolution2D(x as tf.Tensor4D, W as tf.Tensor4D, b as tf.Tensor1D, { pad: 1 }));
      const y = await fused(x, W, b).data();
      expectClose(y, await plain(x, W, b).data());
      expect(y.filter((v) => v === 0).length, 'clipped at 0').to.be.greaterThan(0);
      if (activation === 'relu6') expect(Math.max(...y)).to.equal(6);
      const upstream = distinct('g', [1, 5, 4, 4]);
      const grads = (f: typeof fused) =>
        tf.grads((...xs: tf.Tensor[]) => tf.sum(tf.mul(f(...xs), upstream)) as tf.Scalar)([x, W, b]);
      const [found, expected] = [grads(fused), grads(plain)];
      for (const [i, gradient] of found.entries())
        expectClose(await gradient.data(), await expected[i]!.data());
    }
  });

  it('has the gradients of differences, with groups, dilation and uneven stride', async () => {
    await expectGradients(
      (x, W, b) =>
        convolution2D(x as tf.Tensor4D, W as tf.Tensor4D, b as tf.Tensor1D, {
          groups: 2,
          dilate: [1, 2],
          stride: [2, 1],
          pad: [1, 2],
        }),
      [d4('x', [1, 5, 4, 4]), d4('W', [2, 2, 3, 2]), d1('b', 2)],
    );
  });

  it('is refused with the function and the argument in the message', () => {
    const x = tf.zeros([1, 5, 5, 4]) as tf.Tensor4D;
    const W = tf.zeros([6, 3, 3, 3]) as tf.Tensor4D;
    expect(() => convolution2D(x, W))
      .to.throw(ShapeMismatchError, 'convolution2D W: expected shape (6, 4, 3, 3), got (6, 3, 3, 3)')
      .that.includes({ path: 'convolution2D W' });
    const ok = tf.zeros([6, 4, 3, 3]) as tf.Tensor4D;
    expect(() => convolution2D(x, ok, tf.zeros([5]))).to.throw(ShapeMismatchError, 'convolution2D b');
    expect(() => convolution2D(x, ok, null, { stride: 0 })).to.throw(InvalidArgumentError, 'stride');
    expect(() => convolution2D(x, ok, null, { pad: -1 })).to.throw(InvalidArgumentError, 'pad');
    expect(() => convolution2D(x, ok, null, { dilate: 0 })).to.throw(InvalidArgumentError, 'dilate');
    expect(() => convolution2D(x, ok, null, { pad: 1.5 })).to.throw(InvalidArgumentError, '1.5');
    expect(() => convolution2D(x, ok, null, { dilate: 3 })).to.throw(InvalidArgumentError, '7 pixels');
    expect(() => convolution2D(tf.zeros([5, 5, 4]) as never, ok)).to.throw(
      InvalidArgumentError,
      '(N, H, W, C)',
    );
    const odd = tf.zeros([5, 2, 3, 3]) as tf.Tensor4D;
    expect(() => convolution2D(x, odd, null, { groups: 2 })).to.throw(InvalidArgumentError, 'groups 2');
  });

  it('leaves no tensors behind', () => {
    const [x, W, V, b] = [d4('x', [1, 5, 5, 4]), d4('W', [2, 4, 3, 3]), d4('V', [4, 2, 3, 3]), d1('b', 2)];
    expectOneTensor('convolution2D', () => convolution2D(x, W, b, { pad: 1 }));
    expectOneTensor('depthwiseConvolution2D', () => depthwiseConvolution2D(x, W));
    expectOneTensor('deconvolution2D', () => deconvolution2D(x, V, b));
  });
});

describeBackends('depthwiseConvolution2D', () => {
  it('convolves each channel with its own filters, outputs of a channel side by side', async () => {
    const x = d4('x', [2, 5, 4, 3]);
    const W = d4('W', [2, 3, 3, 2]);
    const b = d1('b', 6);
    const y = depthwiseConvolution2D(x, W, b, { stride: [2, 1], pad: 1 });
    const [xs, rows] = [tf.split(x, 3, 3), tf.split(W, 3, 1)] as [tf.Tensor4D[], tf.Tensor4D[]];
    // (multiplier, 1, kh, kw) is an ordinary filter with `multiplier` out-channels.
    const parts = xs.map((channel, c) =>
      convolution2D(channel, rows[c]!, tf.slice(b, 2 * c, 2), { stride: [2, 1], pad: 1 }),
    );
    const expected = tf.concat(parts, 3);
    expect(y.shape).to.deep.equal(expected.shape);
    expectClose(await y.data(), await expected.data());
  });

  it('takes a stride and a dilation at once', async () => {
    const [x, W] = [d4('x', [1, 7, 6, 2]), d4('W', [1, 2, 2, 3])];
    const y = depthwiseConvolution2D(x, W, null, { stride: 2, dilate: [2, 1], pad: [1, 0] });
    const plain = depthwiseConvolution2D(x, W, null, { dilate: [2, 1], pad: [1, 0] });
    const rows = tf.gather(plain, tf.range(0, plain.shape[1], 2, 'int32'), 1);
    const expected = tf.gather(rows, tf.range(0, plain.shape[2], 2, 'int32'), 2);
    expect(y.shape).to.deep.equal(expected.shape);
    expectClose(await y.data(), await expected.data());
  });

  it('has the gradients of differences', async () => {
    await expectGradients(
      (x, W) => depthwiseConvolution2D(x as tf.Tensor4D, W as tf.Tensor4D, null, { dilate: 2, pad: 1 }),
      [d4('x', [1, 4, 4, 2]), d4('W', [2, 2, 2, 2])],
    );
  });

  it('refuses other channels', () => {
    const x = tf.zeros([1, 5, 5, 4]) as tf.Tensor4D;
    expect(() => depthwiseConvolution2D(x, tf.zeros([1, 3, 3, 3]))).to.throw(
      ShapeMismatchError,
      'depthwiseConvolution2D W: expected shape (1, 4, 3, 3), got (1, 3, 3, 3)',
    );
  });
});

describeBackends('deconvolution2D', () => {
  const options = { stride: [2, 1] as const, pad: [1, 0] as const, dilate: [1, 2] as const, groups: 2 };

  it('is the transpose of convolution2D: <conv(x), y> = <x, deconv(y)>', async () => {
    const x = d4('x', [2, 7, 8, 4]);
    const W = d4('W', [6, 2, 3, 3]);
    const forth = convolution2D(x, W, null, options);
    const y = d4('y', forth.shape);
    const back = deconvolution2D(y, W, null, { ...options, outsize: [7, 8] });
    expect(back.shape).to.deep.equal(x.shape);
    const [[left], [right]] = await Promise.all([
      tf.sum(tf.mul(forth, y)).data(),
      tf.sum(tf.mul(x, back)).data(),
    ]);
    expect(left).to.be.closeTo(right!, 1e-4 * Math.abs(right!));
  });

  it('has the gradients of differences', async () => {
    await expectGradients(
      (x, W, b) => deconvolution2D(x as tf.Tensor4D, W as tf.Tensor4D, b as tf.Tensor1D, options),
      [d4('x', [1, 3, 3, 4]), d4('W', [4, 1, 3, 2]), d1('b', 2)],
    );
  });

  it('refuses an outsize that its convolution does not shrink to x, and other channels', () => {
    const x = tf.zeros([1, 4, 4, 3]) as tf.Tensor4D;
    const W = tf.zeros([3, 2, 3, 3]) as tf.Tensor4D;
    const stride = { stride: 2, pad: 1 };
    expect(deconvolution2D(x, W, null, stride).shape).to.deep.equal([1, 7, 7, 2]);
    expect(deconvolution2D(x, W, null, { ...stride, outsize: [8, 7] }).shape).to.deep.equal([1, 8, 7, 2]);
    expect(() => deconvolution2D(x, W, null, { ...stride, outsize: [9, 7] })).to.throw(
      InvalidArgumentError,
      'a size whose convolution gives 4 windows, got 9, which gives 5',
    );
    expect(() => deconvolution2D(x, tf.zeros([4, 2, 3, 3]))).to.throw(
      ShapeMismatchError,
      'deconvolution2D W',
    );
    expect(() => deconvolution2D(x, W, tf.zeros([3]))).to.throw(ShapeMismatchError, 'deconvolution2D b');
    expect(() => deconvolution2D(x, W, null, { groups: 2 })).to.throw(InvalidArgumentError, 'groups 2');
  });
});
