import {
  flip,
  pcaLighting,
  randomExpand,
  randomFlip,
  randomRotate,
  rotate,
  translateBbox,
  VisionOptionError,
} from '@chaingrad/vision';
import { expect } from 'chai';
import {
  expectClose,
  generatedImage,
  goldens,
  type RecordedDraw,
  ReplayedRng,
  TestRng,
} from '../../support.ts';

const set = goldens<{
  recorded: Record<
    string,
    {
      draws: RecordedDraw[];
      param: { ratio: number; y_offset: number; x_offset: number; y_flip: boolean; x_flip: boolean };
    }
  >;
}>('eval_transforms');

const whole = (h: number, w: number) => {
  const img = set.image('img');
  const rows = Array.from({ length: h }, (_, y) => [...img.data.subarray(y * 47 * 3, (y * 47 + w) * 3)]);
  return { data: Float32Array.from(rows.flat()), shape: [h, w, 3] as const };
};

describe('vision/transforms/flip', () => {
  it('equals ChainerCV', () => {
    expectClose(flip(set.image('img'), { xFlip: true }).data, set.image('flip_x').data, 0);
    expectClose(flip(set.image('img'), { yFlip: true }).data, set.image('flip_y').data, 0);
  });

  it('is undone by itself', () => {
    const img = generatedImage('flip', 4, 7);
    const both = { yFlip: true, xFlip: true };
    expectClose(flip(flip(img, both), both).data, img.data, 0);
  });
});

describe('vision/transforms/randomFlip', () => {
  for (const n of [0, 1, 2]) {
    it(`equals ChainerCV with the same draws, ${n}`, () => {
      const { draws, param: want } = set.json().recorded[`random_flip/${n}`]!;
      const rng = new ReplayedRng(draws);
      const { img, param } = randomFlip(set.image('img'), { yRandom: true, xRandom: true }, rng);
      expect(rng.exhausted).to.equal(true);
      expect(param).to.deep.equal({ yFlip: want.y_flip, xFlip: want.x_flip });
      expectClose(img.data, flip(set.image('img'), param).data, 0);
    });
  }

  it('draws nothing for what it was not asked', () => {
    const img = generatedImage('flip', 4, 7);
    expect(randomFlip(img, {}, new ReplayedRng([])).img).to.equal(img);
  });
});

describe('vision/transforms/rotate', () => {
  it('equals ChainerCV at 90 degrees', () => {
    const got = rotate(set.image('img'), 90);
    const want = set.image('rotate_90');
    expect(got.shape).to.deep.equal(want.shape);
    expectClose(got.data, want.data, 1e-3);
  });

  it('turns the middle of a constant image onto itself, and fills the rest', () => {
    const img = { data: new Float32Array(20 * 30 * 3).fill(50), shape: [20, 30, 3] as const };
    const { data, shape } = rotate(img, 30, { fill: [1, 2, 3] });
    expect(shape[0]).to.be.greaterThan(30);
    expect([...data.subarray(0, 3)]).to.deep.equal([1, 2, 3]);
    const middle = (Math.floor(shape[0] / 2) * shape[1] + Math.floor(shape[1] / 2)) * 3;
    expect([...data.subarray(middle, middle + 3)]).to.deep.equal([50, 50, 50]);
    expect(rotate(img, 30, { expand: false }).shape).to.deep.equal([20, 30, 3]);
  });

  it('leaves an image as it is at 0 degrees, also without blending', () => {
    const img = generatedImage('rotate', 6, 9);
    expectClose(rotate(img, 0).data, img.data, 1e-4);
    expectClose(rotate(img, 360, { interpolation: 'nearest', expand: false }).data, img.data, 0);
  });

  it('refuses an angle that is no number', () => {
    expect(() => rotate(generatedImage('rotate', 6, 9), Number.NaN)).to.throw(VisionOptionError, 'degrees');
  });
});

