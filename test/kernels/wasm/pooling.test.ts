import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import * as names from '../../../packages/kernels/src/attrs.ts';
import {
  averagePooling,
  maxPooling,
  outputOf,
  outputShape,
  outputSize,
  type PoolCase,
} from './pooling-reference.ts';
import { floats, generator, integer, pick, type Random, run, size, useFastWasm, worst } from './support.ts';

function draw(random: Random): PoolCase {
  for (;;) {
    const ksize: [number, number] = [integer(random, 1, 4), integer(random, 1, 4)];
    const attrs: names.Pool2DAttrs = {
      ksize,
      stride: [integer(random, 1, 3), integer(random, 1, 3)],
      pad: [integer(random, 0, 3), integer(random, 0, 3), integer(random, 0, 3), integer(random, 0, 3)],
    };
    const shape: PoolCase['shape'] = [
      integer(random, 1, 3),
      integer(random, 1, 9),
      integer(random, 1, 9),
      pick(random, [1, 3, 4, 7, 16, 40]),
    ];
    const out = outputOf(shape, attrs);
    if (out[0] >= 1 && out[1] >= 1) return { shape, attrs, out };
  }
}

const tensor = (values: ArrayLike<number>, shape: readonly number[]) =>
  tf.tensor(Float32Array.from(values), [...shape], 'float32');

describe('wasm: pooling', () => {
  before(useFastWasm);

  it('maximum: values and gradients, of all signs and with ties', () => {
    const random = generator(21);
    for (let i = 0; i < 150; i++) {
      const c = draw(random);
      // few different values make ties; a shift makes all negative or all positive
      const shift = pick(random, [-4, 0, 0, 4]);
      const x = Float32Array.from(floats(random, size(c.shape)), (v) =>
        i % 2 === 0 ? Math.round(v * 2) + shift : v + shift,
      );
      const dy = floats(random, outputSize(c));
      const { y, dx } = maxPooling(c, x, dy);
      tf.tidy(() => {
        const xs = tensor(x, c.shape);
        const ys = run(names.MAX_POOL_2D, { x: xs }, c.attrs);
        expect([...ys.dataSync()], JSON.stringify(c)).to.deep.equal([...y]);
        const inputs = { dy: tensor(dy, outputShape(c)), x: xs, y: ys };
        const got = run(names.MAX_POOL_2D_GRAD, inputs, c.attrs).dataSync();
        expect(worst(got, dx), JSON.stringify(c)).to.be.below(1e-6);
      });
    }
  });

  it('average: values and gradients', () => {
    const random = generator(22);
    for (let i = 0; i < 150; i++) {
      const c = draw(random);
      const x = floats(random, size(c.shape));
      const dy = floats(random, outputSize(c));
      const { y, dx } = averagePooling(c, x, dy);
      tf.tidy(() => {
        const got = run(names.AVG_POOL_2D, { x: tensor(x, c.shape) }, c.attrs).dataSync();
        expect(worst(got, y), JSON.stringify(c)).to.be.below(2e-6);
        const inputs = { dy: tensor(dy, outputShape(c)) };
        const back = run(names.AVG_POOL_2D_GRAD, inputs, { ...c.attrs, inputShape: c.shape }).dataSync();
        expect(worst(back, dx), JSON.stringify(c)).to.be.below(2e-6);
      });
    }
  });

  it("tfjs' MaxPool, AvgPool and their gradients agree with the cpu backend", async () => {
    const random = generator(23);
    for (let i = 0; i < 60; i++) {
      const ksize = integer(random, 1, 4);
      const shape = [
        integer(random, 1, 2),
        integer(random, ksize, 11),
        integer(random, ksize, 11),
        integer(random, 1, 9),
      ];
      const attrs = {
        filterSize: [ksize, ksize],
        // tfjs sizes outputs by the first stride alone
        strides: Array(2).fill(integer(random, 1, 3)),
        // a window wholly in the padding has no average
        pad: pick(random, ksize === 1 ? (['same', 0] as const) : (['same', 'valid', 0, 1] as const)),
      };
      const info = tf.backend_util.computePool2DInfo(
        shape as [number, number, number, number],
        attrs.filterSize as [number, number],
        attrs.strides as [number, number],
        1,
        attrs.pad,
      );
      const x = Float32Array.from(floats(random, size(shape)), (v) => v - 2);
      const dy = floats(random, size(info.outShape));
      const results: ArrayLike<number>[][] = [];
      for (const backend of ['cpu', 'wasm']) {
        await tf.setBackend(backend);
        results.push(
          tf.tidy(() => {
            const xs = tensor(x, shape);
            const max = run(tf.MaxPool, { x: xs }, attrs);
            const grad = { dy: tensor(dy, info.outShape), input: xs, output: max };
            const values = [max, run(tf.AvgPool, { x: xs }, attrs), run(tf.MaxPoolGrad, grad, attrs)];
            return values.map((t) => t.dataSync());
          }),
        );
      }
      for (const at of [0, 1, 2])
        expect(worst(results[1]![at]!, results[0]![at]!), JSON.stringify({ shape, ...attrs })).to.be.below(
          2e-6,
        );
    }
  });

  it('sums over pixels, the gradients of biases, keep their precision', () => {
    const random = generator(24);
    for (const [rows, columns] of [
      [90000, 3],
      [5000, 64],
      [7, 21],
      [1, 16],
    ] as const) {
      const x = Float32Array.from(floats(random, rows * columns), (v) => v + 1);
      const sums = new Float64Array(columns);
      for (const [i, v] of x.entries()) sums[i % columns]! += v;
      const y = tf.tidy(() => tf.sum(tf.tensor3d(x, [1, rows, columns]), [0, 1]));
      expect(y.shape).to.deep.equal([columns]);
      expect(worst(y.dataSync(), sums), `${rows} ${columns}`).to.be.below(1e-6);
      y.dispose();
    }
    const kept = tf.tidy(() => tf.sum(tf.ones([2, 3, 4]), [0, 1], true));
    expect(kept.shape).to.deep.equal([1, 1, 4]);
    expect([...kept.dataSync()]).to.deep.equal([6, 6, 6, 6]);
    const inner = tf.tidy(() => tf.sum(tf.ones([2, 3, 4]), [1, 2]));
    expect([...inner.dataSync()]).to.deep.equal([12, 12]);
    tf.dispose([kept, inner]);
  });
});
