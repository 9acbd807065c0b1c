import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { fuzzByCoverage } from './coverage.ts';
import { targets } from './targets.ts';

/** A short run; `run.ts` is the long one. */
const inputs = Number(process.env['CHAINGRAD_FUZZ'] ?? 48);

describe('attacks: damage that is led by coverage gives values or an error of ours', () => {
  before(() => tf.setBackend('cpu'));
  for (const target of targets) {
    it(`${target.name}: ${inputs} inputs`, async () => {
      const tensors = tf.memory().numTensors;
      const found = await fuzzByCoverage(target, { inputs, seed: 1 });
      expect(found.failures.map(({ error }) => error)).to.deep.equal([]);
      expect(found.inputs).to.be.at.least(inputs);
      expect(found.reached).to.be.greaterThan(5);
      expect(tf.memory().numTensors).to.equal(tensors);
    });
  }
});
