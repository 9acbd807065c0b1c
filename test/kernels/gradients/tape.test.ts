/** Custom gradients of tfjs programs, differentiated again: right where they can be, else refused. */
import { SecondGradientError } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';

type Custom = Parameters<typeof tf.customGrad>[0];

const custom = (f: (x: tf.Tensor, save: tf.GradSaveFunc) => ReturnType<Custom>) =>
  tf.customGrad(((x: tf.Tensor, save: tf.GradSaveFunc) => f(x, save)) as Custom) as (
    x: tf.Tensor,
  ) => tf.Tensor;

const second = (f: (x: tf.Tensor) => tf.Tensor) => tf.grad((x) => tf.sum(tf.grad(f)(x)));

describeBackends('the tape', () => {
  let x: tf.Tensor;
  beforeEach(() => {
    x = tf.tensor1d([0.5, -1]);
  });
  afterEach(() => x.dispose());

  const e = [Math.exp(0.5), Math.exp(-1)];

  it('knows an output that a custom gradient saved', async () => {
    const exp = custom((t, save) => {
      const value = tf.exp(t);
      save([t, value]);
      return { value, gradFunc: (dy: tf.Tensor, [, y]: tf.Tensor[]) => tf.mul(dy, y!) };
    });
    const found = second(exp)(x);
    expectClose(await found.data(), e);
    const third = tf.grad((t) => tf.sum(second(exp)(t)))(x);
    expectClose(await third.data(), e);
    tf.dispose([found, third]);
  });

  it('refuses what a custom gradient computed inside and saved, where that is differentiated', async () => {
    const expSquare = custom((t, save) => {
      const inside = tf.exp(t);
      save([t, inside]);
      return {
        value: tf.square(inside),
        gradFunc: (dy: tf.Tensor, [, y]: tf.Tensor[]) => tf.mul(dy, tf.mul(2, tf.square(y!))),
      };
    });
    const first = tf.grad(expSquare)(x);
    expectClose(
      await first.data(),
      e.map((v) => 2 * v * v),
    );
    first.dispose();
    expect(() => second(expSquare)(x)).to.throw(SecondGradientError, 'cannot be differentiated again');
  });

  it('takes what was saved from outside for what it is', async () => {
    const times = (t: tf.Tensor) => {
      const factor = tf.square(t);
      return custom((input, save) => {
        save([factor]);
        return {
          value: tf.mul(input, factor),
          gradFunc: (dy: tf.Tensor, [f]: tf.Tensor[]) => tf.mul(dy, f!),
        };
      })(t);
    };
    const found = second(times)(x);
    expectClose(await found.data(), [1, -2]);
    found.dispose();
  });

  it("refuses tfjs' softmax cross entropy by its name", () => {
    const labels = tf.tensor2d([[1, 0]]);
    const loss = (t: tf.Tensor) => tf.losses.softmaxCrossEntropy(labels, tf.reshape(t, [1, 2])) as tf.Tensor;
    expect(() => tf.grad((t) => tf.sum(tf.square(tf.grad(loss)(t))))(x))
      .to.throw(SecondGradientError, 'softmaxCrossEntropy')
      .with.property('operation', 'softmaxCrossEntropy');
    labels.dispose();
  });

  it("differentiates tfjs' other custom gradients twice", async () => {
    for (const [f, expected] of [
      [tf.logSigmoid, (v: number) => -Math.exp(v) / (1 + Math.exp(v)) ** 2],
      [
        (t: tf.Tensor) => tf.mul(tf.logSoftmax(t), tf.tensor1d([1, 0])),
        () => (-e[0]! * e[1]!) / (e[0]! + e[1]!) ** 2,
      ],
    ] as const) {
      const inner = (t: tf.Tensor) => tf.slice(tf.grad(f)(t), 0, 1);
      const found = tf.grad((t) => tf.sum(inner(t)))(x);
      expectClose((await found.data()).slice(0, 1), [expected(0.5)]);
      found.dispose();
    }
  });

  it('leaves no tensors', () => {
    const before = tf.memory().numTensors;
    second(tf.tanh)(x).dispose();
    second(tf.sigmoid)(x).dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
