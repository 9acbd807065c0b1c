/** Gradients through links by differences. */
import { backward, type Link, type Parameter } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { distinct } from '../functions/numeric.ts';

/** Fills every parameter of a link with repeatable values, so that nothing is symmetric or zero by chance. */
export function fill(link: Link): void {
  for (const [path, param] of link.namedparams()) {
    const values = distinct(path, param.shape);
    param.assign(values);
    values.dispose();
  }
}

/**
 * Expects the gradients that `backward` leaves in the parameters of `link` for sum(forward() * g), g fixed, to agree with
 * central differences.
 * @param forward must not change the link.
 */
export async function expectParameterGradients(
  link: Link,
  forward: () => tf.Tensor,
  { step = 1 / 256, tolerance = 2e-3 } = {},
): Promise<void> {
  const upstream = distinct(
    'upstream',
    tf.tidy(() => forward().shape),
  );
  link.cleargrads();
  backward(() => tf.sum(tf.mul(forward(), upstream)), link).dispose();
  const weights = await upstream.data();
  const moved = async (param: Parameter, values: Float32Array): Promise<number> => {
    const tensor = tf.tensor(values, param.shape);
    param.assign(tensor);
    tensor.dispose();
    const y = tf.tidy(forward);
    const sum = ((await y.data()) as Float32Array).reduce((s, v, i) => s + v * weights[i]!, 0);
    y.dispose();
    return sum;
  };
  for (const [path, param] of link.namedparams()) {
    const original = ((await param.tensor.data()) as Float32Array).slice();
    const found = await param.grad!.data();
    const expected: number[] = [];
    for (let i = 0; i < original.length; i++) {
      const at = (d: number) => original.with(i, original[i]! + d);
      expected.push(((await moved(param, at(step))) - (await moved(param, at(-step)))) / (2 * step));
    }
    await moved(param, original);
    const largest = Math.max(1e-3, ...expected.map(Math.abs));
    for (const [i, e] of expected.entries())
      expect(found[i], `gradient ${i} of ${path}`).to.be.closeTo(e, tolerance * largest);
  }
  upstream.dispose();
}

/** Expects that calling a link leaves one tensor, and that `backward` through it leaves no more the second time. */
export function expectNoLeak(link: Link, forward: () => tf.Tensor): void {
  // The first pass may initialize parameters and makes their gradients.
  tf.tidy(() => void forward());
  backward(() => tf.sum(forward()), link).dispose();
  const before = tf.memory().numTensors;
  const y = forward();
  expect(tf.memory().numTensors - before, 'tensors left by a call').to.equal(1);
  y.dispose();
  backward(() => tf.sum(forward()), link).dispose();
  expect(tf.memory().numTensors - before, 'tensors left by backward').to.equal(0);
}
