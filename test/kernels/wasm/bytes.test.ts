/** Convolutions whose input and filter are rounded to bytes. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { roundHalfEven } from '@chaingrad/core';
import { type Conv2DStep, conv2d, separableConv2d } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { CONV_2D, CONV_2D_BATCH_NORM } from '../../../packages/kernels/src/attrs.ts';
import { simd } from '../../../packages/kernels/src/wasm/binaries.generated.ts';
import { compileBytes, embedded } from '../../../packages/kernels/src/wasm/binaries.ts';
import { runtimeOf } from '../../../packages/kernels/src/wasm/runtime.ts';
import {
  bytesFlags,
  type Case,
  convolution,
  drawCase,
  floats,
  generator,
  integer,
  pick,
  run,
  size,
  useFastWasm,
  worst,
} from './support.ts';

type Range = readonly [min: number, max: number];

/** What floats are after rounding to one of 127 steps of the range; those beyond become its ends. */
function rounded(values: Float32Array, [min, max]: Range): Float32Array {
  const step = Math.fround((max - min) / 127);
  const inverse = Math.fround(1 / step);
  const zero = Math.round(-min / ((max - min) / 127));
  return values.map((value) => {
    const steps = Math.fround(Math.fround(value * inverse) + zero);
    return (roundHalfEven(Math.min(127, Math.max(0, steps))) - zero) * step;
  });
}

/** A filter whose out-channels have 127 steps to their largest value. */
function roundedFilter(values: Float32Array, channels: number): Float32Array {
  const length = values.length / channels;
  const result = values.slice();
  for (let from = 0; from < values.length; from += length) {
    const row = values.subarray(from, from + length);
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const inverse = Math.fround(127 / largest);
    if (largest > 0)
      row.forEach((value, i) => {
        result[from + i] = (roundHalfEven(Math.fround(value * inverse)) * largest) / 127;
      });
  }
  return result;
}

const layer = (
  h: number,
  c: number,
  o: number,
  k: number,
  { stride = 1, pad = 0, batch = 1, groups = 1, inputRange = [-1, 1] as Range } = {},
): Case => ({
  xShape: [batch, h, h, c],
  filterShape: [o, c / groups, k, k],
  attrs: {
    ...{ stride: [stride, stride], pad: [pad, pad, pad, pad], dilation: [1, 1] },
    ...{ groups, activation: 'linear', inputRange },
  },
});

const layers: Readonly<Record<string, Case>> = {
  '1x1': layer(7, 32, 40, 1),
  'channels that fill no column of bytes, out-channels no panel': layer(6, 45, 35, 1, { batch: 3 }),
  'more channels than a block': layer(5, 1102, 33, 1),
  'one pixel': layer(1, 33, 41, 1),
  '3x3 of stride 2, padded': layer(11, 50, 32, 3, { stride: 2, pad: 1 }),
  '5x5, columns of several taps': layer(9, 9, 37, 5, { pad: 2 }),
  '7x7 of a channel with few of the next taps': layer(20, 8, 45, 7, { pad: 3, stride: 2 }),
  'zero at one end, values beyond': layer(9, 48, 34, 1, { inputRange: [0, 0.5] }),
  'zero at the other end': layer(9, 48, 34, 1, { inputRange: [-0.75, 0] }),
  'zero near one end': layer(9, 24, 34, 3, { stride: 2, pad: 1, inputRange: [-0.1, 0.9] }),
  groups: layer(9, 120, 105, 1, { groups: 3 }),
};

const tensorsOf = (c: Case, x: Float32Array, w: Float32Array) => ({
  x: tf.tensor4d(x, c.xShape),
  filter: tf.tensor4d(w, c.filterShape),
});

function check(c: Case, seed: number): void {
  const random = generator(seed);
  const x = floats(random, size(c.xShape));
  const w = floats(random, size(c.filterShape));
  const bias = seed % 2 === 0 ? null : floats(random, c.filterShape[0]);
  const y = tf.tidy(() => {
    const inputs: Record<string, tf.Tensor> = tensorsOf(c, x, w);
    if (bias !== null) inputs['bias'] = tf.tensor1d(bias);
    return run(CONV_2D, inputs, c.attrs).dataSync();
  });
  const expected = convolution(c, rounded(x, c.attrs.inputRange!), roundedFilter(w, c.filterShape[0]), bias);
  // Whole numbers are summed exactly: what is left is the rounding of the last two operations.
  expect(worst(y, expected), JSON.stringify(c)).to.be.below(1e-6);
}

