/** tfjs-core brings its own gradients for fused operations; they need kernels that wasm lacks without this package. */
import { installKernels } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { unit } from '../../support/goldens.ts';

const random = (shape: number[], key: string) =>
  tf.tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => unit(key, i)),
    shape,
  );

type Operation = (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) => tf.Tensor;

interface Case {
  readonly fused: Operation;
  readonly plain: Operation;
  readonly shapes: readonly number[][];
}

const strides = 2;
const pad = 'same';

const cases: Record<string, Case> = {
  conv2d: {
    fused: (x, filter, bias) =>
      tf.fused.conv2d({ x: x as tf.Tensor4D, filter: filter as tf.Tensor4D, strides, pad, bias }),
    plain: (x, filter, bias) =>
      tf.add(tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad), bias),
    shapes: [[2, 6, 5, 3], [3, 3, 3, 2], [2]],
  },
  depthwiseConv2d: {
    fused: (x, filter, bias) =>
      tf.fused.depthwiseConv2d({ x: x as tf.Tensor4D, filter: filter as tf.Tensor4D, strides, pad, bias }),
    plain: (x, filter, bias) =>
      tf.add(tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, pad), bias),
    shapes: [[2, 6, 5, 3], [3, 2, 3, 2], [6]],
  },
  matMul: {
    fused: (a, b, bias) => tf.fused.matMul({ a, b, bias, activation: 'relu' }),
    plain: (a, b, bias) => tf.relu(tf.add(tf.matMul(a, b), bias)),
    shapes: [[4, 3], [3, 5], [5]],
  },
};

describeBackends('the gradient of the fused', (backend) => {
  before(() => installKernels(backend));

  for (const [name, { fused, plain, shapes }] of Object.entries(cases)) {
    it(name, async () => {
      const inputs = shapes.map((shape, i) => random(shape, `${name}${i}`));
      const actual = tf.grads(fused)(inputs);
      const expected = tf.grads(plain)(inputs);
      for (const [i, e] of expected.entries())
        expectClose(await actual[i]!.data(), await e.data(), 3e-6, `gradient of input ${i}`);
      tf.dispose([...inputs, ...actual, ...expected]);
    });

    it(`${name}, and its own gradient`, async () => {
      const inputs = shapes.map((shape, i) => random(shape, `${name}${i}`));
      const penalty = (of: Operation) => {
        const inner = tf.grads((...xs) => tf.square(of(...(xs as [tf.Tensor, tf.Tensor, tf.Tensor]))));
        return tf.grads((...xs) => tf.addN(inner(xs).map((g) => tf.sum(tf.square(g)))))(inputs);
      };
      const actual = penalty(fused);
      const expected = penalty(plain);
      for (const [i, e] of expected.entries())
        expectClose(await actual[i]!.data(), await e.data(), 1e-5, `gradient of input ${i}`);
      tf.dispose([...inputs, ...actual, ...expected]);
    });
  }
});
