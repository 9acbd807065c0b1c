import {
  averagePooling2D,
  globalAveragePooling2D,
  InvalidArgumentError,
  maxPooling2D,
  maxPooling2DIndices,
  resizeImages,
  unpooling2D,
  upsampling2D,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

const d4 = (key: string, shape: number[]) => distinct(key, shape) as tf.Tensor4D;
const of = (fn: (x: tf.Tensor4D) => tf.Tensor) => (x: tf.Tensor) => fn(x as tf.Tensor4D);

describeBackends('pooling', () => {
  it('max covers all by default, average does not', () => {
    const x = tf.zeros([1, 5, 7, 2]) as tf.Tensor4D;
    expect(maxPooling2D(x, { ksize: 2 }).shape).to.deep.equal([1, 3, 4, 2]);
    expect(maxPooling2D(x, { ksize: 2, stride: 2, coverAll: false }).shape).to.deep.equal([1, 2, 3, 2]);
    expect(maxPooling2D(x, { ksize: [2, 3], stride: [2, 1] }).shape).to.deep.equal([1, 3, 5, 2]);
    expect(averagePooling2D(x, { ksize: 2 }).shape).to.deep.equal([1, 2, 3, 2]);
  });

  it('tells the place of the largest value of each tile, the first of equal ones, and puts it back', async () => {
    const x = tf.tensor4d([1, 2, 7, 3, 6, 7, -1, -1, -9], [1, 3, 3, 1]);
    for (const [coverAll, places, back] of [
      [true, [3, 0, 0, 0], [0, 0, 7, 0, 6, 0, -1, 0, -9]],
      [false, [3], [0, 0, 0, 0, 6, 0, 0, 0, 0]],
    ] as const) {
      const options = { ksize: 2, coverAll };
      const indices = maxPooling2DIndices(x, options);
      expect([...(await indices.data())]).to.deep.equal(places);
      const again = upsampling2D(maxPooling2D(x, options), indices, { ...options, outsize: [3, 3] });
      expectClose(await again.data(), back, 0);
    }
    // Oblong tiles, several channels and images: what is put back is what was the largest.
    const many = tf.tensor4d(
      Array.from({ length: 210 }, (_, i) => ((i * 17) % 210) - 100),
      [2, 5, 7, 3],
    );
    const options = { ksize: [2, 3] } as const;
    const pooled = maxPooling2D(many, options);
    const back = upsampling2D(pooled, maxPooling2DIndices(many, options), { ...options, outsize: [5, 7] });
    // Whole numbers, which a transposed convolution by tiles may miss by a little.
    const spread = unpooling2D(pooled, { ...options, outsize: [5, 7] });
    const largest = tf.less(tf.abs(tf.sub(many, spread)), 0.5);
    const want = tf.where(largest, many, tf.zerosLike(many));
    expectClose(await back.data(), await want.data(), 0);
    const at = maxPooling2DIndices(many, options);
    await expectGradients(
      of((t) => upsampling2D(t, at, { ...options, outsize: [5, 7] })),
      [d4('y', [2, 3, 3, 3])],
    );
  });

  it('has the gradients of differences', async () => {
    const x = d4('x', [1, 5, 4, 2]);
    await expectGradients(
      of((t) => maxPooling2D(t, { ksize: 3, stride: 2, pad: 1 })),
      [x],
    );
    await expectGradients(
      of((t) => averagePooling2D(t, { ksize: [3, 2], stride: [2, 1], pad: 1 })),
      [x],
    );
    await expectGradients(of(globalAveragePooling2D), [x]);
    await expectGradients(
      of((t) => unpooling2D(t, { ksize: 3, stride: 2, pad: 1, coverAll: false })),
      [d4('x', [1, 3, 2, 2])],
    );
    await expectGradients(
      of((t) => resizeImages(t, [7, 3])),
      [x],
    );
  });

  it('averages over all pixels', async () => {
    const x = tf.tensor([1, 10, 2, 20, 3, 30, 6, 60], [1, 2, 2, 2]) as tf.Tensor4D;
    const y = globalAveragePooling2D(x);
    expect(y.shape).to.deep.equal([1, 2]);
    expectClose(await y.data(), [3, 30]);
  });

  it('unpools into what pools back, windows that overlap added up', async () => {
    const x = tf.tensor([1, 2, 3, 4], [1, 2, 2, 1]) as tf.Tensor4D;
    // 3 wide windows 2 apart: the middle row and column belong to both.
    const y = unpooling2D(x, { ksize: 3, stride: 2, coverAll: false });
    expect(y.shape).to.deep.equal([1, 5, 5, 1]);
    expectClose(await y.data(), [1, 1, 3, 2, 2, 1, 1, 3, 2, 2, 4, 4, 10, 6, 6, 3, 3, 7, 4, 4, 3, 3, 7, 4, 4]);
    expect(unpooling2D(x, { ksize: 2 }).shape, 'cover-all by default').to.deep.equal([1, 3, 3, 1]);
    expectClose(await unpooling2D(x, { ksize: 2 }).data(), [1, 1, 2, 1, 1, 2, 3, 3, 4]);
    const larger = unpooling2D(x, { ksize: 2, stride: 2, outsize: [4, 4] });
    expect(maxPooling2D(larger, { ksize: 2 }).shape).to.deep.equal(x.shape);
    expect(() => unpooling2D(x, { ksize: 2, stride: 2, outsize: [5, 4] })).to.throw(
      InvalidArgumentError,
      'unpooling2D outsize: expected a size whose pooling gives 2 windows, got 5, which gives 3',
    );
  });

  it('keeps the corners when it resizes', async () => {
    const x = tf.tensor([0, 3, 6, 9], [1, 2, 2, 1]) as tf.Tensor4D;
    expectClose(await resizeImages(x, [2, 4]).data(), [0, 1, 2, 3, 6, 7, 8, 9]);
  });

  it('refuses windows that do not fit, and bad sizes', () => {
    const x = tf.zeros([1, 2, 9, 1]) as tf.Tensor4D;
    expect(() => averagePooling2D(x, { ksize: 3 })).to.throw(
      InvalidArgumentError,
      'averagePooling2D x: expected an input whose height holds at least one window of 3 pixels (padding 0), got 2 pixels',
    );
    expect(() => maxPooling2D(x, { ksize: 0 })).to.throw(InvalidArgumentError, 'maxPooling2D ksize');
    expect(() => maxPooling2D(x, { ksize: 2, stride: 0 })).to.throw(
      InvalidArgumentError,
      'maxPooling2D stride',
    );
    expect(() => maxPooling2D(x, { ksize: 2, stride: 2, pad: -1 })).to.throw(
      InvalidArgumentError,
      'maxPooling2D pad',
    );
    expect(() => resizeImages(x, [0, 3])).to.throw(InvalidArgumentError, 'resizeImages outputShape');
    expect(() => globalAveragePooling2D(tf.zeros([2, 3]) as never)).to.throw(
      InvalidArgumentError,
      '(N, H, W, C)',
    );
  });

  it('leaves no tensors behind', () => {
    const x = d4('x', [1, 5, 4, 2]);
    expectOneTensor('maxPooling2D', () => maxPooling2D(x, { ksize: 2 }));
    expectOneTensor('averagePooling2D', () => averagePooling2D(x, { ksize: 2 }));
    expectOneTensor('globalAveragePooling2D', () => globalAveragePooling2D(x));
    expectOneTensor('unpooling2D', () => unpooling2D(x, { ksize: 2 }));
    expectOneTensor('resizeImages', () => resizeImages(x, [3, 3]));
  });
});
