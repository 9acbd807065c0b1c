/** Gradients of gradients through the WASM kernels, against the cpu. */
import { installKernels } from '@chaingrad/kernels';
import { expectHigherGradients } from '../../support/gradient-case.ts';
import { casesOn, fastCases } from '../gradients/tables.ts';
import { useFastWasm } from './support.ts';

describe('wasm: the gradient of the gradient of', () => {
  before(async () => {
    // Where tfjs' own kernels are wrong or missing, and the fast ones do not apply.
    for (const backend of ['cpu', 'wasm']) installKernels(backend);
    await useFastWasm();
  });

  for (const [kernelName, cases] of [...casesOn('wasm'), ...fastCases]) {
    it(kernelName, async () => {
      for (const first of cases) await expectHigherGradients(first, 'wasm');
    });
  }
});
