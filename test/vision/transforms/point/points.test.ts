import { BboxFormatError, flipPoint, resizePoint, translatePoint } from '@chaingrad/vision';
import { expect } from 'chai';
import { expectClose, goldens } from '../../support.ts';

type Pair = [number, number];
const golden = goldens<{ cases: { points: { size: Pair; resize: [Pair, Pair]; translate: [Pair, Pair] } } }>(
  'cv_transforms',
);

describe('vision/transforms of points', () => {
  const { size, resize, translate } = golden.json().cases.points;
  const points = () => golden.f32('point/array');

  it('flipPoint equals ChainerCV', () => {
    for (const [key, options] of [
      ['y', { yFlip: true }],
      ['x', { xFlip: true }],
      ['yx', { yFlip: true, xFlip: true }],
      ['none', {}],
    ] as const)
      expectClose(flipPoint(points(), size, options), golden.f32(`flip_point/${key}/out`), 1e-5, key);
    for (const i of [0, 1]) {
      const got = flipPoint(golden.f32(`point/list${i}`), size, { xFlip: true });
      expectClose(got, golden.f32(`flip_point/list_x/out${i}`), 1e-5);
    }
  });

  it('resizePoint equals ChainerCV', () => {
    expectClose(resizePoint(points(), size, resize[0]), golden.f32('resize_point/out'), 1e-4);
    for (const i of [0, 1]) {
      const got = resizePoint(golden.f32(`point/list${i}`), size, resize[1]);
      expectClose(got, golden.f32(`resize_point/list/out${i}`), 1e-4);
    }
  });

  it('translatePoint equals ChainerCV', () => {
    const options = ([yOffset, xOffset]: Pair) => ({ yOffset, xOffset });
    expectClose(translatePoint(points(), options(translate[0])), golden.f32('translate_point/out'), 1e-5);
    for (const i of [0, 1]) {
      const got = translatePoint(golden.f32(`point/list${i}`), options(translate[1]));
      expectClose(got, golden.f32(`translate_point/list/out${i}`), 1e-5);
    }
  });

  it('wants two values a point', () => {
    for (const call of [
      () => flipPoint([1], size, {}),
      () => resizePoint([1, 2, 3], size, size),
      () => translatePoint([1], {}),
    ])
      expect(call).to.throw(BboxFormatError, 'two values a point');
  });
});
