import {
  average,
  bias,
  getItem,
  InvalidArgumentError,
  type ItemIndex,
  moveaxis,
  repeatElements,
  rollaxis,
  ShapeMismatchError,
  scale,
  swapaxes,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct, expectGradients, expectOneTensor } from './numeric.ts';

/** The positions of a Python slice, walked one by one. */
function walked(start: number | undefined, stop: number | undefined, step: number, size: number): number[] {
  const place = (at: number | undefined, open: number) => {
    if (at === undefined) return open;
    const from = at < 0 ? at + size : at;
    return step > 0 ? Math.min(Math.max(from, 0), size) : Math.min(Math.max(from, -1), size - 1);
  };
  const found: number[] = [];
  const end = place(stop, step > 0 ? size : -1);
  for (let i = place(start, step > 0 ? 0 : size - 1); step > 0 ? i < end : i > end; i += step) found.push(i);
  return found;
}

describeBackends('getItem', (backend) => {
  it('takes every range that Python takes', async () => {
    const size = 5;
    const x = tf.range(0, size);
    const ends = backend === 'webgpu' ? [undefined, -2, 3] : [undefined, -7, -5, -2, -1, 0, 2, 4, 5, 9];
    for (const start of ends)
      for (const stop of ends)
        for (const step of backend === 'webgpu' ? [2, -1] : [1, 2, 3, 7, -1, -2, -7]) {
          const range = Object.fromEntries(
            Object.entries({ start, stop, step }).filter(([, value]) => value !== undefined),
          );
          const expected = walked(start, stop, step, size);
          const y = getItem(x, range);
          expect(y.shape, `[${start}:${stop}:${step}]`).to.deep.equal([expected.length]);
          if (expected.length > 0)
            expect([...(await y.data())], `[${start}:${stop}:${step}]`).to.deep.equal(expected);
        }
  });

  it('mixes positions, ranges, lists, new axes and an ellipsis', async () => {
    const x = tf.reshape(tf.range(0, 24), [2, 3, 4]);
    const shape = (...indices: ItemIndex[]) => getItem(x, ...indices).shape;
    expect(shape()).to.deep.equal([2, 3, 4]);
    expect(shape(0, '...', -1)).to.deep.equal([3]);
    expect(shape('...', null, 2)).to.deep.equal([2, 3, 1]);
    expect(shape(null, 1, {}, [0, 0, 3])).to.deep.equal([1, 3, 3]);
    expect(shape(1, 2, 3)).to.deep.equal([]);
    expect([...(await getItem(x, 1, 2, 3).data())]).to.deep.equal([23]);
    expect([...(await getItem(x, -1, [2, -3], { start: -1 }).data())]).to.deep.equal([23, 15]);
    expect([...(await getItem(x, 0, { step: -2 }, 1).data())]).to.deep.equal([9, 1]);
  });

  it('has the gradients of differences', async () => {
    const x = distinct('x', [2, 5, 3]);
    await expectGradients((t) => getItem(t, 1, { start: 3, step: -2 }, { start: 1 }), [x]);
    await expectGradients((t) => getItem(t, '...', [2, 0, 2]), [x]);
    await expectGradients((t) => getItem(t, {}, { step: 3 }, null, -1), [x]);
  });

  it('refuses positions outside, too many indices and a step of 0', () => {
    const x = tf.zeros([2, 3]);
    expect(() => getItem(x, 2)).to.throw(
      InvalidArgumentError,
      'getItem: expected an integer position in -2..1, got 2',
    );
    expect(() => getItem(x, 0, [3])).to.throw(InvalidArgumentError, '-3..2');
    expect(() => getItem(x, 0, 0, 0)).to.throw(InvalidArgumentError, 'at most 2 indices');
    expect(() => getItem(x, '...', '...')).to.throw(InvalidArgumentError, "one '...'");
    expect(() => getItem(x, { step: 0 })).to.throw(InvalidArgumentError, 'getItem step');
    expect(() => getItem(x, 0.5)).to.throw(InvalidArgumentError, '0.5');
  });

  it('leaves no tensors behind', () => {
    const x = distinct('x', [2, 5, 3]);
    expectOneTensor('getItem', () => getItem(x, 1, { step: -2 }, [0, 1]));
    expectOneTensor('getItem of everything', () => getItem(x));
  });
});

