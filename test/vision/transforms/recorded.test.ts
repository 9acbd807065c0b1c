/** Transforms of ChainerCV with its recorded draws and results: the small image of `cv_transforms`. */
import {
  flip,
  type Image,
  maskIou,
  maskToBbox,
  pcaLighting,
  type Rng,
  randomCrop,
  randomExpand,
  randomFlip,
  randomRotate,
  randomSizedCrop,
  resizeContain,
  rotate,
  rotateBbox,
  scale,
  scaleMask,
  tenCrop,
  tileImages,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { channelsLast } from '../../support/goldens.ts';
import { expectClose, goldens, type RecordedDraw, ReplayedRng } from '../support.ts';

type Recorded = readonly [method: string, args: readonly unknown[], ...rest: unknown[]];
type Pair = [number, number];

interface Case {
  readonly draws: readonly Recorded[];
  readonly arguments: Record<string, unknown>;
  readonly param: Record<string, unknown>;
  readonly size: Pair & number;
  readonly angle: number;
  readonly sigma: number;
  readonly fill: number[];
  readonly max_ratio: number;
  readonly y_random: boolean;
  readonly x_random: boolean;
  readonly fit_short?: boolean;
  readonly same_object: boolean;
  readonly eigen_value?: number[];
  readonly eigen_vector?: number[][];
  readonly n_col: number;
  readonly pad: number;
}

const golden = goldens<{ cases: Record<string, Case> }>('cv_transforms');
const img = golden.image('img');

/** The names of the cases of a transform, and what they were called with. */
const casesOf = (transform: string): [name: string, recorded: Case][] => {
  const found = Object.entries(golden.json().cases).filter(([name]) => name.startsWith(`${transform}/`));
  expect(found, transform).to.not.have.length(0);
  return found;
};

/** Python's draws as `ReplayedRng` has them. */
const replay = (draws: readonly Recorded[]): ReplayedRng =>
  new ReplayedRng(
    draws.map(([method, args, value]): RecordedDraw => {
      if (method === 'choice') return ['choice', ['sequence of 2'], value === true ? 0 : 1];
      if (method === 'randint' && args.length === 1) return ['randrange', args as number[], value as number];
      return [method, args as number[], value as number];
    }),
  );

/** Whether an image is the recorded one, to a difference. */
const expectImage = (got: Image, key: string, atol = 0): void => {
  const want = golden.image(`${key}/out`);
  expect(got.shape, key).to.deep.equal(want.shape);
  expectClose(got.data, want.data, atol, key);
};

const slices = (param: { readonly ySlice: unknown; readonly xSlice: unknown }) => ({
  y_slice: param.ySlice,
  x_slice: param.xSlice,
});
const masksOf = (key: string) => {
  const { data, shape } = golden.array(key);
  return { data: data as Uint8Array, shape: shape as [number, number, number] };
};

describe('vision/transforms as ChainerCV with its recorded draws', () => {
  it('randomCrop', () => {
    for (const [name, { size, draws, param }] of casesOf('random_crop')) {
      const rng = replay(draws);
      const got = randomCrop(img, size, rng);
      expect(rng.exhausted, name).to.equal(true);
      expect(slices(got.param), name).to.deep.equal(param);
      expectImage(got.img, name);
    }
  });

  it('randomFlip', () => {
    for (const [name, { y_random: yRandom, x_random: xRandom, draws, param }] of casesOf('random_flip')) {
      const rng = replay(draws);
      const got = randomFlip(img, { yRandom, xRandom }, rng);
      expect(rng.exhausted, name).to.equal(true);
      expect({ y_flip: got.param.yFlip, x_flip: got.param.xFlip }, name).to.deep.equal(param);
      expectImage(got.img, name);
    }
  });

  it('randomSizedCrop, also where ten draws do not fit', () => {
    for (const [name, { arguments: given, draws, param }] of casesOf('random_sized_crop')) {
      const { scale_ratio_range: scaleRatioRange, aspect_ratio_range: aspectRatioRange } = given as Record<
        string,
        Pair
      >;
      const rng = replay(draws);
      const options = {
        ...(scaleRatioRange && { scaleRatioRange }),
        ...(aspectRatioRange && { aspectRatioRange }),
      };
      const got = randomSizedCrop(img, options, rng);
      expect(rng.exhausted, name).to.equal(true);
      const { scaleRatio, aspectRatio } = got.param;
      const { scale_ratio, aspect_ratio, ...where } = param as Record<string, number>;
      expect(slices(got.param), name).to.deep.equal(where);
      expectClose([scaleRatio, aspectRatio], [scale_ratio!, aspect_ratio!], 1e-12, name);
      expectImage(got.img, name);
    }
  });

  it('randomExpand', () => {
    for (const [name, { max_ratio: maxRatio, fill, draws, param }] of casesOf('random_expand')) {
      const rng = replay(draws);
      const got = randomExpand(img, { maxRatio, fill }, rng);
      expect(rng.exhausted, name).to.equal(true);
      const { ratio, yOffset, xOffset } = got.param;
      expect({ ratio, y_offset: yOffset, x_offset: xOffset }, name).to.deep.equal(param);
      expectImage(got.img, name);
    }
  });

  it('randomRotate', () => {
    for (const [name, { draws, param }] of casesOf('random_rotate')) {
      const got = randomRotate(img, replay(draws));
      expect(got.param, name).to.deep.equal(param);
      expectImage(got.img, name);
    }
  });

  it('pcaLighting', () => {
    for (const [name, { sigma, draws, eigen_value, eigen_vector }] of casesOf('pca_lighting')) {
      // Recorded of N(0, sigma), as a list of three.
      const values = draws.flatMap((draw) => draw.at(-1) as number[] | number);
      const normals = (eigen_value === undefined ? values : draws.flat()) as number[];
      const rng: Rng = { uniform: () => 0, integer: () => 0, normal: () => normals.shift()! / sigma };
      const options = {
        ...(eigen_value && { eigenValue: eigen_value }),
        ...(eigen_vector && { eigenVector: eigen_vector }),
      };
      expectImage(pcaLighting(img, sigma, options, rng), name, 1e-4);
      expect(normals, name).to.have.length(0);
    }
  });
});

describe("vision/transforms/rotate as ChainerCV's", () => {
  for (const backend of ['cv2', 'PIL'] as const)
    it(`with ${backend}, at every recorded angle`, () => {
      for (const [name, { angle, arguments: given }] of casesOf(`rotate/${backend}`)) {
        const fill = Number(given['fill'] ?? 0);
        const got = rotate(img, angle, {
          backend,
          expand: given['expand'] !== 'False',
          // OpenCV takes the one number that ChainerCV gives it for the first channel only.
          fill: backend === 'cv2' ? [fill, 0, 0] : fill,
          interpolation:
            ({ 0: 'nearest', 3: 'bicubic' } as const)[given['interpolation'] as 0 | 3] ?? 'bilinear',
        });
        expectImage(got, name, 1e-4);
      }
    });

  it('and rotateBbox', () => {
    const size: Pair = [21, 30];
    for (const angle of [0, 90, 180, 270, -90, 450]) {
      const got = rotateBbox(golden.f32('rotate_bbox/bbox'), angle, size);
      expectClose(got, golden.f32(`rotate_bbox/${angle}/out`), 1e-5, `${angle}`);
    }
    expect(() => rotateBbox([], 45, size)).to.throw('multiple of 90');
  });
});

describe('vision/transforms: sizes as ChainerCV has them', () => {
  it('scale', () => {
    for (const [name, { size, fit_short: fitShort = true, same_object }] of casesOf('scale')) {
      const got = scale(img, size, { fitShort });
      expectImage(got, name, 2e-3);
      expect(got === img, name).to.equal(same_object);
    }
  });

  it('resizeContain, which does not enlarge', () => {
    for (const [name, { size, fill = [0], param }] of casesOf('resize_contain')) {
      const got = resizeContain(img, size, { fill });
      const { yOffset, xOffset, scaledSize } = got.param;
      expect({ y_offset: yOffset, x_offset: xOffset, scaled_size: scaledSize }, name).to.deep.equal(param);
      expectImage(got.img, name, 2e-3);
    }
  });

  it('tenCrop of odd sizes', () => {
    const { shape, data } = golden.array('ten_crop/odd/out');
    const want = channelsLast(data as Float32Array, shape);
    const got = tenCrop(img, [10, 13]).flatMap((part) => [...part.data]);
    expectClose(got, want, 0);
  });

  it('scaleMask, whose boxes stay as they were', () => {
    const bbox = golden.f32('scale_mask/bbox');
    const before = [...bbox];
    const got = scaleMask(masksOf('scale_mask/mask'), bbox, golden.json().cases['scale_mask']!.size);
    const want = masksOf('scale_mask/out');
    expect(got.shape).to.deep.equal(want.shape);
    expectClose(got.data, want.data, 0);
    expect([...bbox]).to.deep.equal(before);
    expect(() => scaleMask(got, [0, 0, 1], 3)).to.throw('8 values');
  });

  it('maskIou and maskToBbox', () => {
    expectClose(maskIou(masksOf('mask_iou/a'), masksOf('mask_iou/b')), golden.f32('mask_iou/out'), 1e-6);
    expectClose(maskToBbox(masksOf('mask_to_bbox/mask')), golden.f32('mask_to_bbox/out'), 0);
  });

  it('tileImages, also where the last row is not full', () => {
    const { n_col: nCol, pad, fill } = golden.json().cases['tile_images']!;
    const imgs = [img, flip(img, { yFlip: true }), flip(img, { xFlip: true })];
    expectImage(tileImages(imgs, nCol, { pad, fill }), 'tile_images');
    // Fewer images than a row has, and a border that is halved.
    const one = tileImages([{ data: Uint8Array.of(7), shape: [1, 1, 1] }], 5);
    expect(one.shape).to.deep.equal([3, 3, 1]);
    expect([...one.data]).to.deep.equal([0, 0, 0, 0, 7, 0, 0, 0, 0]);
    expect(() => tileImages([img, one as never], 1)).to.throw('[21,30,3]');
    expect(() => tileImages([], 1)).to.throw('one image at least');
    expect(() => tileImages([img], 0)).to.throw("'nCol'");
    expect(() => tileImages([img], 1, { pad: -1 })).to.throw("'pad'");
  });
});
