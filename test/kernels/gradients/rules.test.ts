/**
 * Every gradient rule: against numerical gradients on the cpu, and on the other backends against the cpu. The cases that
 * a rule names must really run it, and every rule must have a case.
 */
import { differentiableKernels, installKernels } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, useTestBackend } from '../../support/backends.ts';
import { expectSame, gradientsOf, numericalGradients, usesRule } from '../../support/gradient-case.ts';
import { casesOn, fastKernels, lacking, tables } from './tables.ts';

/** Of the largest gradient: float32 in the differences of the numerical one. */
const numericalTolerance = 1e-3;
const backendTolerance = 1e-5;

describe('the table of gradients', () => {
  it('has a case for each of its rules', () => {
    expect(Object.keys(tables).sort()).to.deep.equal([...differentiableKernels].sort());
  });
});

describeBackends('the gradient of', (backend) => {
  before(() => installKernels(backend));

  it('is tested for every kernel that the backend has', () => {
    const absent = Object.keys(tables).filter(
      (name) => !fastKernels.includes(name) && tf.getKernel(name, backend) === undefined,
    );
    expect(absent).to.have.members(lacking[backend]);
  });

  for (const [kernelName, cases] of casesOn(backend)) {
    it(kernelName, async () => {
      for (const oneCase of cases) {
        let actual: Float32Array[] = [];
        const used = await usesRule(kernelName, async () => {
          actual = await gradientsOf(oneCase);
        });
        expect(used, `the rule of ${kernelName} was used`).to.equal(true);
        if (backend === 'cpu') {
          expectSame(actual, numericalGradients(oneCase), numericalTolerance);
        } else {
          await useTestBackend('cpu');
          const expected = await gradientsOf(oneCase);
          await useTestBackend(backend);
          expectSame(actual, expected, oneCase.tolerance ?? backendTolerance);
        }
      }
    });
  }
});
