/** The gradient rules of kernels that only the fast ones have, against the cpu, where the same is composed of kernels of its own rules. */
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { expectSame, gradientsOf, usesRule } from '../../support/gradient-case.ts';
import { fastCases } from '../gradients/tables.ts';
import { useFastWasm } from './support.ts';

describe('wasm: the gradient of', () => {
  for (const [kernelName, cases] of fastCases) {
    it(kernelName, async () => {
      for (const oneCase of cases) {
        await useTestBackend('cpu');
        const expected = await gradientsOf(oneCase);
        await useFastWasm();
        let actual: Float32Array[] = [];
        const used = await usesRule(kernelName, async () => {
          actual = await gradientsOf(oneCase);
        });
        expect(used, `the rule of ${kernelName} was used`).to.equal(true);
        expectSame(actual, expected, 1e-5);
      }
    });
  }
});
