/** Gradients of gradients through the WASM kernels, against the cpu. */
import { installGradients } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expectSame, gradientCase, gradientsOf } from '../gradients/case.ts';
import { casesOn } from '../gradients/tables.ts';
import { useFastWasm } from './support.ts';

describe('wasm: the gradient of the gradient of', () => {
  before(async () => {
    await useFastWasm();
    installGradients();
  });

  for (const [kernelName, cases] of casesOn('wasm')) {
    it(kernelName, async () => {
      for (const first of cases) {
        await tf.setBackend('cpu');
        const second = gradientCase(first);
        for (const order of [second, gradientCase(second)]) {
          await tf.setBackend('cpu');
          const expected = await gradientsOf(order);
          await tf.setBackend('wasm');
          expectSame(await gradientsOf(order), expected, 1e-4);
        }
      }
    });
  }
});