/** The range changes nothing. */
function expectFloat(c: Case): void {
  const random = generator(8);
  const [x, w] = [floats(random, size(c.xShape)), floats(random, size(c.filterShape))];
  const [y, inFloat] = tf.tidy(() =>
    [c.attrs, { ...c.attrs, inputRange: null }].map((attrs) =>
      run(CONV_2D, tensorsOf(c, x, w), attrs).dataSync(),
    ),
  );
  expect(y).to.deep.equal(inFloat);
}

/** Of the kinds that are computed in bytes. */
function drawn(random: () => number): Case {
  for (;;) {
    const c = drawCase(random, { channels: [8, 9, 16, 23, 64, 70] });
    const { groups, stride } = c.attrs;
    const [, perGroup, kh, kw] = c.filterShape;
    const isWinograd = kh === 3 && kw === 3 && stride[0] === 1 && stride[1] === 1;
    if (isWinograd || perGroup * kh * kw < 32) continue;
    const filterShape: Case['filterShape'] = [groups * integer(random, 32, 50), perGroup, kh, kw];
    const end = () => integer(random, 1, 20) / 16;
    return {
      ...c,
      filterShape,
      attrs: {
        ...c.attrs,
        inputRange: pick(random, [
          [-end(), end()],
          [0, end()],
        ]),
      },
    };
  }
}

const isWrong = bytesFlags.some((flag) => !process.execArgv.includes(flag));

