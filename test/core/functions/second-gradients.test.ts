/**
 * Gradients of gradients, of every function: the second and, but for webgpu, the third, against differences of the one before
 * on the cpu, and on the other backends against the cpu. A function without a row fails.
 */
import { SecondGradientError, withGradient } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import * as functions from '../../../packages/core/src/functions/index.ts';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { expectHigherGradients, type GradientCase } from '../../support/gradient-case.ts';
import { rows } from './second-gradient-table.ts';

describe('the table of second gradients', () => {
  it('has a row for every function', () => {
    expect(Object.keys(rows)).to.have.members(Object.keys(functions));
  });
});

describeBackends('the gradient of the gradient of', (backend) => {
  for (const [name, row] of Object.entries(rows)) {
    if (typeof row === 'string') continue;
    it(name, async () => {
      for (const first of [row as GradientCase | GradientCase[]].flat())
        await expectHigherGradients(first, backend);
    });
  }

  it('normalize is finite where all is zero', async () => {
    const x = tf.tensor2d([
      [0, 0],
      [3, 4],
    ]);
    const squared = (t: tf.Tensor) => tf.square(tf.grad((u) => functions.normalize(tf.square(u)))(t));
    const found = tf.grad((t) => tf.sum(squared(t)))(x);
    expect([...(await found.data())].every(Number.isFinite)).to.equal(true);
    tf.dispose([x, found]);
  });

  it('a function of values that are gone by then is right', async () => {
    const x = tf.tensor1d([1, 2]);
    const f = (t: tf.Tensor) =>
      tf.tidy(() => {
        const made = tf.mul(t, 2);
        return withGradient(
          t,
          (u) => {
            const inside = tf.concat([tf.mul(u, made)]);
            return { value: tf.square(inside), save: [inside] };
          },
          (dy, [inside]) => tf.mul(dy, inside),
        );
      });
    const before = tf.memory().numTensors;
    const found = tf.grad((t) => tf.sum(tf.grad(f)(t)))(x);
    expect(tf.memory().numTensors - before).to.equal(1);
    expectClose(await found.data(), [4, 8]);
    tf.dispose([x, found]);
  });

  it('a function whose values cannot be made anew is refused by its name, its first gradient is not', async () => {
    const x = tf.tensor1d([1, 2]);
    const f = (t: tf.Tensor) => {
      let calls = 0;
      return withGradient(
        t,
        (u) => {
          if (calls++ > 0) throw new Error('once only');
          const inside = tf.square(u);
          return { value: tf.square(inside), save: [inside] };
        },
        (dy, [inside]) => tf.mul(dy, inside),
        'once',
      );
    };
    const first = tf.grad(f)(x);
    expectClose(await first.data(), [1, 4]);
    expect(() => tf.grad((t) => tf.sum(tf.grad(f)(t)))(x))
      .to.throw(SecondGradientError, 'once: its gradient cannot be differentiated again')
      .with.property('operation', 'once');
    tf.dispose([x, first]);
  });
});
