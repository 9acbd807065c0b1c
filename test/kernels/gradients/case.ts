/** One differentiated function: what it is tried on, and how its gradient is checked. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { expectClose } from '../../support/backends.ts';
import { unit } from '../../support/goldens.ts';

/** Values offset + scale (k + 1/2) for whole k, all different, in a fixed disorder: never 0 nor another whole number. */
export interface Input {
  readonly shape: number[];
  readonly offset?: number;
  readonly scale?: number;
}

export interface GradientCase {
  readonly of: (...xs: tf.Tensor[]) => tf.Tensor;
  readonly inputs: readonly Input[];
  /** Allowed error on other backends, relative to the largest gradient; 1e-5 unless said. */
  readonly tolerance?: number;
  /** Backends on which it cannot be tried, and why. */
  readonly without?: { readonly backends: readonly string[]; readonly reason: string };
}

/** Cases by the kernel whose gradient rule they try. */
export type GradientCases = Readonly<Record<string, GradientCase | readonly GradientCase[]>>;

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function valuesOf({ shape, offset = 0, scale = 1 / 16 }: Input, key: string): Float32Array {
  const n = sizeOf(shape);
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => unit(key, a) - unit(key, b));
  const values = new Float32Array(n);
  for (const [place, i] of order.entries()) values[i] = offset + scale * (place - Math.floor(n / 2) + 0.5);
  return values;
}

const weightsOf = (n: number) => Float32Array.from({ length: n }, (_, i) => unit('dy', i));

/** The gradients that the rules give on the active backend. Fails when tensors are left over. */
export async function gradientsOf({ of, inputs }: GradientCase): Promise<Float32Array[]> {
  const xs = inputs.map((input, i) => tf.tensor(valuesOf(input, `x${i}`), input.shape));
  const shape = tf.tidy(() => of(...xs).shape);
  const dy = tf.tensor(weightsOf(sizeOf(shape)), shape);
  const before = tf.memory().numTensors;
  const gradients = tf.grads(of)(xs, dy);
  expect(tf.memory().numTensors - before, 'tensors left by the gradient').to.equal(xs.length);
  const values = await Promise.all(gradients.map((g) => g.data() as Promise<Float32Array>));
  tf.dispose([xs, dy, gradients]);
  return values;
}

/** Half the distance between two values of an input is at least four such steps. */
const step = 2 ** -8;

/**
 * Numerical gradients, from differences of fourth order. The values and the step are exact in float32; a function's float32
 * rounding of 6e-8, over the step, leaves an error of about 2e-5 of its largest value.
 */
export function numericalGradients({ of, inputs }: GradientCase): Float64Array[] {
  const values = inputs.map((input, i) => valuesOf(input, `x${i}`));
  const loss = () =>
    tf.tidy(() => {
      const y = of(...values.map((v, i) => tf.tensor(v.slice(), inputs[i]!.shape))).dataSync();
      const weights = weightsOf(y.length);
      return weights.reduce((sum, weight, i) => sum + weight * y[i]!, 0);
    });
  return values.map((v) =>
    Float64Array.from(v, (x, i) => {
      const at = (offset: number) => {
        v[i] = x + offset;
        const result = loss();
        v[i] = x;
        return result;
      };
      return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step);
    }),
  );
}

/** What to name the gradient of an input in a failure. */
export const expectSame = (
  actual: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
  tolerance: number,
) => {
  for (const [i, e] of expected.entries()) expectClose(actual[i]!, e, tolerance, `gradient of input ${i}`);
};
