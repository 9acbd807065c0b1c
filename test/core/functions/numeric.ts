/** Gradients by differences, to check those of the tape. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { ints } from '../../support/goldens.ts';

/** Repeatable values in [-scale, scale], no two of them equal or close. */
export function distinct(key: string, shape: number[], scale = 1): tf.Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  const order = Array.from({ length: n }, (_, i) => i);
  const draws = ints(key, n, n);
  for (let i = n - 1; i > 0; i--) {
    const j = draws[i]! % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return tf.tensor(
    Float32Array.from(order, (v) => scale * ((2 * v + 1) / n - 1)),
    shape,
  );
}

/**
 * Expects the gradients of sum(fn(...) * g), g fixed, by each input to agree with central differences within `tolerance` of
 * the largest gradient.
 * @param step must be small against the distance of the inputs from kinks.
 */
export async function expectGradients(
  fn: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  { step = 1 / 256, tolerance = 2e-3 } = {},
): Promise<void> {
  const shape = tf.tidy(() => fn(...inputs).shape);
  const upstream = distinct('upstream', shape);
  const loss = (...xs: tf.Tensor[]) => tf.sum(tf.mul(fn(...xs), upstream)) as tf.Scalar;
  const analytic = tf.tidy(() => tf.grads(loss)(inputs));
  for (const [k, input] of inputs.entries()) {
    const values = (await input.data()) as Float32Array;
    const found = await analytic[k]!.data();
    const expected = new Float32Array(values.length);
    for (let i = 0; i < values.length; i++) {
      const at = async (d: number) => {
        const moved = values.slice();
        moved[i]! += d;
        const y = tf.tidy(() => fn(...inputs.with(k, tf.tensor(moved, input.shape))));
        // Summed in float64: the difference of two float32 sums would be coarse.
        const a = (await y.data()) as Float32Array;
        const b = await upstream.data();
        y.dispose();
        return a.reduce((sum, v, j) => sum + v * b[j]!, 0);
      };
      expected[i] = ((await at(step)) - (await at(-step))) / (2 * step);
    }
    const largest = Math.max(1e-3, ...expected.map(Math.abs));
    for (let i = 0; i < values.length; i++)
      expect(found[i], `gradient ${i} of input ${k}`).to.be.closeTo(expected[i]!, tolerance * largest);
  }
  tf.dispose([upstream, ...analytic]);
}

/** Expects `make` to leave exactly one new tensor, inside and outside of a recorded pass. */
export function expectOneTensor(what: string, make: () => tf.Tensor): void {
  const before = tf.memory().numTensors;
  const made = make();
  expect(tf.memory().numTensors - before, `tensors left by ${what}`).to.equal(1);
  made.dispose();
}
