import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { floats, generator, integer, matrixProduct, pick, size, useFastWasm, worst } from './support.ts';

describe('wasm: matMul', () => {
  before(useFastWasm);

  it('200 drawn products, transposed in all four ways, agree with float64 loops', () => {
    const random = generator(11);
    for (let i = 0; i < 200; i++) {
      const [m, n, k] = [0, 1, 2].map(() => integer(random, 1, pick(random, [5, 30, 30, 150]))) as [
        number,
        number,
        number,
      ];
      const big = i % 40 === 0 ? 700 : k;
      const [ta, tb] = [random() < 0.5, random() < 0.5];
      const a = floats(random, m * big);
      const b = floats(random, n * big);
      const c = tf.tidy(() =>
        tf
          .matMul(tf.tensor2d(a, ta ? [big, m] : [m, big]), tf.tensor2d(b, tb ? [n, big] : [big, n]), ta, tb)
          .dataSync(),
      );
      expect(worst(c, matrixProduct(a, b, m, n, big, ta, tb)), `${m} ${n} ${big} ${ta} ${tb}`).to.be.below(
        2e-5,
      );
    }
  });

  it('batches, broadcast and not, agree with the cpu backend', async () => {
    const random = generator(12);
    for (const [outerA, outerB] of [
      [[3], [3]],
      [[1], [4]],
      [[4], [1]],
      [
        [2, 3],
        [2, 3],
      ],
      [
        [2, 1],
        [1, 3],
      ],
      [[], [2]],
    ] as const)
      for (const [ta, tb] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        const [m, n, k] = [integer(random, 1, 9), integer(random, 1, 20), integer(random, 1, 20)];
        const aShape = [...outerA, ...(ta ? [k, m] : [m, k])];
        const bShape = [...outerB, ...(tb ? [n, k] : [k, n])];
        const a = floats(random, size(aShape));
        const b = floats(random, size(bShape));
        const results: Float32Array[] = [];
        for (const backend of ['cpu', 'wasm']) {
          await tf.setBackend(backend);
          results.push(
            tf.tidy(() => {
              const y = tf.matMul(tf.tensor(a, aShape), tf.tensor(b, bShape), ta, tb);
              return y.dataSync() as Float32Array;
            }),
          );
        }
        expect(worst(results[1]!, results[0]!), `${aShape} x ${bShape} ${ta} ${tb}`).to.be.below(2e-5);
      }
  });

  it('fused bias and activations agree with the cpu backend', async () => {
    const random = generator(13);
    for (const activation of ['linear', 'relu', 'relu6', 'sigmoid', 'elu'] as const)
      for (const m of [1, 2, 3, 7])
        for (const transposeB of [false, true]) {
          const [n, k] = [integer(random, 1, 40), integer(random, 1, 40)];
          const a = floats(random, m * k);
          const b = floats(random, n * k);
          const bias = floats(random, n);
          const results: Float32Array[] = [];
          for (const backend of ['cpu', 'wasm']) {
            await tf.setBackend(backend);
            results.push(
              tf.tidy(() => {
                const y = tf.fused.matMul({
                  a: tf.tensor2d(a, [m, k]),
                  b: tf.tensor2d(b, transposeB ? [n, k] : [k, n]),
                  transposeB,
                  bias: tf.tensor1d(bias),
                  activation,
                });
                return y.dataSync() as Float32Array;
              }),
            );
          }
          expect(worst(results[1]!, results[0]!), `${activation} ${m} ${n} ${k}`).to.be.below(2e-5);
        }
  });

  it('a value that is not a number stays where it belongs', () => {
    // rows beyond the last are read, but must not count
    const b = tf.tensor2d([1, 2, 3, Number.NaN, 5, 6], [2, 3]);
    const a = tf.tensor2d([1], [1, 1]);
    const c = tf.matMul(a, tf.slice(b, [0, 0], [1, 3]));
    expect([...c.dataSync()]).to.deep.equal([1, 2, 3]);
    tf.dispose([a, b, c]);
  });
});
