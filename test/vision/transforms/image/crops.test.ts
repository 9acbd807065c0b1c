import {
  centerCrop,
  centerCropParam,
  crop,
  cropBbox,
  type Image,
  randomCrop,
  randomSizedCrop,
  tenCrop,
  VisionOptionError,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { channelsLast } from '../../../support/goldens.ts';
import {
  expectClose,
  generatedImage,
  goldens,
  type RecordedDraw,
  ReplayedRng,
  TestRng,
} from '../../support.ts';

interface RecordedCrop {
  draws: RecordedDraw[];
  y_slice: [number, number];
  x_slice: [number, number];
}
const set = goldens<{
  center_crop: { y_slice: number[]; x_slice: number[] };
  center_crop_offsets: [size: number, crop: number, offsets: [number, number]][];
  recorded: Record<string, RecordedCrop>;
}>('eval_transforms');

/** Whether `part` is what `param` says it is. */
const expectCut = (part: Image, img: Image, param: Parameters<typeof crop>[1]) => {
  expect(part.shape).to.deep.equal([
    param.ySlice[1] - param.ySlice[0],
    param.xSlice[1] - param.xSlice[0],
    img.shape[2],
  ]);
  expectClose(part.data, crop(img, param).data, 0);
};

describe('vision/transforms/crop', () => {
  it('cuts out rows and columns and keeps the type', () => {
    const img = { data: Uint8Array.from({ length: 24 }, (_, i) => i), shape: [3, 4, 2] as const };
    const part = crop(img, { ySlice: [1, 3], xSlice: [2, 3] });
    expect(part.data).to.be.instanceOf(Uint8Array);
    expect(part.shape).to.deep.equal([2, 1, 2]);
    expect([...part.data]).to.deep.equal([12, 13, 20, 21]);
    expect(() => crop(img, { ySlice: [1, 4], xSlice: [0, 4] })).to.throw(VisionOptionError, 'ySlice');
    expect(() => crop(img, { ySlice: [0, 3], xSlice: [-1, 4] })).to.throw(VisionOptionError, 'xSlice');
  });
});

describe('vision/transforms/centerCrop', () => {
  it('equals ChainerCV', () => {
    const { data, shape } = centerCrop(set.image('img'), [20, 21]);
    expect(shape).to.deep.equal([20, 21, 3]);
    expectClose(data, set.image('center_crop').data, 0);
    const { ySlice, xSlice } = centerCropParam([31, 47], [20, 21]);
    expect(ySlice).to.deep.equal(set.json().center_crop.y_slice);
    expect(xSlice).to.deep.equal(set.json().center_crop.x_slice);
  });

  it('rounds halves as ChainerCV does', () => {
    for (const [height, width, offsets] of set.json().center_crop_offsets) {
      const { ySlice, xSlice } = centerCropParam([height, width], [4, 4]);
      expect([ySlice[0], xSlice[0]], `${height} x ${width}`).to.deep.equal(offsets);
    }
  });

  it('refuses images that are smaller', () => {
    expect(() => centerCrop(generatedImage('small', 5, 9), [6, 3])).to.throw(VisionOptionError, '5 x 9');
    expect(() => centerCrop(generatedImage('small', 5, 9), [0, 3])).to.throw(VisionOptionError, 'positive');
  });
});

describe('vision/transforms/tenCrop', () => {
  it('equals ChainerCV', () => {
    const { shape, data } = set.array('ten_crop');
    const want = channelsLast(data as Float32Array, shape);
    const got = tenCrop(set.image('img'), [20, 21]);
    expect(got).to.have.length(10);
    got.forEach((part, i) => {
      expectClose(part.data, want.subarray(i * 20 * 21 * 3, (i + 1) * 20 * 21 * 3), 0, `crop ${i}`);
    });
  });

  it('refuses images that are smaller', () => {
    expect(() => tenCrop(generatedImage('small', 5, 9), [6, 3])).to.throw(VisionOptionError, 'tenCrop');
  });
});

describe('vision/transforms/randomCrop', () => {
  for (const n of [0, 1, 2]) {
    it(`equals ChainerCV with the same draws, ${n}`, () => {
      const { draws, y_slice, x_slice } = set.json().recorded[`random_crop/${n}`]!;
      const rng = new ReplayedRng(draws);
      const { img, param } = randomCrop(set.image('img'), [20, 21], rng);
      expect(rng.exhausted).to.equal(true);
      expect(param).to.deep.equal({ ySlice: y_slice, xSlice: x_slice });
      expectCut(img, set.image('img'), param);
    });
  }

  it('gives the whole image without a draw when it has the size', () => {
    const img = generatedImage('whole', 5, 6);
    expectClose(randomCrop(img, [5, 6], new ReplayedRng([])).img.data, img.data, 0);
  });

  it('refuses images that are smaller', () => {
    expect(() => randomCrop(generatedImage('small', 5, 9), [5, 10])).to.throw(
      VisionOptionError,
      'randomCrop',
    );
  });
});

describe('vision/transforms/randomSizedCrop', () => {
  it('keeps to its ranges and tells what it did', () => {
    const img = generatedImage('sized', 40, 60);
    const rng = new TestRng(11);
    const sizes = new Set<string>();
    for (let trial = 0; trial < 200; trial++) {
      const { img: part, param } = randomSizedCrop(img, { scaleRatioRange: [0.2, 0.6] }, rng);
      expectCut(part, img, param);
      const [h, w] = part.shape;
      sizes.add(`${h} x ${w}`);
      expect(param.scaleRatio).to.be.within(0.2, 0.6);
      expect(param.aspectRatio).to.be.within(3 / 4, 4 / 3);
      expect(h).to.be.closeTo(Math.sqrt(param.scaleRatio * 2400 * param.aspectRatio), 1);
      expect(w).to.be.closeTo(Math.sqrt((param.scaleRatio * 2400) / param.aspectRatio), 1);
      const { bbox } = cropBbox([0, 0, 40, 60], param);
      expect([...bbox]).to.deep.equal([0, 0, h, w]);
    }
    expect(sizes.size).to.be.greaterThan(50);
  });

  it('fits into images of extreme shape', () => {
    const img = generatedImage('thin', 2, 100);
    for (let seed = 0; seed < 30; seed++) {
      const { img: part, param } = randomSizedCrop(img, { scaleRatioRange: [0.9, 1] }, new TestRng(seed));
      expectCut(part, img, param);
      expect(part.shape[0]).to.be.greaterThan(0);
    }
  });
});
