import {
  bboxIou,
  cropBbox,
  type Image,
  randomCropWithBboxConstraints,
  randomDistort,
  resize,
  resizeWithRandomInterpolation,
  VisionOptionError,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { hsvToRgb, rgbToHsv } from '../../../../packages/vision/src/models/ssd/augmentation/hsv.ts';
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
  n_draws: number;
  constraint: [number, number] | null;
  y_slice: [number, number];
  x_slice: [number, number];
}
const set = goldens<{
  random_distort: { draws: RecordedDraw[] }[];
  random_crop_with_bbox_constraints: RecordedCrop[];
  random_crop_no_bbox: RecordedCrop;
}>('eval_transforms');

/** BGR rows to RGB rows, or back. */
const reversed = (pixels: Uint8Array): Uint8Array =>
  Uint8Array.from(pixels, (_, i) => pixels[i - (i % 3) + 2 - (i % 3)]!);

describe('vision/models/ssd/hsv', () => {
  const bgr = () => set.array('hsv/bgr').data as Uint8Array;
  const hsv = () => set.array('hsv/hsv').data as Uint8Array;

  it('equals OpenCV, forward', () => {
    const pixels = reversed(bgr());
    rgbToHsv(pixels);
    expectClose(pixels, hsv(), 0);
  });

  it('is within 1 of OpenCV, back, where that cuts fractions off', () => {
    // The rest of a row that fills no vector is rounded there too: see randomDistort, which is equal.
    const pixels = hsv().slice();
    hsvToRgb(pixels);
    const want = set.array('hsv/back').data;
    expectClose(reversed(pixels), want, 1);
    expect(reversed(pixels).every((v, i) => v >= want[i]!)).to.equal(true);
  });
});

describe('vision/models/ssd/randomDistort', () => {
  for (let n = 0; n < 12; n++) {
    it(`equals ChainerCV with the same draws, ${n}`, () => {
      const rng = new ReplayedRng(set.json().random_distort[n]!.draws);
      const img = set.image('distort/img');
      const before = img.data.slice();
      const got = randomDistort(img, {}, rng);
      expect(rng.exhausted).to.equal(true);
      expectClose(got.data, set.image(`distort/out/${n}`).data, 0);
      expectClose(img.data, before, 0, 'the input');
    });
  }

  it('gives whole numbers in 0..255', () => {
    const rng = new TestRng(2);
    for (let trial = 0; trial < 50; trial++) {
      const { data } = randomDistort(generatedImage(`distort/${trial}`, 5, 6), {}, rng);
      for (const v of data) expect(Number.isInteger(v) && v >= 0 && v <= 255).to.equal(true);
    }
  });

  it('wants three channels', () => {
    expect(() => randomDistort({ data: new Uint8Array(4), shape: [2, 2, 1] })).to.throw(
      VisionOptionError,
      'RGB',
    );
  });
});

describe('vision/models/ssd/randomCropWithBboxConstraints', () => {
  const image: Image = generatedImage('crop', 80, 100);

  for (let n = 0; n < 10; n++) {
    it(`equals ChainerCV with the same draws, ${n}`, () => {
      const want = set.json().random_crop_with_bbox_constraints[n]!;
      expect(want.draws).to.have.length(want.n_draws);
      const rng = new ReplayedRng(want.draws);
      const { img, param } = randomCropWithBboxConstraints(image, set.f32('crop/bbox'), {}, rng);
      expect(rng.exhausted).to.equal(true);
      expect(param).to.deep.equal({
        constraint: want.constraint,
        ySlice: want.y_slice,
        xSlice: want.x_slice,
      });
      expect(img.shape).to.deep.equal([
        want.y_slice[1] - want.y_slice[0],
        want.x_slice[1] - want.x_slice[0],
        3,
      ]);
    });
  }

  it('takes the whole image without boxes', () => {
    const rng = new ReplayedRng(set.json().random_crop_no_bbox.draws);
    const { img, param } = randomCropWithBboxConstraints(image, [], {}, rng);
    expect(rng.exhausted).to.equal(true);
    expect(img).to.equal(image);
    expect(param.constraint).to.equal(null);
  });

  it('keeps its constraints', () => {
    const rng = new TestRng(9);
    const bbox = [10, 10, 60, 50, 30, 40, 75, 95];
    const constraints = new Set<string>();
    for (let trial = 0; trial < 60; trial++) {
      const { img, param } = randomCropWithBboxConstraints(image, bbox, {}, rng);
      const { ySlice, xSlice, constraint } = param;
      expect(img.shape).to.deep.equal([ySlice[1] - ySlice[0], xSlice[1] - xSlice[0], 3]);
      constraints.add(String(constraint));
      if (constraint === null) continue;
      const iou = bboxIou(bbox, [ySlice[0], xSlice[0], ySlice[1], xSlice[1]]);
      expect(Math.min(...iou)).to.be.at.least(constraint[0]);
      expect(Math.max(...iou)).to.be.at.most(constraint[1]);
      expect(cropBbox(bbox, param).index.length).to.be.at.least(constraint[0] > 0 ? 2 : 0);
    }
    expect(constraints.size).to.be.greaterThan(2);
  });

  it('allows a part as large as the image', () => {
    const options = { minScale: 1, maxScale: 1, constraints: [[null, 1]] as const };
    for (let seed = 0; seed < 20; seed++) {
      const { img } = randomCropWithBboxConstraints(image, [10, 10, 60, 50], options, new TestRng(seed));
      expect(img.shape).to.deep.equal([80, 100, 3]);
    }
  });
});

describe('vision/models/ssd/resizeWithRandomInterpolation', () => {
  it('draws one of the five of OpenCV, in the order of ChainerCV', () => {
    ['bilinear', 'area', 'nearest', 'bicubic', 'lanczos'].forEach((name, n) => {
      const rng = new ReplayedRng([['choice', ['sequence of 5'], n]]);
      const { img, param } = resizeWithRandomInterpolation(set.image('img'), [13, 20], rng);
      expect(param.interpolation).to.equal(name);
      const golden = ['LINEAR', 'AREA', 'NEAREST', 'CUBIC', 'LANCZOS4'][n]!;
      expectClose(img.data, set.image(`resize_inter/INTER_${golden}/down`).data, 1e-2);
      expectClose(img.data, resize(set.image('img'), [13, 20], param).data, 0);
    });
  });
});
