/** Examples made of two: mixtures and pairs. */
import { Random } from '@chaingrad/core';
import { ImageFormatError, MixUpDataset, mixUp, SiameseDataset } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { expectClose, goldens } from '../support.ts';

interface MixUpCase {
  n_class: number;
  labels: [number, number][];
  beta_draws: number[];
}
const golden = goldens<{ cases: Record<string, MixUpCase> }>('cv_transforms');
const img = (...values: number[]) => ({
  data: Float32Array.from(values),
  shape: [1, values.length, 1] as const,
});

describe('vision/datasets/MixUpDataset', () => {
  for (const alpha of ['1', '0.2']) {
    it(`mixes as ChainerCV with its draws, alpha ${alpha}`, () => {
      const { n_class: nClass, labels, beta_draws } = golden.json().cases[`mixup/${alpha}`]!;
      for (const [i, [first, second]] of labels.entries()) {
        const key = `mixup/${alpha}/${i}`;
        const [a, b] = [0, 1].map((k) => img(...golden.f32(`${key}/img${k}`)));
        const got = mixUp({ img: a!, label: first }, { img: b!, label: second }, nClass, beta_draws[i]!);
        expectClose(got.img.data, golden.f32(`${key}/image`), 1e-6, key);
        expectClose(got.label, golden.f32(`${key}/label`), 1e-6, key);
      }
    });
  }

  it('draws ratios of the beta distribution, and partners', async () => {
    const examples = [
      { img: img(0), label: 0 },
      { img: img(1), label: 1 },
    ];
    for (const alpha of [0.3, 1, 4]) {
      const dataset = new MixUpDataset(examples, 2, { alpha, rng: new Random(5) });
      const shares: number[] = [];
      for (let i = 0; i < 4000; i++) {
        const { label, img } = await dataset.get(0);
        expect(label[0]! + label[1]!).to.be.closeTo(1, 1e-6);
        expect(img.data[0]).to.be.closeTo(label[1]!, 1e-6);
        // Half of the partners are the example itself.
        if (label[1]! > 0) shares.push(label[1]!);
      }
      expect(shares.length / 4000).to.be.closeTo(0.5, 0.04);
      const mean = shares.reduce((a, b) => a + b, 0) / shares.length;
      const variance = shares.reduce((sum, v) => sum + (v - mean) ** 2, 0) / shares.length;
      expect(mean).to.be.closeTo(0.5, 0.03);
      expect(variance).to.be.closeTo(1 / (4 * (2 * alpha + 1)), 0.01);
    }
  });

  it('refuses what does not fit', async () => {
    expect(() => new MixUpDataset([], 2, { alpha: 0 })).to.throw('a positive number');
    expect(() => mixUp({ img: img(1), label: 0 }, { img: img(1, 2), label: 0 }, 1, 0.5)).to.throw(
      ImageFormatError,
    );
    expect(() => mixUp({ img: img(1), label: 2 }, { img: img(1), label: 0 }, 2, 0.5)).to.throw('0..1');
  });
});

describe('vision/datasets/SiameseDataset', () => {
  const labels = [0, 0, 1, 2];
  const examples = labels.map((label, i) => ({ i, label }));

  it('draws pairs of one class in the share that is asked for', async () => {
    for (const posRatio of [0, 0.25, 1]) {
      const pairs = new SiameseDataset(examples, examples, {
        posRatio,
        labels0: labels,
        labels1: labels,
        length: 1000,
        rng: new Random(1),
      });
      let same = 0;
      for (let i = 0; i < pairs.length; i++) {
        const [a, b] = await pairs.get(i);
        if (a.label === b.label) same++;
      }
      expect(same / 1000).to.be.closeTo(posRatio, 0.05);
    }
  });

  it('draws any pairs without a share, as many as the first has', async () => {
    const pairs = new SiameseDataset(['a', 'b'], [1, 2, 3], { rng: new Random(2) });
    expect(pairs.length).to.equal(2);
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) seen.add((await pairs.get(i % 2)).join());
    expect(seen.size).to.equal(6);
    expect((await rejection(pairs.get(2), Error)).message).to.include('0..1');
  });

  it('refuses shares that cannot be had', () => {
    const make = (options: object) => () => new SiameseDataset(examples, examples, options);
    expect(make({ posRatio: 0.5 })).to.throw('4 labels, got none');
    expect(make({ posRatio: 2, labels0: labels, labels1: labels })).to.throw('in 0..1');
    expect(make({ posRatio: 0.5, labels0: [1, 1, 1, 1], labels1: [1, 1, 1, 1] })).to.throw('of both kinds');
  });
});