describe('vision/transforms/randomRotate', () => {
  it('turns counterclockwise by quarters', () => {
    const img = { data: Uint8Array.from([1, 2, 3, 4, 5, 6]), shape: [2, 3, 1] as const };
    const turned = (k: number) => {
      const { img: got, param } = randomRotate(img, new ReplayedRng([['randrange', [4], k]]));
      expect(param).to.deep.equal({ k });
      return { values: [...got.data], shape: got.shape };
    };
    expect(turned(0)).to.deep.equal({ values: [1, 2, 3, 4, 5, 6], shape: [2, 3, 1] });
    expect(turned(1)).to.deep.equal({ values: [3, 6, 2, 5, 1, 4], shape: [3, 2, 1] });
    expect(turned(2)).to.deep.equal({ values: [6, 5, 4, 3, 2, 1], shape: [2, 3, 1] });
    expect(turned(3)).to.deep.equal({ values: [4, 1, 5, 2, 6, 3], shape: [3, 2, 1] });
  });
});

describe('vision/transforms/randomExpand', () => {
  for (const n of [0, 1, 2]) {
    it(`equals ChainerCV with the same draws, ${n}`, () => {
      const { draws, param: want } = set.json().recorded[`random_expand/${n}`]!;
      const rng = new ReplayedRng(draws);
      const { img, param } = randomExpand(whole(9, 11), { fill: [1, 2, 3] }, rng);
      expect(rng.exhausted).to.equal(true);
      expect(param).to.deep.equal({ ratio: want.ratio, yOffset: want.y_offset, xOffset: want.x_offset });
      const golden = set.image(`random_expand/${n}`);
      expect(img.shape).to.deep.equal(golden.shape);
      expectClose(img.data, golden.data, 0);
      expectClose(
        translateBbox([0, 0, 9, 11], param),
        [want.y_offset, want.x_offset, want.y_offset + 9, want.x_offset + 11],
        0,
      );
    });
  }

  it('does nothing with a ratio of 1', () => {
    const img = generatedImage('expand', 4, 4);
    expect(randomExpand(img, { maxRatio: 1 }, new ReplayedRng([])).img).to.equal(img);
  });
});

describe('vision/transforms/pcaLighting', () => {
  it('shifts all pixels of a channel alike, by as much as the draws say', () => {
    const img = generatedImage('pca', 3, 4);
    const draws = [0.5, -1, 2];
    const rng = { ...new TestRng(1), uniform: () => 0, integer: () => 0, normal: () => draws.shift()! };
    const { data } = pcaLighting(
      img,
      10,
      {
        eigenValue: [1, 2, 3],
        eigenVector: [
          [1, 0, 0],
          [0, 1, 0],
          [1, 1, 1],
        ],
      },
      rng,
    );
    const shift = [5, -20, 5 - 20 + 60];
    expectClose(
      data,
      Float32Array.from(img.data, (v, i) => v + shift[i % 3]!),
      1e-4,
    );
  });

  it('leaves the image at sigma 0, and spreads as sigma says', () => {
    const img = generatedImage('pca', 1, 1);
    expectClose(pcaLighting(img, 0, {}, new ReplayedRng([])).data, img.data, 0);
    const rng = new TestRng(7);
    const n = 4000;
    let square = 0;
    for (let i = 0; i < n; i++) square += (pcaLighting(img, 25.5, {}, rng).data[0]! - img.data[0]!) ** 2;
    const expected = 25.5 * Math.hypot(0.5675 * 0.2175, 0.5808 * 0.0188, 0.5836 * 0.0045);
    expect(Math.sqrt(square / n)).to.be.closeTo(expected, expected * 0.05);
  });

  it('wants three channels', () => {
    expect(() => pcaLighting({ data: new Uint8Array(4), shape: [2, 2, 1] }, 1)).to.throw(
      VisionOptionError,
      'RGB',
    );
  });
});
