import {
  dropout,
  InvalidArgumentError,
  Random,
  ShapeMismatchError,
  setSeed,
  usingConfig,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { withShapesOnly } from '../../../packages/core/src/meta/backend.ts';
import { describeBackends } from '../../support/backends.ts';
import { distinct, expectOneTensor } from './numeric.ts';

describeBackends('dropout', () => {
  it('repeats with the seed, and draws anew without', async () => {
    const x = tf.ones([4, 16]);
    setSeed(3);
    const first = await dropout(x).data();
    expect(await dropout(x).data()).not.to.deep.equal(first);
    setSeed(3);
    expect(await dropout(x).data()).to.deep.equal(first);
    const rng = () => ({ rng: new Random(5) });
    expect(await dropout(x, 0.5, rng()).data()).to.deep.equal(await dropout(x, 0.5, rng()).data());
  });

  it('keeps everything with ratio 0', async () => {
    const x = distinct('x', [8]);
    expect(await dropout(x, 0).data()).to.deep.equal(await x.data());
  });

  it('gives a tensor of its own outside of training', async () => {
    const x = distinct('x', [8]);
    const y = usingConfig('train', false, () => dropout(x));
    expect(y).not.to.equal(x);
    const values = await x.data();
    y.dispose();
    expect(await x.data()).to.deep.equal(values);
  });

  it('draws nothing where only shapes are computed', () => {
    const [a, b] = [new Random(1), new Random(1)];
    withShapesOnly(() => dropout(tf.zeros([3]), 0.5, { rng: a }));
    expect(a.state).to.deep.equal(b.state);
  });

  it('refuses a ratio out of range and a mask of another shape', () => {
    for (const ratio of [1, -0.1, Number.NaN])
      expect(() => dropout(tf.ones([2]), ratio)).to.throw(InvalidArgumentError, 'a number in [0, 1)');
    expect(() => dropout(tf.ones([2]), 0.5, { mask: tf.ones([3]) })).to.throw(
      ShapeMismatchError,
      'dropout mask',
    );
  });

  it('leaves no tensors behind', () => {
    const x = distinct('x', [4]);
    expectOneTensor('dropout', () => dropout(x));
    expectOneTensor('dropout outside of training', () => usingConfig('train', false, () => dropout(x)));
  });
});
