import { Chain } from '@chaingrad/core';
import { FeaturePredictor, type ImageSource } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { TinySSD } from './tiny-ssd.ts';

/** Calls made in a loop that waits for nothing else, until a timer and an abort have had their turn. */
async function callsUntilTurn(call: () => Promise<unknown>): Promise<number> {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 0);
  for (let calls = 1; calls < 5000; calls++) {
    await call();
    if (abort.signal.aborted) return calls;
  }
  throw new Error('no timer had a turn in 5000 calls');
}

describe('predict in an endless loop', () => {
  before(() => useTestBackend('cpu'));

  it('lets timers and aborts run: a detector', async () => {
    using model = new TinySSD();
    const img: ImageSource = { data: new Uint8Array(32 * 32 * 3).fill(99), shape: [32, 32, 3] };
    expect(await callsUntilTurn(() => model.predict([img]))).to.be.above(0);
    expect(await callsUntilTurn(() => model.predict([]))).to.be.above(0);
  });

  it('lets timers and aborts run: features', async () => {
    class Nothing extends Chain {
      override forward(x: tf.Tensor4D): tf.Tensor {
        return tf.clone(x);
      }
    }
    using model = new FeaturePredictor(new Nothing(), { cropSize: 4, mean: 0 });
    const img: ImageSource = { data: new Uint8Array(8 * 8 * 3), shape: [8, 8, 3] };
    expect(await callsUntilTurn(() => model.predict([img]))).to.be.above(0);
  });
});
