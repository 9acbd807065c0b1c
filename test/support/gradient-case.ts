/** One differentiated function: what it is tried on, and how its gradients and gradients of gradients are checked. */
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type BackendName, expectClose, useTestBackend } from './backends.ts';
import { unit } from './goldens.ts';

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

const tensorsOf = (inputs: readonly Input[]) =>
  inputs.map((input, i) => tf.tensor(valuesOf(input, `x${i}`), input.shape));

function shapeOf({ of, inputs }: GradientCase): number[] {
  return tf.tidy(() => of(...tensorsOf(inputs)).shape);
}

/** As tf.grads, with zeros by an input on which nothing depends. */
function gradients(of: GradientCase['of'], xs: tf.Tensor[], dy: tf.Tensor): tf.Tensor[] {
  return tf.tidy(() => {
    const { grads } = tf.engine().gradients(() => of(...xs), xs, dy, true);
    return xs.map((x, i) => (grads[i] as tf.Tensor | undefined) ?? tf.zeros(x.shape));
  });
}

/** The gradients of a case, one after the other, as a function of its inputs and of dy. */
export function gradientCase(original: GradientCase): GradientCase {
  const shape = shapeOf(original);
  const dy: Input = { shape, scale: 2 ** -Math.ceil(Math.log2(sizeOf(shape) + 1)) };
  return {
    ...original,
    of: (...args) =>
      tf.concat(gradients(original.of, args.slice(0, -1), args.at(-1)!).map((g) => tf.reshape(g, [-1]))),
    inputs: [...original.inputs, dy],
  };
}

/** The gradients that the rules give on the active backend. Fails when tensors are left over. */
export async function gradientsOf({ of, inputs }: GradientCase): Promise<Float32Array[]> {
  const xs = tensorsOf(inputs);
  const shape = tf.tidy(() => of(...xs).shape);
  const dy = tf.tensor(weightsOf(sizeOf(shape)), shape);
  const before = tf.memory().numTensors;
  const found = gradients(of, xs, dy);
  expect(tf.memory().numTensors - before, 'tensors left by the gradient').to.equal(xs.length);
  const values = await Promise.all(found.map((g) => g.data() as Promise<Float32Array>));
  tf.dispose([xs, dy, found]);
  return values;
}

/** Runs `f` and tells whether the kernel's gradient rule was asked. */
export async function usesRule(kernelName: string, f: () => Promise<void>): Promise<boolean> {
  const config = tf.getGradient(kernelName);
  let used = false;
  tf.registerGradient({
    ...config,
    gradFunc: (...args) => {
      used = true;
      return config.gradFunc(...args);
    },
  });
  try {
    await f();
  } finally {
    tf.registerGradient(config);
  }
  return used;
}

/** Half the distance between two values of an input is at least four such steps. */
const step = 2 ** -8;

/**
 * Numerical gradients, from differences of fourth order. The values and the step are exact in float32; a function's float32
 * rounding of 6e-8, over the step, leaves an error of about 2e-5 of its largest value.
 */
export function numericalGradients({ of, inputs }: GradientCase): Float64Array[] {
  const values = inputs.map((input, i) => valuesOf(input, `x${i}`));
  return values.map((v) =>
    Float64Array.from(v, (x, i) =>
      derivative(step, (offset) => {
        v[i] = x + offset;
        const result = weightedSum(of, values, inputs);
        v[i] = x;
        return result;
      }),
    ),
  );
}

const derivative = (h: number, at: (offset: number) => number) =>
  (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);

/** Summed in float64. */
function weightedSum(of: GradientCase['of'], values: Float32Array[], inputs: readonly Input[]): number {
  const y = tf.tidy(() => of(...values.map((v, i) => tf.tensor(v.slice(), inputs[i]!.shape))).dataSync());
  return weightsOf(y.length).reduce((sum, weight, i) => sum + weight * y[i]!, 0);
}

/**
 * Expects gradients to agree with differences along random directions of signs, a few an input: as sharp as one an element,
 * and much cheaper. The tolerance is relative to the length of the gradient, which is what such a derivative is expected to be.
 */
export function expectAlongDirections(
  { of, inputs }: GradientCase,
  found: readonly Float32Array[],
  tolerance: number,
  directions = 4,
): void {
  const values = inputs.map((input, i) => valuesOf(input, `x${i}`));
  for (const [i, v] of values.entries()) {
    const length = Math.hypot(...found[i]!);
    for (let direction = 0; direction < directions; direction++) {
      const signs = Float32Array.from(v, (_, k) => (unit(`direction ${direction}`, k) < 0 ? -1 : 1));
      // Half the step: two neighbours may move towards each other.
      const expected = derivative(step / 2, (offset) =>
        weightedSum(
          of,
          values.with(
            i,
            v.map((x, k) => x + signs[k]! * offset),
          ),
          inputs,
        ),
      );
      const actual = signs.reduce((sum, sign, k) => sum + sign * found[i]![k]!, 0);
      expect(actual, `gradient of input ${i} along direction ${direction}`).to.be.closeTo(
        expected,
        tolerance * Math.max(length, 1e-2),
      );
    }
  }
}

/** What to name the gradient of an input in a failure. */
export const expectSame = (
  actual: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
  tolerance: number,
) => {
  for (const [i, e] of expected.entries()) expectClose(actual[i]!, e, tolerance, `gradient of input ${i}`);
};

/**
 * Checks gradients of gradients on a backend, which is the active one: the second and, but for webgpu, the third. On the cpu
 * against differences of the one before; on the others against the cpu, within `tolerance` of the largest.
 */
export async function expectHigherGradients(
  first: GradientCase,
  backend: BackendName,
  tolerance = first.tolerance ?? 1e-4,
): Promise<void> {
  await useTestBackend('cpu');
  const second = gradientCase(first);
  // The third adds hardly a kernel, and webgpu compiles a shader for every new shape.
  for (const order of backend === 'webgpu' ? [second] : [second, gradientCase(second)]) {
    const expected = await gradientsOf(order);
    if (backend === 'cpu') expectAlongDirections(order, expected, 2e-3);
    else {
      await useTestBackend(backend);
      const actual = await gradientsOf(order);
      await useTestBackend('cpu');
      expectSame(actual, expected, tolerance);
    }
  }
  await useTestBackend(backend);
}
