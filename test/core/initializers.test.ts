import {
  Constant,
  fans,
  GlorotNormal,
  GlorotUniform,
  HeNormal,
  HeUniform,
  Identity,
  type Initializer,
  InvalidArgumentError,
  LeCunNormal,
  LeCunUniform,
  Normal,
  NotANumber,
  One,
  Orthogonal,
  Random,
  setSeed,
  Uniform,
  Values,
  Zero,
} from '@chaingrad/core';
import { expect } from 'chai';
import { readJson } from '../support/goldens.ts';

interface Statistics {
  shape: number[];
  std: number;
  mean: number;
  absmax: number;
}

const golden = readJson<{ initializers: Record<string, Statistics> }>('goldens/training.json').initializers;

/** An initializer, and the distribution that its values must follow (for fan_in 432 and fan_out 576). */
const drawn: Record<string, { make: (rng?: Random) => Initializer; normal?: number; limit?: number }> = {
  LeCunNormal: { make: (rng) => new LeCunNormal(1, { rng }), normal: Math.sqrt(1 / 432) },
  GlorotNormal: { make: (rng) => new GlorotNormal(1, { rng }), normal: Math.sqrt(2 / (432 + 576)) },
  HeNormal: { make: (rng) => new HeNormal(1, { fanOption: 'fan_in', rng }), normal: Math.sqrt(2 / 432) },
  'Normal(0.01)': { make: (rng) => new Normal(0.01, { rng }), normal: 0.01 },
  LeCunUniform: { make: (rng) => new LeCunUniform(1, { rng }), limit: Math.sqrt(3 / 432) },
  GlorotUniform: { make: (rng) => new GlorotUniform(1, { rng }), limit: Math.sqrt(6 / (432 + 576)) },
  HeUniform: { make: (rng) => new HeUniform(1, { rng }), limit: Math.sqrt(6 / 432) },
  'Uniform(0.05)': { make: (rng) => new Uniform(0.05, { rng }), limit: 0.05 },
};

const constants: Record<string, Initializer> = {
  'Constant(20)': new Constant(20),
  Zero: new Zero(),
  One: new One(),
};

const shape = [64, 48, 3, 3];
const count = 64 * 48 * 9;

function statistics(values: Float32Array) {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  const absmax = values.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
  return { mean, std: Math.sqrt(variance), absmax };
}

/** The standard normal distribution function (Abramowitz and Stegun 7.1.26, error below 1.5e-7). */
function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * z);
  const poly =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const erf = 1 - poly * Math.exp(-z * z);
  return x < 0 ? (1 - erf) / 2 : (1 + erf) / 2;
}

/** The largest distance between the empirical distribution of `values` and `cdf` (Kolmogorov and Smirnov). */
function distance(values: Float32Array, cdf: (x: number) => number): number {
  const sorted = values.slice().sort();
  let worst = 0;
  for (const [i, v] of sorted.entries()) {
    const p = cdf(v);
    worst = Math.max(worst, Math.abs(p - i / sorted.length), Math.abs(p - (i + 1) / sorted.length));
  }
  return worst;
}

