/** Gradients of gradients through the WASM kernels, against the cpu. */
import { installGradients } from '@chaingrad/kernels';
import { expectHigherGradients } from '../../support/gradient-case.ts';
import { casesOn } from '../gradients/tables.ts';
import { useFastWasm } from './support.ts';

describe('wasm: the gradient of the gradient of', () => {
  before(async () => {
    await useFastWasm();
    installGradients();
  });

  for (const [kernelName, cases] of casesOn('wasm')) {
    it(kernelName, async () => {
      for (const first of cases) await expectHigherGradients(first, 'wasm');
    });
  }
});
