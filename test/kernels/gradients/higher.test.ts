/**
 * Gradients of gradients, of every rule: the second and, but for webgpu, the third, against differences of the one before on the cpu, and on
 * the other backends against the cpu.
 */
import { installKernels } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { describeBackends, expectClose, useTestBackend } from '../../support/backends.ts';
import { expectAlongDirections, expectSame, gradientCase, gradientsOf } from './case.ts';
import { casesOn } from './tables.ts';

/** Of the length of the gradient: float32 in the differences of the numerical one. */
const numericalTolerance = 2e-3;
const backendTolerance = 1e-4;

describeBackends('the gradient of the gradient of', (backend) => {
  before(() => installKernels(backend));

  it('powers with whole exponents, at zero', async () => {
    const x = tf.tensor1d([0, 2]);
    const derivative = (f: (x: tf.Tensor) => tf.Tensor) => tf.grad((t) => tf.sum(f(t)));
    let f = (t: tf.Tensor) => tf.pow(t, 2);
    for (const expected of [
      [0, 4],
      [2, 2],
      [0, 0],
    ]) {
      f = derivative(f);
      const y = tf.tidy(() => f(x));
      expectClose(await y.data(), expected);
      y.dispose();
    }
    x.dispose();
  });

  for (const [kernelName, cases] of casesOn(backend)) {
    it(kernelName, async () => {
      for (const first of cases) {
        await useTestBackend('cpu');
        const second = gradientCase(first);
        const third = gradientCase(second);
        // The third adds hardly a kernel, and a shader is compiled for every new shape.
        for (const order of backend === 'webgpu' ? [second] : [second, third]) {
          await useTestBackend(backend);
          const actual = await gradientsOf(order);
          if (backend === 'cpu') expectAlongDirections(order, actual, numericalTolerance);
          else {
            await useTestBackend('cpu');
            expectSame(actual, await gradientsOf(order), first.tolerance ?? backendTolerance);
            await useTestBackend(backend);
          }
        }
      }
    });
  }
});