describe(`wasm: convolution in bytes${isWrong ? ', on an engine that has it wrong' : ''}`, () => {
  before(useFastWasm);

  if (isWrong) {
    it('computes in float', () => expectFloat(layers['1x1']!));

    it('all of this file, by optimized code', () => {
      const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');
      const options = bytesFlags.flatMap((flag) => ['--node-option', flag.slice(2)]);
      const args = [mocha, ...options, fileURLToPath(import.meta.url)];
      expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).to.match(
        /\b1\d passed, 0 failed, 0 skipped/,
      );
    });
    return;
  }

  for (const [name, c] of Object.entries(layers)) {
    it(name, () => {
      check(c, 1);
      check(c, 2);
    });
  }

  it('100 drawn convolutions agree with sums over rounded values', () => {
    const random = generator(20261201);
    for (let i = 0; i < 100; i++) check(drawn(random), i);
  });

  it('computes in float without relaxed SIMD', async () => {
    const runtime = runtimeOf(tf.backend());
    const bytes = embedded(simd, runtime.heap.shared);
    runtime.tryOut(await compileBytes({ bytes, relaxed: false, told: false }), () =>
      expectFloat(layers['1x1']!),
    );
  });

  it('normalizes in the same pass', () => {
    const c = layer(8, 64, 39, 1);
    const random = generator(3);
    const [x, w] = [floats(random, size(c.xShape)), floats(random, size(c.filterShape))];
    const [mean, gamma, beta] = [0, 1, 2].map(() => floats(random, 39));
    const variance = floats(random, 39).map((value) => 0.5 + Math.abs(value));
    const sums = convolution(c, rounded(x, [-1, 1]), roundedFilter(w, 39), null);
    const expected = sums.map((sum, i) => {
      const k = i % 39;
      return Math.max(0, ((sum - mean![k]!) / Math.sqrt(variance[k]! + 0.25)) * gamma![k]! + beta![k]!);
    });
    const y = tf.tidy(() => {
      const vectors = Object.entries({ mean, variance, gamma, beta }).map(([name, v]) => [
        name,
        tf.tensor1d(v!),
      ]);
      const inputs = { ...tensorsOf(c, x, w), ...Object.fromEntries(vectors) };
      return run(CONV_2D_BATCH_NORM, inputs, { ...c.attrs, activation: 'relu', epsilon: 0.25 }).dataSync();
    });
    expect(worst(y, expected)).to.be.below(1e-6);
  });

  it('behind a depthwise convolution in one pass, as one after the other', () => {
    const random = generator(5);
    const step = (filter: tf.Tensor4D, attrs: Conv2DStep['attrs']): Conv2DStep => ({
      ...{ filter, bias: null, attrs, normalization: null },
    });
    const bits = tf.tidy(() => {
      const x = tf.tensor4d(floats(random, 15 * 15 * 70), [1, 15, 15, 70]);
      const first = step(tf.tensor4d(floats(random, 630), [70, 1, 3, 3]), {
        groups: 70,
        activation: 'relu6',
      });
      const second = step(tf.tensor4d(floats(random, 70 * 33), [33, 70, 1, 1]), { inputRange: [0, 3] });
      const between = conv2d(x, first.filter, null, first.attrs);
      return [separableConv2d(x, first, second), conv2d(between, second.filter, null, second.attrs)].map(
        (y) => Array.from(new Uint32Array(y.dataSync().slice().buffer)),
      );
    });
    expect(bits[0]).to.deep.equal(bits[1]);
  });

  it('takes NaN for the least and infinities for the ends', () => {
    const y = tf.tidy(() => {
      const first = tf.tensor4d([NaN, Infinity, -Infinity, 0.5], [4, 1, 1, 1]);
      const x = tf.pad(first, [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 31],
      ]) as tf.Tensor4D;
      return conv2d(x, tf.ones([32, 32, 1, 1]), null, { inputRange: [-1, 1] }).dataSync();
    });
    const firsts = [0, 1, 2, 3].map((i) => Math.round(y[32 * i]! * 100) / 100);
    expect(firsts).to.deep.equal([-1.01, 0.99, -1.01, 0.5]);
  });

  it('sums no more products than 32 bits hold', () => {
    for (const channels of [2700, 2800]) {
      const y = tf.tidy(() => {
        const [x, filter] = [tf.ones([1, 7, 7, channels]), tf.ones([32, channels, 7, 7])] as tf.Tensor4D[];
        return conv2d(x!, filter!, null, { inputRange: [0, 1] }).dataSync()[0]!;
      });
      expect(y / (49 * channels)).to.be.within(1 - 1e-6, 1 + 1e-6);
    }
  });

  it('takes ranges without a width', () => {
    const y = tf.tidy(() => {
      const [x, filter] = [tf.fill([1, 1, 1, 40], 5), tf.ones([32, 40, 1, 1])] as tf.Tensor4D[];
      return conv2d(x!, filter!, null, { inputRange: [0, 0] }).dataSync()[0]!;
    });
    expect(y).to.be.within(0, 1e-20);
  });

  it('computes in float where Winograd does, and where gradients are recorded', () => {
    tf.tidy(() => {
      const random = generator(6);
      const x = tf.tensor4d(floats(random, 20 * 20 * 32), [1, 20, 20, 32]);
      const values = ([o, k]: readonly [number, number]) =>
        tf.tensor4d(floats(random, o * 32 * k * k), [o, 32, k, k]);
      const inputRange = [-1, 1] as const;
      const same = (a: tf.Tensor, b: tf.Tensor) => expect(a.dataSync()).to.deep.equal(b.dataSync());
      const filter = values([24, 3]);
      const pad = [1, 1, 1, 1] as const;
      same(conv2d(x, filter, null, { pad, inputRange }), conv2d(x, filter, null, { pad }));
      const pointwise = values([40, 1]);
      const sum = (attrs: object) => (w: tf.Tensor) =>
        tf.sum(conv2d(x, w as tf.Tensor4D, null, attrs)) as tf.Scalar;
      const inFloat = tf.valueAndGrad(sum({}))(pointwise);
      const recorded = tf.valueAndGrad(sum({ inputRange }))(pointwise);
      same(recorded.value, inFloat.value);
      same(recorded.grad, inFloat.grad);
      const alone = sum({ inputRange })(pointwise).dataSync()[0]!;
      expect(alone).not.to.equal(inFloat.value.dataSync()[0]!);
    });
  });
});
