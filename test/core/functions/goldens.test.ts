/**
 * Every case of goldens/functions.json, forward and gradient, on every backend. Values must agree with Chainer's within
 * 1e-5 * max(1, the largest magnitude) + 1e-4 * the value's own magnitude (sin and cos on webgpu: within 2^-11).
 */
import {
  batchNormalization,
  dropout,
  dropoutMask,
  getConvOutsize,
  getDeconvOutsize,
  InvalidArgumentError,
  maxPooling2D,
  Random,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';
import { type GoldenArray, readJson, readNpz } from '../../support/goldens.ts';
import { type Attrs, type Inputs, type Run, table } from './golden-table.ts';

interface Case {
  readonly inputs: Record<string, [shape: number[], dtype: string]>;
  readonly outputs: unknown[];
  readonly grads: string[];
  readonly attrs: Attrs;
}

const cases = readJson<Record<string, unknown>>('goldens/functions.json');
const arrays = readNpz('goldens/functions.npz');

/** Cases that are no input-output pairs; their own tests are below. */
const facts = [
  'batch_normalization/running_2d',
  'batch_normalization/running_4d',
  'batch_normalization/running_axis01',
  'dropout/train_invariants',
  'dropout/ratio_1',
  'outsize_table',
  'deconv_outsize',
];
const pairs = Object.keys(cases).filter((name) => !facts.includes(name));

const runOf = (name: string): Run | undefined => table[name] ?? table[name.split('/')[0]!];

function array(name: string): GoldenArray {
  const found = arrays.get(name);
  if (found === undefined) throw new Error(`there is no golden '${name}'`);
  return found;
}

function tensor(name: string): tf.Tensor {
  const { shape, dtype, data } = array(name);
  if (dtype === '|b1') return tf.tensor(data as Uint8Array, shape, 'bool');
  return tf.tensor(data as Float32Array, shape, dtype.includes('i') ? 'int32' : 'float32');
}

/** WGSL promises sin and cos only to 2^-11, absolutely; software and some GPUs use that. */
const looseOnWebGPU: Readonly<Record<string, number>> = { 'unary/sin': 2 ** -11, 'unary/cos': 2 ** -11 };

async function expectEqual(actual: tf.Tensor, name: string, loose = 0): Promise<void> {
  const expected = array(name);
  expect(actual.shape, `${name} shape`).to.deep.equal(expected.shape);
  const values = await actual.data();
  const finite = [...expected.data].filter(Number.isFinite).map(Math.abs);
  const atol = Math.max(1e-5 * Math.max(1, ...finite), loose);
  for (const [i, e] of expected.data.entries()) {
    const a = values[i]!;
    if (Object.is(a, e)) continue;
    const error = Math.abs(a - e);
    // Written so that NaN fails.
    if (!(error <= atol + 1e-4 * Math.abs(e))) expect.fail(`${name}[${i}]: expected ${e}, got ${a}`);
  }
}

describe('functions against Chainer', () => {
  it('covers all 186 pairs of inputs and outputs, and the 7 other facts', () => {
    expect(Object.keys(cases)).to.have.length(193);
    expect(pairs.filter((name) => runOf(name) === undefined)).to.deep.equal([]);
    expect(facts.filter((name) => !(name in cases))).to.deep.equal([]);
    const used = new Set(pairs.map((name) => (name in table ? name : name.split('/')[0])));
    expect(Object.keys(table).filter((name) => !used.has(name))).to.deep.equal([]);
  });

  it('gives the output sizes of convolution and pooling', () => {
    const { rows } = cases['outsize_table'] as {
      rows: [number, number, number, number, number, boolean, number][];
    };
    expect(rows.length).to.be.greaterThan(50);
    for (const [size, ksize, stride, pad, dilate, coverAll, out] of rows)
      expect(
        // Chainer never gives fewer than none.
        Math.max(0, getConvOutsize(size, { ksize, stride, pad, dilate, coverAll })),
        `${[size, ksize, stride, pad, dilate, coverAll]}`,
      ).to.equal(Math.max(0, out));
    for (const [size, ksize, stride, pad, out] of cases['deconv_outsize'] as number[][])
      expect(getDeconvOutsize(size!, { ksize: ksize!, stride: stride!, pad: pad! })).to.equal(out);
  });
});

describeBackends('functions against Chainer', (backend) => {
  let before = 0;
  beforeEach(() => {
    tf.engine().startScope();
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    tf.engine().endScope();
  });

  for (const name of pairs) {
    const { inputs: shapes, outputs, grads, attrs } = cases[name] as Case;
    it(name, async () => {
      const run = runOf(name)!;
      const loose = backend === 'webgpu' ? looseOnWebGPU[name] : 0;
      const inputs: Inputs = {};
      for (const key of Object.keys(shapes)) inputs[key] = tensor(`${name}/in/${key}`);
      if (arrays.has(`${name}/mask`)) inputs['mask'] = tensor(`${name}/mask`);

      const made = tf.tidy(() => [run(inputs, attrs)].flat());
      expect(made).to.have.length(outputs.length);
      for (const [i, out] of made.entries()) await expectEqual(out, `${name}/out/${i}`, loose);
      if (grads.length === 0) return;

      const upstream = outputs.map((_, i) => tensor(`${name}/gout/${i}`));
      const loss = (...xs: tf.Tensor[]) => {
        const given = Object.fromEntries(grads.map((key, i) => [key, xs[i]!]));
        const outs = [run({ ...inputs, ...given }, attrs)].flat();
        return tf.addN(outs.map((out, i) => tf.sum(tf.mul(out, upstream[i]!)))) as tf.Scalar;
      };
      const found = tf.grads(loss)(grads.map((key) => inputs[key]!));
      for (const [i, key] of grads.entries()) await expectEqual(found[i]!, `${name}/gin/${key}`, loose);
      expect(tf.memory().numTensors - before, 'tensors').to.equal(
        Object.keys(inputs).length + made.length + upstream.length + grads.length,
      );
    });
  }

  for (const form of ['2d', '4d', 'axis01']) {
    it(`batch_normalization/running_${form}`, async () => {
      const x = tensor(`batch_normalization/train_${form}/in/x`);
      const input = form === '4d' ? tf.transpose(x, [0, 2, 3, 1]) : x;
      const axis = form === 'axis01' ? { axis: [0, 1] } : {};
      const { mean, variance, unbiased } = batchNormalization(input, null, null, axis);
      const at = `batch_normalization/running_${form}`;
      const mix = (old: tf.Tensor, now: tf.Tensor) => tf.add(tf.mul(old, 0.9), tf.mul(now, 0.1));
      await expectEqual(mix(tensor(`${at}/before_mean`), mean), `${at}/after_mean`);
      await expectEqual(mix(tensor(`${at}/before_var`), tf.mul(variance, unbiased)), `${at}/after_var`);
    });
  }

  it('dropout/train_invariants', async () => {
    const {
      ratio,
      values,
      kept_fraction_about: kept,
    } = cases['dropout/train_invariants'] as {
      ratio: number;
      values: number[];
      kept_fraction_about: number;
    };
    const x = tf.ones([100, 100]);
    const y = await dropout(x, ratio, { rng: new Random(1) }).data();
    expect([...new Set(y)].sort()).to.deep.equal(values);
    expect(y.filter((v) => v !== 0).length / y.length).to.be.closeTo(kept, 0.02);
    const mask = dropoutMask([100, 100], { ratio, rng: new Random(1) });
    expect(await mask.data(), 'the same draws').to.deep.equal(y);
    // The gradient passes where the value passed.
    const gradient = tf.grad((t) => tf.sum(dropout(t, ratio, { mask })))(x);
    expect(await gradient.data()).to.deep.equal(y);
  });

  it('dropout/ratio_1', () => {
    expect(() => dropout(tf.ones([2]), 1)).to.throw(InvalidArgumentError, 'dropout ratio');
  });

  it('pools 75 pixels to 38, as SSD300 needs', () => {
    expect(maxPooling2D(tf.ones([1, 75, 75, 2]), { ksize: 2 }).shape).to.deep.equal([1, 38, 38, 2]);
  });
});
