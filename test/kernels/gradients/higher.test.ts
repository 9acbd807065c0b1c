/**
 * Gradients of gradients, of every rule: the second and, but for webgpu, the third, against differences of the one before on the cpu, and on
 * the other backends against the cpu.
 */
import { installKernels } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { expectHigherGradients } from '../../support/gradient-case.ts';
import { casesOn } from './tables.ts';

describeBackends('the gradient of the gradient of', (backend) => {
  before(() => {
    for (const name of ['cpu', backend]) installKernels(name);
  });

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
      for (const first of cases) await expectHigherGradients(first, backend);
    });
  }
});
