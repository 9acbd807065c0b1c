/** A backward pass frees what it is done with, and nothing else. */
import { conv2d } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';

type Custom = Parameters<typeof tf.customGrad>[0];

const custom = (f: (xs: tf.Tensor[], save: tf.GradSaveFunc) => ReturnType<Custom>) =>
  tf.customGrad(((...args: unknown[]) =>
    f(args.slice(0, -1) as tf.Tensor[], args.at(-1) as tf.GradSaveFunc)) as Custom);

/** The same tensor; tells of each backward pass how much memory is in use when it comes by. */
const gauge = (seen: number[]) =>
  custom(([x]) => ({
    value: tf.clone(x!),
    gradFunc: (dy: tf.Tensor) => {
      seen.push(tf.memory().numBytes);
      return tf.clone(dy);
    },
  }));

describeBackends('a backward pass', () => {
  it('frees gradients, what gradient functions share, and what was saved on its way', () => {
    const x = tf.ones([1, 32, 32, 8]);
    const filter = tf.fill([8, 8, 3, 3], 0.01);
    const attrs = { pad: [1, 1, 1, 1], activation: 'relu' } as const;
    const bytes = 4 * x.size;
    const [layers, seen] = [10, [] as number[]];
    const before = tf.memory().numBytes;
    const dx = tf.grad((input) => {
      let h = gauge(seen)(input) as tf.Tensor4D;
      for (let i = 0; i < layers; i++) {
        h = conv2d(h, filter as tf.Tensor4D, null, attrs);
        // A residual sum: gradients of two branches.
        h = tf.add(h, tf.mul(h, 0.5)) as tf.Tensor4D;
      }
      seen.push(tf.memory().numBytes);
      return tf.sum(h);
    })(x);
    const [forward, backward] = seen.map((used) => (used - before) / bytes) as [number, number];
    expect(forward).to.be.at.least(2 * layers);
    // The gradient of the last value, what came of it, and the gradient of the filter.
    expect(backward).to.be.below(6);
    tf.dispose([x, filter, dx]);
    expect(tf.memory().numBytes).to.equal(before - bytes - 4 * 8 * 8 * 9);
  });

  it('is right where a gradient function gives what it was given', async () => {
    const x = tf.tensor1d([1, 2]);
    const both = custom(([a, b]) => ({ value: tf.add(a!, b!), gradFunc: (dy: tf.Tensor) => [dy, dy] }));
    // 2 * (3x + 5x): each operand is computed, and so has a gradient of its own to pass on.
    const dx = tf.grad((t) => tf.sum(tf.mul(both(tf.mul(t, 3), tf.mul(t, 5)), 2)))(x);
    expectClose(await dx.data(), [16, 16]);
    tf.dispose([x, dx]);
  });

  it('is right where a gradient function gives what was saved, or what is not its own', async () => {
    const x = tf.tensor1d([1, 2]);
    const factor = tf.tensor1d([7, 11]);
    const saved = custom(([a], save) => {
      save([factor]);
      return { value: tf.mul(a!, factor), gradFunc: (_: tf.Tensor, [f]: tf.Tensor[]) => f! };
    });
    const outside = custom(([a]) => ({ value: tf.mul(a!, factor), gradFunc: () => factor }));
    for (const f of [saved, outside]) {
      const dx = tf.grad((t) => tf.sum(f(tf.mul(tf.mul(t, 2), 3))))(x);
      expectClose(await dx.data(), [42, 66]);
      dx.dispose();
    }
    expectClose(await factor.data(), [7, 11]);
    tf.dispose([x, factor]);
  });

  it('keeps the gradients of values on the way that are asked for', async () => {
    const x = tf.tensor1d([1, 2]);
    const xs: tf.Tensor[] = [x];
    const { value, grads } = tf.engine().gradients(() => {
      const inside = tf.square(x);
      tf.keep(inside);
      xs.push(inside);
      return tf.sum(tf.mul(tf.add(inside, tf.mul(inside, inside)), 3)) as tf.Tensor;
    }, xs);
    expectClose(await grads[0]!.data(), [18, 108]);
    expectClose(await grads[1]!.data(), [9, 27]);
    tf.dispose([...xs, value, ...grads]);
  });

  it('leaves a pass inside of another alone, and is free again behind an error', async () => {
    const x = tf.tensor1d([1, 2]);
    const cube = (t: tf.Tensor) => tf.sum(tf.mul(tf.square(t), t)) as tf.Tensor;
    const second = tf.grad((t) => tf.sum(tf.mul(tf.grad(cube)(t), t)))(x);
    expectClose(await second.data(), [9, 36]);
    const failing = custom(() => ({
      value: tf.scalar(1),
      gradFunc: () => {
        throw new Error('on purpose');
      },
    }));
    expect(() => tf.grad((t) => failing(t))(x)).to.throw('on purpose');
    const dx = tf.grad(cube)(x);
    expectClose(await dx.data(), [3, 12]);
    tf.dispose([x, second, dx]);
  });
});
