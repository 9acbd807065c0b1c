/** A Wasserstein critic whose gradient is penalized (Gulrajani et al., 2017): a gradient of a gradient by the parameters. */
import {
  BatchNormalization,
  backward,
  Chain,
  Convolution2D,
  Linear,
  layerNormalization,
  leakyRelu,
  Parameter,
  tanh,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose, useTestBackend } from '../../support/backends.ts';
import { unit } from '../../support/goldens.ts';

/** Repeatable values in [-scale, scale). */
const drawn = (key: string, shape: readonly number[], scale: number) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => scale * unit(key, i)),
    [...shape],
  );

class Critic extends Chain {
  readonly conv1 = new Convolution2D(2, 4, 3, { stride: 2, pad: 1 });
  readonly bn = new BatchNormalization(4);
  readonly conv2 = new Convolution2D(4, 3, 3);
  readonly gamma = new Parameter(1, [3]);
  readonly beta = new Parameter(0, [3]);
  readonly out = new Linear(12, 1);

  override forward(x: tf.Tensor4D): tf.Tensor {
    const h = leakyRelu(this.bn.call(this.conv1.call(x)));
    const normalized = layerNormalization(this.conv2.call(h), this.gamma.tensor, this.beta.tensor);
    return this.out.call(tanh(normalized));
  }
}

/** The mean of (|gradient of the critic by x| - 1)^2. */
const penalty = (critic: Critic, x: tf.Tensor4D) =>
  tf.tidy(() => {
    const gradient = tf.grad((t) => tf.sum(critic.call(t as tf.Tensor4D)))(x);
    const length = tf.sqrt(tf.sum(tf.square(gradient), [1, 2, 3]));
    return tf.mean(tf.square(tf.sub(length, 1))) as tf.Scalar;
  });

interface Found {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

async function found(): Promise<Found> {
  const critic = new Critic();
  for (const [path, param] of critic.namedparams()) param.array = drawn(path, param.tensor.shape, 0.5);
  critic.gamma.array = tf.add(critic.gamma.tensor, 1);
  const x = drawn('x', [3, 8, 8, 2], 1) as tf.Tensor4D;
  const before = tf.memory().numTensors;
  const loss = backward(() => penalty(critic, x), critic);
  const gradients = new Map<string, Float32Array>();
  for (const [path, param] of critic.namedparams())
    if (param.grad !== null) gradients.set(path, (await param.grad.data()) as Float32Array);
  const none = [...critic.namedparams()].map(([path]) => path).filter((path) => !gradients.has(path));
  expect(none, 'what the gradient by x does not depend on').to.deep.equal(['/out/b']);
  expect(tf.memory().numTensors - before, 'tensors left').to.equal(gradients.size + 1);
  const result = { loss: (await loss.data())[0]!, gradients };
  tf.dispose([x, loss]);
  critic.dispose();
  return result;
}

/** The derivatives of the penalty along a random direction of each parameter, by differences of fourth order. */
function alongDirections(): Map<string, { signs: Float32Array; expected: number }> {
  const critic = new Critic();
  for (const [path, param] of critic.namedparams()) param.array = drawn(path, param.tensor.shape, 0.5);
  critic.gamma.array = tf.add(critic.gamma.tensor, 1);
  const x = drawn('x', [3, 8, 8, 2], 1) as tf.Tensor4D;
  const result = new Map<string, { signs: Float32Array; expected: number }>();
  for (const [path, param] of critic.namedparams()) {
    const values = param.tensor.dataSync().slice() as Float32Array;
    const signs = Float32Array.from(values, (_, i) => (unit(`${path} direction`, i) < 0 ? -1 : 1));
    const at = (offset: number) => {
      param.array = tf.tensor(
        values.map((v, i) => v + signs[i]! * offset),
        param.tensor.shape,
      );
      const loss = penalty(critic, x);
      const value = loss.dataSync()[0]!;
      loss.dispose();
      return value;
    };
    const h = 2 ** -9;
    result.set(path, { signs, expected: (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h) });
    at(0);
  }
  critic.dispose();
  x.dispose();
  return result;
}

describeBackends('the gradient penalty of a critic', (backend) => {
  it('has the right gradients by the parameters', async () => {
    const { loss, gradients } = await found();
    if (backend === 'cpu') {
      const largest = Math.max(...[...gradients.values()].map((g) => Math.hypot(...g)));
      expect(largest).to.be.greaterThan(0.1);
      for (const [path, { signs, expected }] of alongDirections()) {
        const actual = signs.reduce((sum, sign, i) => sum + sign * (gradients.get(path)?.[i] ?? 0), 0);
        expect(actual, path).to.be.closeTo(expected, 1e-3 * largest);
      }
      return;
    }
    await useTestBackend('cpu');
    const expected = await found();
    await useTestBackend(backend);
    expectClose([loss], [expected.loss], 1e-5, 'penalty');
    const largest = Math.max(...[...expected.gradients.values()].flatMap((g) => [...g].map(Math.abs)));
    for (const [path, values] of expected.gradients) {
      const difference = Math.max(...values.map((v, i) => Math.abs(v - gradients.get(path)![i]!)));
      expect(difference / largest, path).to.be.at.most(1e-5);
    }
  });
});
