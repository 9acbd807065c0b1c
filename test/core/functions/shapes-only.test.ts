/** Every function also runs where only shapes are known, as `model.initialize()` needs. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { withShapesOnly } from '../../../packages/core/src/meta/backend.ts';
import { useTestBackend } from '../../support/backends.ts';
import { readJson } from '../../support/goldens.ts';
import { type Attrs, type Inputs, table } from './golden-table.ts';

interface Case {
  readonly inputs?: Record<string, [shape: number[], dtype: string]>;
  readonly outputs: [shape: number[], dtype: string][];
  readonly attrs: Attrs;
}

describe('functions on shapes only', () => {
  before(async () => {
    await useTestBackend('cpu');
  });

  for (const [name, { inputs: shapes, outputs, attrs }] of Object.entries(
    readJson<Record<string, Case>>('goldens/functions.json'),
  )) {
    if (shapes === undefined) continue;
    it(name, () => {
      const run = table[name] ?? table[name.split('/')[0]!]!;
      const found = withShapesOnly(() =>
        tf.tidy(() => {
          const inputs: Inputs = {};
          for (const [key, [shape, dtype]] of Object.entries(shapes))
            inputs[key] = tf.zeros(shape, dtype as 'float32' | 'int32' | 'bool');
          if (name === 'dropout/given_mask') inputs['mask'] = tf.ones(shapes['x']![0]);
          return [run(inputs, attrs)].flat().map(({ shape, dtype }) => [shape, dtype]);
        }),
      );
      expect(found).to.deep.equal(outputs);
    });
  }
});
