import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import {
  CONV_2D,
  CONV_2D_BACKPROP_FILTER,
  CONV_2D_BACKPROP_INPUT,
  CONV_2D_BATCH_NORM,
} from '../../../packages/kernels/src/attrs.ts';
import { setWasmKernelOptions } from '../../../packages/kernels/src/wasm/index.ts';
import {
  type Case,
  convolution,
  drawCase,
  filterGradient,
  floats,
  generator,
  inputGradient,
  outputShape,
  run,
  size,
  useFastWasm,
  worst,
} from './support.ts';

const tensor = (values: Float32Array, shape: readonly number[]) => tf.tensor(values, [...shape], 'float32');

/** Runs a kernel three times with one filter: transformed on the way, prepared, and found prepared it gives the same bits. */
function repeated(name: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor {
  const first = run(name, inputs, attrs);
  for (let i = 0; i < 2; i++) {
    const bytes = Buffer.from(run(name, inputs, attrs).dataSync().buffer);
    expect(bytes.equals(Buffer.from(first.dataSync().buffer)), JSON.stringify(attrs)).to.equal(true);
  }
  return first;
}

function checkForward(c: Case, seed: number): void {
  const random = generator(seed);
  const x = floats(random, size(c.xShape));
  const w = floats(random, size(c.filterShape));
  const bias = seed % 3 === 0 ? null : floats(random, c.filterShape[0]);
  const y = tf.tidy(() => {
    const inputs: Record<string, tf.Tensor> = { x: tensor(x, c.xShape), filter: tensor(w, c.filterShape) };
    if (bias !== null) inputs['bias'] = tf.tensor1d(bias);
    const out = repeated(CONV_2D, inputs, c.attrs);
    expect(out.shape).to.deep.equal(outputShape(c));
    return out.dataSync();
  });
  expect(worst(y, convolution(c, x, w, bias)), JSON.stringify(c)).to.be.below(2e-5);
}

/** Normalized in the same pass: what the convolution gives, scaled and shifted, and then clamped. */
function checkNormalized(c: Case, seed: number): void {
  const random = generator(seed);
  const x = floats(random, size(c.xShape));
  const w = floats(random, size(c.filterShape));
  const channels = c.filterShape[0];
  const [mean, gamma, beta] = [0, 1, 2].map(() => floats(random, channels)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const variance = floats(random, channels).map((v) => 0.5 + Math.abs(v));
  const epsilon = 0.125;
  const sums = convolution({ ...c, attrs: { ...c.attrs, activation: 'linear' } }, x, w, null);
  const expected = Array.from(sums, (sum, i) => {
    const k = i % channels;
    const y = ((sum - mean[k]!) / Math.sqrt(variance[k]! + epsilon)) * gamma[k]! + beta[k]!;
    const { activation } = c.attrs;
    return activation === 'linear' ? y : Math.min(Math.max(0, y), activation === 'relu6' ? 6 : Infinity);
  });
  const y = tf.tidy(() => {
    const inputs = {
      ...{ x: tensor(x, c.xShape), filter: tensor(w, c.filterShape) },
      ...{ mean: tf.tensor1d(mean), variance: tf.tensor1d(variance) },
      ...{ gamma: tf.tensor1d(gamma), beta: tf.tensor1d(beta) },
    };
    return repeated(CONV_2D_BATCH_NORM, inputs, { ...c.attrs, epsilon }).dataSync();
  });
  expect(worst(y, expected), JSON.stringify(c)).to.be.below(2e-5);
}

function checkInputGradient(c: Case, seed: number): void {
  const random = generator(seed);
  const w = floats(random, size(c.filterShape));
  const dy = floats(random, size(outputShape(c)));
  const dx = tf.tidy(() =>
    repeated(
      CONV_2D_BACKPROP_INPUT,
      { dy: tensor(dy, outputShape(c)), filter: tensor(w, c.filterShape) },
      { ...c.attrs, inputShape: c.xShape },
    ).dataSync(),
  );
  expect(worst(dx, inputGradient(c, w, dy)), JSON.stringify(c)).to.be.below(2e-5);
}

function checkFilterGradient(c: Case, seed: number): void {
  const random = generator(seed);
  const x = floats(random, size(c.xShape));
  const dy = floats(random, size(outputShape(c)));
  const dw = tf.tidy(() =>
    run(
      CONV_2D_BACKPROP_FILTER,
      { x: tensor(x, c.xShape), dy: tensor(dy, outputShape(c)) },
      { ...c.attrs, filterShape: c.filterShape },
    ).dataSync(),
  );
  expect(worst(dw, filterGradient(c, x, dy)), JSON.stringify(c)).to.be.below(2e-5);
}

/** The layers of SSD300 and the like, with fewer channels where the reference would take long. */
const layer = (
  h: number,
  c: number,
  o: number,
  k: number,
  { stride = 1, pad = 0, dilation = 1, batch = 1, groups = 1, w = h } = {},
): Case => ({
  xShape: [batch, h, w, c],
  filterShape: [o, c / groups, k, k],
  attrs: {
    stride: [stride, stride],
    pad: [pad, pad, pad, pad],
    dilation: [dilation, dilation],
    groups,
    activation: 'linear',
  },
});

const layers: Readonly<Record<string, Case>> = {
  'conv1_1, 3 channels': layer(40, 3, 64, 3, { pad: 1 }),
  'few channels, dilated, stride 2': layer(23, 5, 13, 3, { stride: 2, pad: 3, dilation: 2, batch: 2, w: 37 }),
  'few channels, padding wider than the image': layer(2, 2, 9, 5, { pad: 9, w: 3 }),
  'few channels, stride larger than the filter': layer(19, 7, 24, 2, { stride: 3, w: 50 }),
  '3x3 over a large map': layer(61, 16, 24, 3, { pad: 1, w: 47 }),
  '3x3 in tiles of 6x6, cut at all edges': layer(61, 17, 13, 3, { pad: 2, w: 47, batch: 2 }),
  'more tiles than one block of the filter gradient': layer(48, 160, 9, 3, { pad: 1, w: 44 }),
  'dilated, in tiles of 6x6': layer(80, 8, 9, 3, { pad: 3, dilation: 2, w: 77 }),
  '3x3 with more channels than a chunk': layer(19, 130, 72, 3, { pad: 1 }),
  'conv6, dilation 6': layer(19, 32, 40, 3, { pad: 6, dilation: 6 }),
  'conv7, 1x1': layer(19, 200, 64, 1),
  '1x1 with more columns than a block': layer(5, 1100, 20, 1),
  'conv8_2, stride 2': layer(10, 64, 48, 3, { stride: 2, pad: 1 }),
  'conv11_2, one pixel': layer(3, 128, 96, 3),
  '7x7 of stride 2, 3 channels': layer(56, 3, 32, 7, { stride: 2, pad: 3 }),
  'depthwise, rows longer than a block': layer(9, 21, 21, 3, { groups: 21, pad: 1, batch: 2, w: 37 }),
  'depthwise, stride 2': layer(21, 8, 8, 3, { groups: 8, stride: 2, pad: 2, w: 68 }),
  'depthwise, one pixel': layer(1, 6, 6, 3, { groups: 6, pad: 1 }),
  'batch 4': layer(20, 24, 12, 3, { pad: 1, batch: 4 }),
  'stride larger than the filter': layer(11, 9, 7, 1, { stride: 3 }),
};

describe('wasm: convolution', () => {
  before(useFastWasm);

  for (const [name, c] of Object.entries(layers)) {
    it(`${name}: forward`, () => checkForward(c, 1));
    it(`${name}: normalized`, () => checkNormalized(c, 4));
    it(`${name}: gradient of x`, () => checkInputGradient(c, 2));
    it(`${name}: gradient of the filter`, () => checkFilterGradient(c, 3));
  }

  it('300 drawn convolutions agree with float64 loops', () => {
    const random = generator(20240601);
    for (let i = 0; i < 300; i++) {
      const c = drawCase(random);
      checkForward(c, 3 * i + 1);
      checkForward(c, 3 * i + 3);
      checkNormalized(c, i);
      checkInputGradient(c, i);
      checkFilterGradient(c, i);
    }
  });

  it('100 drawn convolutions of wide rows, of few channels or depthwise, agree with float64 loops', () => {
    const random = generator(20261129);
    for (let i = 0; i < 100; i++) {
      const c = drawCase(random, { channels: [1, 2, 3, 4, 5, 6, 7], widest: 40 });
      checkForward(c, i);
      checkNormalized(c, i);
    }
  });

  it('without a cache results are the same', async () => {
    const random = generator(7);
    await setWasmKernelOptions({ cacheBytes: 0 });
    try {
      for (let i = 0; i < 40; i++) checkForward(drawCase(random), 3 * i + 1);
    } finally {
      await setWasmKernelOptions({ cacheBytes: 2 ** 30 });
    }
  });
});
