import { defaultRandom, Random, setSeed } from '@chaingrad/core';
import { expect } from 'chai';

const take = <T>(n: number, draw: () => T): T[] => Array.from({ length: n }, draw);

describe('Random', () => {
  it('is xoshiro128**, with its outputs from the state (1, 2, 3, 4)', () => {
    const rng = new Random(0);
    rng.state = [1, 2, 3, 4];
    const outputs = take(10, () => rng.bits());
    expect(outputs).to.deep.equal([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('repeats itself from a seed, and differs between seeds', () => {
    const draw = (seed: number) => take(5, new Random(seed).bits.bind(new Random(seed)));
    expect(draw(1)).to.deep.equal(draw(1));
    expect(draw(1)).not.to.deep.equal(draw(2));
    const unseeded = [new Random().state, new Random().state];
    expect(unseeded[0]).not.to.deep.equal(unseeded[1]);
  });

  it('goes on from a saved state', () => {
    const rng = new Random(9);
    rng.normal();
    const saved = JSON.parse(JSON.stringify(rng.state)) as [number, number, number, number];
    const want = take(5, () => rng.uniform());
    const other = new Random(1);
    other.state = saved;
    expect(take(5, () => other.uniform())).to.deep.equal(want);
  });

  it('uniform stays in its interval and fills it evenly', () => {
    const rng = new Random(2);
    const bins = new Array<number>(10).fill(0);
    for (const v of take(20000, () => rng.uniform(-1, 4))) {
      expect(v).to.be.within(-1, 4).and.not.equal(4);
      bins[Math.floor((v + 1) * 2)]! += 1;
    }
    for (const bin of bins) expect(bin).to.be.closeTo(2000, 200);
  });

  it('integer gives every number below n', () => {
    const rng = new Random(3);
    const seen = new Set(take(200, () => rng.integer(6)));
    expect([...seen].sort()).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(new Set(take(20, () => rng.integer(1)))).to.deep.equal(new Set([0]));
  });

  for (const [name, draw] of [
    ['normal', (rng: Random, n: number) => take(n, () => 2 + 3 * rng.normal())],
    [
      'fillNormal',
      (rng: Random, n: number) => {
        const out = new Float32Array(n);
        rng.fillNormal(out, 2, 3);
        return [...out];
      },
    ],
  ] as const) {
    it(`${name} has the moments of a normal distribution`, () => {
      const n = 40001;
      const z = draw(new Random(4), n).map((v) => (v - 2) / 3);
      const moment = (k: number) => z.reduce((sum, v) => sum + v ** k, 0) / n;
      expect(moment(1)).to.be.closeTo(0, 0.02);
      expect(moment(2)).to.be.closeTo(1, 0.03);
      expect(moment(3)).to.be.closeTo(0, 0.06);
      expect(moment(4)).to.be.closeTo(3, 0.2);
    });
  }

  it('fillUniform fills every element within its limits', () => {
    const out = new Float32Array(1000).fill(9);
    new Random(5).fillUniform(out, 1, 2);
    expect(Math.min(...out)).to.be.within(1, 1.01);
    expect(Math.max(...out)).to.be.within(1.99, 2);
  });

  it('permutation is one, any first element being as likely', () => {
    const rng = new Random(6);
    const firsts = new Array<number>(5).fill(0);
    for (const order of take(5000, () => rng.permutation(5))) {
      expect([...order].sort()).to.deep.equal([0, 1, 2, 3, 4]);
      firsts[order[0]!]! += 1;
    }
    for (const first of firsts) expect(first).to.be.closeTo(1000, 130);
    expect([...rng.permutation(0)]).to.deep.equal([]);
  });

  it('setSeed restarts the default generator', () => {
    setSeed(11);
    const first = defaultRandom().bits();
    setSeed(11);
    expect(defaultRandom().bits()).to.equal(first);
    expect(new Random(11).bits()).to.equal(first);
  });
});