describeBackends('axes', () => {
  const x = () => distinct('x', [2, 3, 4]);

  it('move as in NumPy', async () => {
    const t = x();
    const same = async (a: tf.Tensor, b: tf.Tensor) => {
      expect(a.shape).to.deep.equal(b.shape);
      expect(await a.data()).to.deep.equal(await b.data());
    };
    await same(swapaxes(t, -1, 0), tf.transpose(t, [2, 1, 0]));
    await same(moveaxis(t, 2, 0), tf.transpose(t, [2, 0, 1]));
    await same(moveaxis(t, 0, 1), tf.transpose(t, [1, 0, 2]));
    await same(rollaxis(t, 0, 2), tf.transpose(t, [1, 0, 2]));
    await same(rollaxis(t, 0, 3), tf.transpose(t, [1, 2, 0]));
    await same(rollaxis(t, 2, 1), tf.transpose(t, [0, 2, 1]));
    expect(() => swapaxes(t, 3, 0)).to.throw(InvalidArgumentError, 'swapaxes axis');
    expect(() => rollaxis(t, 0, 4)).to.throw(InvalidArgumentError, 'rollaxis start');
  });

  it('repeat elements', async () => {
    const y = repeatElements(tf.tensor2d([[1, 2]]), 3, -1);
    expect([...(await y.data())]).to.deep.equal([1, 1, 1, 2, 2, 2]);
    await expectGradients((t) => repeatElements(t, 2, 0), [x()]);
    expect(() => repeatElements(x(), 0, 0)).to.throw(InvalidArgumentError, 'repeatElements times');
  });

  it('average with weights for an axis or for every element', async () => {
    const t = tf.tensor2d([
      [1, 2],
      [3, 6],
    ]);
    expectClose(await average(t, { axis: 0, weights: tf.tensor1d([1, 3]) }).data(), [2.5, 5]);
    const weights = tf.tensor2d([
      [1, 0],
      [1, 2],
    ]);
    expectClose(await average(t, { weights }).data(), [16 / 4]);
    expectClose(await average(t, { axis: 1 }).data(), [1.5, 4.5]);
    expect(average(t, { axis: -1, weights, keepdims: true }).shape).to.deep.equal([2, 1]);
    await expectGradients((a, w) => average(a, { axis: [0, 1], weights: w! }), [t, weights]);
    expect(() => average(t, { axis: 0, weights: tf.ones([3]) })).to.throw(
      ShapeMismatchError,
      'average weights',
    );
    expect(() => average(t, { weights: tf.ones([2]) })).to.throw(ShapeMismatchError, 'average weights');
  });

  it('scale and shift at any axis, at the channels by default', async () => {
    const t = tf.tensor2d([
      [1, 2],
      [3, 4],
    ]);
    const y = tf.tensor1d([10, 100]);
    expectClose(await scale(t, y).data(), [10, 200, 30, 400]);
    expectClose(await scale(t, y, 0).data(), [10, 20, 300, 400]);
    expectClose(await bias(t, y).data(), [11, 102, 13, 104]);
    expectClose(await bias(t, y, 0).data(), [11, 12, 103, 104]);
    await expectGradients((a, b) => scale(a, b!, 1), [x(), distinct('y', [3])]);
    await expectGradients((a, b) => bias(a, b!, 0), [x(), distinct('y', [2, 3])]);
    expect(() => scale(t, tf.ones([3]))).to.throw(ShapeMismatchError, 'scale y: expected shape (2), got (3)');
    expect(() => bias(t, y, 2)).to.throw(ShapeMismatchError, 'bias y');
    expect(() => bias(t, tf.ones([1, 2, 2]))).to.throw(InvalidArgumentError, 'bias axis');
  });

  it('leave no tensors behind', () => {
    const [t, w] = [x(), distinct('y', [4])];
    expectOneTensor('swapaxes', () => swapaxes(t, 0, 1));
    expectOneTensor('moveaxis', () => moveaxis(t, 0, 1));
    expectOneTensor('rollaxis', () => rollaxis(t, 1));
    expectOneTensor('repeatElements', () => repeatElements(t, 2, 1));
    expectOneTensor('average', () => average(t, { axis: 2, weights: w }));
    expectOneTensor('scale', () => scale(t, w));
    expectOneTensor('bias', () => bias(t, w));
  });
});