describe('initializers', () => {
  it('are all those of the goldens', () => {
    const known = [...Object.keys(drawn), ...Object.keys(constants), 'Orthogonal', 'note'];
    expect(known).to.have.members(Object.keys(golden));
  });

  for (const [name, { make, normal, limit }] of Object.entries(drawn)) {
    it(`${name} draws from its distribution, as wide as Chainer's`, () => {
      const want = golden[name]!;
      expect(want.shape).to.deep.equal(shape);
      const values = make(new Random(7)).generate(shape);
      expect(values).to.have.length(count);
      const { mean, std, absmax } = statistics(values);
      // Four standard errors, on both sides.
      expect(std / want.std).to.be.closeTo(1, 8 / Math.sqrt(2 * count));
      expect(mean).to.be.closeTo(0, (4 * want.std) / Math.sqrt(count));
      if (limit !== undefined) expect(absmax).to.be.within(limit * 0.999, limit * (1 + 1e-6));
      const cdf = (x: number) => (normal === undefined ? (x / limit! + 1) / 2 : normalCdf(x / normal));
      // The 0.1 % critical value of the test; the seed is fixed.
      expect(distance(values, cdf)).to.be.below(1.95 / Math.sqrt(count));
    });

    it(`${name} repeats itself from the same seed, and takes the default generator where none is given`, () => {
      const first = make(new Random(3)).generate([4, 5]);
      expect(make(new Random(3)).generate([4, 5])).to.deep.equal(first);
      expect(make(new Random(4)).generate([4, 5])).not.to.deep.equal(first);
      setSeed(3);
      expect(make().generate([4, 5])).to.deep.equal(first);
    });
  }

  for (const [name, initializer] of Object.entries(constants)) {
    it(`${name} fills`, () => {
      const { mean, std } = statistics(initializer.generate(shape));
      expect([mean, std]).to.deep.equal([golden[name]!.mean, 0]);
    });
  }

  it('the scale multiplies', () => {
    const once = new HeNormal(1, { fanOption: 'fan_in', rng: new Random(1) }).generate([3, 4]);
    const twice = new HeNormal(2, { fanOption: 'fan_in', rng: new Random(1) }).generate([3, 4]);
    for (const [i, v] of once.entries()) expect(twice[i]).to.be.closeTo(2 * v, 1e-6);
  });

  it('fans count the receptive field, of a weight (out, in, ...)', () => {
    expect(fans([64, 48, 3, 3])).to.deep.equal([432, 576]);
    expect(fans([10, 20])).to.deep.equal([20, 10]);
    expect(() => fans([3])).to.throw(InvalidArgumentError, '2 or more dimensions');
  });

  it('HeNormal takes either fan, and no other', () => {
    const std = (option: 'fan_in' | 'fan_out') =>
      statistics(new HeNormal(1, { fanOption: option, rng: new Random(1) }).generate(shape)).std;
    expect(std('fan_out') / std('fan_in')).to.be.closeTo(Math.sqrt(432 / 576), 1e-6);
    const wrong = () => new HeNormal(1, { fanOption: 'fan_avg' as 'fan_in' });
    expect(wrong).to.throw(InvalidArgumentError, "'fan_in' | 'fan_out'");
  });

  it('NotANumber shows what was never set', () => {
    expect([...new NotANumber().generate([2])]).to.deep.equal([Number.NaN, Number.NaN]);
  });

  it('Values gives the values, or one for all', () => {
    expect([...new Values([1, 2, 3, 4]).generate([2, 2])]).to.deep.equal([1, 2, 3, 4]);
    expect([...new Values([5]).generate([2])]).to.deep.equal([5, 5]);
    expect(() => new Values([1, 2]).generate([3])).to.throw(InvalidArgumentError, '3 values for (3)');
  });

  it('Identity is a scaled unit matrix, and square', () => {
    expect([...new Identity(2).generate([2, 2])]).to.deep.equal([2, 0, 0, 2]);
    for (const wrong of [[2, 3], [2], [2, 2, 2]])
      expect(() => new Identity().generate(wrong)).to.throw(InvalidArgumentError, 'a square matrix');
  });

  it('Orthogonal has rows that are orthogonal, of length 1.1 unless told otherwise', () => {
    for (const [scale, values] of [
      [1.1, new Orthogonal(undefined, { rng: new Random(5) }).generate([8, 3, 2, 2])],
      [2, new Orthogonal(2, { rng: new Random(5) }).generate([8, 12])],
    ] as const) {
      for (let i = 0; i < 8; i++) {
        for (let j = 0; j < 8; j++) {
          let dot = 0;
          for (let k = 0; k < 12; k++) dot += values[i * 12 + k]! * values[j * 12 + k]!;
          expect(dot).to.be.closeTo(i === j ? scale ** 2 : 0, 1e-6);
        }
      }
    }
    expect(() => new Orthogonal().generate([3, 2])).to.throw(InvalidArgumentError, 'at most 2 rows');
  });
});
