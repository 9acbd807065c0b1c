/** Every function also runs where only shapes are known, as `model.initialize()` needs. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { withShapesOnly } from '../../../packages/core/src/meta/backend.ts';
import { useTestBackend } from '../../support/backends.ts';
import { type Case, Goldens } from './golden-cases.ts';
import { moreTable } from './golden-more-table.ts';
import { type Inputs, table } from './golden-table.ts';

const files = [new Goldens('functions', table), new Goldens('functions_more', moreTable)];

describe('functions on shapes only', () => {
  before(async () => {
    await useTestBackend('cpu');
  });

  for (const goldens of files)
    for (const [name, found] of Object.entries(goldens.cases)) {
      const { inputs: shapes, outputs, attrs } = found as Case;
      const run = goldens.runOf(name);
      if (shapes === undefined || run === undefined) continue;
      it(name, () => {
        const made = withShapesOnly(() =>
          tf.tidy(() => {
            const inputs: Inputs = {};
            for (const [key, [shape, dtype]] of Object.entries(shapes))
              inputs[key] = tf.zeros(shape, dtype as 'float32' | 'int32' | 'bool');
            for (const [key, shape] of goldens.given(name)) inputs[key] = tf.ones(shape);
            return [run(inputs, attrs, goldens.host(name))].flat().map(({ shape, dtype }) => [shape, dtype]);
          }),
        );
        // tfjs has no numbers of 64 bits.
        const expected = outputs.map(([shape, dtype]) => [shape, dtype.replace('64', '32')]);
        expect(made).to.deep.equal(expected);
      });
    }
});
