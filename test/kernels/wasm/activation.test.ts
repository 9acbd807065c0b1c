/** The gradient before an activation, in one pass. */
import '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { ACTIVATION_GRAD } from '../../../packages/kernels/src/attrs.ts';
import { floats, generator, run, useFastWasm } from './support.ts';

describe('wasm: the gradient before an activation', () => {
  before(useFastWasm);

  for (const [activation, top] of [
    ['relu', Infinity],
    ['relu6', 6],
  ] as const) {
    it(`${activation} lets through where the output was not clamped, for any size`, () => {
      const random = generator(3);
      for (const n of [1, 3, 4, 7, 16384, 16385, 70001]) {
        const y = floats(random, n).map((v) => Math.min(top, Math.max(0, 10 * v)));
        // What is masked does not matter, infinite or not.
        const dy = floats(random, n).map((v, i) => (y[i]! <= 0 || y[i]! >= top ? 1 / 0 : v));
        const inputs = { dy: tf.tensor1d(dy), y: tf.tensor1d(y) };
        const out = run(ACTIVATION_GRAD, inputs, { activation });
        expect(out.dataSync()).to.deep.equal(dy.map((v, i) => (y[i]! > 0 && y[i]! < top ? v : 0)));
        tf.dispose([inputs.dy, inputs.y, out]);
      }
    });

    it(`${activation} can be differentiated twice, and leaves no tensors`, () => {
      const f = (x: tf.Tensor) => (activation === 'relu' ? tf.relu(x) : tf.relu6(x));
      const x = tf.tensor1d([-1, 1, 5, 7]);
      const before = tf.memory().numTensors;
      const first = tf.tidy(() => tf.grad((t) => tf.sum(f(t)))(x));
      // The square of the gradient of f(x)^2 / 2 is x^2 where f is not clamped; its gradient is 2x.
      const inner = tf.grad((t) => tf.sum(tf.mul(tf.square(f(t)), 0.5)));
      const second = tf.tidy(() => tf.grad((t) => tf.sum(tf.square(inner(t))))(x));
      const high = activation === 'relu' ? 1 : 0;
      expect(Array.from(first.dataSync())).to.deep.equal([0, 1, 1, high]);
      expect(Array.from(second.dataSync())).to.deep.equal([0, 2, 10, 14 * high]);
      tf.dispose([first, second]);
      expect(tf.memory().numTensors).to.equal(before);
      x.dispose();
    });
  }
});
