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
import { installKernels } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';
import { type Case, Goldens } from './golden-cases.ts';
import { leftOut, moreTable } from './golden-more-table.ts';
import { table } from './golden-table.ts';

const goldens = new Goldens('functions', table);
const more = new Goldens('functions_more', moreTable);
const { cases } = goldens;
const tensor = (name: string) => goldens.tensor(name);

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

/** WGSL promises sin and cos only to 2^-11, absolutely; software and some GPUs use that. */
const looseOnWebGPU: Readonly<Record<string, number>> = { 'unary/sin': 2 ** -11, 'unary/cos': 2 ** -11 };

const isLeftOut = (name: string) => name in leftOut || name.split('/')[0]! in leftOut;
const moreCases = Object.keys(more.cases).filter(
  (name) => (more.cases[name] as Partial<Case>).inputs !== undefined,
);

describe('functions against Chainer', () => {
  it('covers all 186 pairs of inputs and outputs, and the 7 other facts', () => {
    expect(Object.keys(cases)).to.have.length(193);
    expect(pairs.filter((name) => goldens.runOf(name) === undefined)).to.deep.equal([]);
    expect(facts.filter((name) => !(name in cases))).to.deep.equal([]);
    expect(goldens.unused(pairs)).to.deep.equal([]);
  });

  it('computes each of the 198 further cases, or tells why not', () => {
    expect(moreCases).to.have.length(198);
    const open = moreCases.filter((name) => !isLeftOut(name) && more.runOf(name) === undefined);
    expect(open, 'neither computed nor left out').to.deep.equal([]);
    expect(more.unused(moreCases)).to.deep.equal([]);
    const known = new Set(moreCases.flatMap((name) => [name, name.split('/')[0]]));
    expect(Object.keys(leftOut).filter((name) => !known.has(name))).to.deep.equal([]);
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
  before(() => installKernels(backend));
  beforeEach(() => {
    tf.engine().startScope();
  });
  afterEach(() => {
    tf.engine().endScope();
  });

  for (const name of pairs)
    it(name, () => goldens.check(name, backend === 'webgpu' ? looseOnWebGPU[name] : 0));
  for (const name of moreCases) {
    if (isLeftOut(name)) continue;
    it(`more: ${name}`, () => more.check(name, backend === 'webgpu' ? looseOnWebGPU[name] : 0));
  }

  for (const form of ['2d', '4d', 'axis01']) {
    it(`batch_normalization/running_${form}`, async () => {
      const x = tensor(`batch_normalization/train_${form}/in/x`);
      const input = form === '4d' ? tf.transpose(x, [0, 2, 3, 1]) : x;
      const axis = form === 'axis01' ? { axis: [0, 1] } : {};
      const { mean, variance, unbiased } = batchNormalization(input, null, null, axis);
      const at = `batch_normalization/running_${form}`;
      const mix = (old: tf.Tensor, now: tf.Tensor) => tf.add(tf.mul(old, 0.9), tf.mul(now, 0.1));
      await goldens.expectEqual(mix(tensor(`${at}/before_mean`), mean), `${at}/after_mean`);
      await goldens.expectEqual(
        mix(tensor(`${at}/before_var`), tf.mul(variance, unbiased)),
        `${at}/after_var`,
      );
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
