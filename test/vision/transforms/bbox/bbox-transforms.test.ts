import {
  BboxFormatError,
  cropBbox,
  flip,
  flipBbox,
  type Image,
  randomRotate,
  resizeBbox,
  rotateBbox,
  translateBbox,
  VisionOptionError,
} from '@chaingrad/vision';
import { expect } from 'chai';
import { expectClose, goldens, TestRng } from '../../support.ts';

const boxes = goldens('boxes');
const bbox = () => boxes.f32('bbox_transforms/bbox');
const size = [60, 80] as const;

/** An image that is 1 inside a box and 0 elsewhere, and the box of such an image. */
const paint = ([y0, x0, y1, x1]: number[], [h, w]: readonly [number, number]): Image<Float32Array> => {
  const data = new Float32Array(h * w);
  for (let y = y0!; y < y1!; y++) data.fill(1, y * w + x0!, y * w + x1!);
  return { data, shape: [h, w, 1] };
};
const findBox = ({ data, shape: [, w] }: Image): number[] => {
  const inside = [...data.keys()].filter((i) => data[i] === 1);
  const ys = inside.map((i) => Math.floor(i / w));
  const xs = inside.map((i) => i % w);
  return [Math.min(...ys), Math.min(...xs), Math.max(...ys) + 1, Math.max(...xs) + 1];
};

describe('vision/transforms of boxes', () => {
  it('resizeBbox equals ChainerCV', () => {
    expectClose(resizeBbox(bbox(), size, [97, 41]), boxes.f32('bbox_transforms/resize'), 1e-4);
  });

  it('flipBbox equals ChainerCV', () => {
    expectClose(flipBbox(bbox(), size, { xFlip: true }), boxes.f32('bbox_transforms/flip_x'), 1e-5);
    expectClose(flipBbox(bbox(), size, { yFlip: true }), boxes.f32('bbox_transforms/flip_y'), 1e-5);
    expectClose(
      flipBbox(bbox(), size, { yFlip: true, xFlip: true }),
      boxes.f32('bbox_transforms/flip_xy'),
      1e-5,
    );
  });

  it('translateBbox equals ChainerCV', () => {
    const got = translateBbox(bbox(), { yOffset: 3.5, xOffset: -7 });
    expectClose(got, boxes.f32('bbox_transforms/translate'), 1e-5);
  });

  for (const [name, options] of [
    ['True', { ySlice: [10, 40], xSlice: [15, 50], allowOutsideCenter: true }],
    ['False', { ySlice: [10, 40], xSlice: [15, 50], allowOutsideCenter: false }],
    ['noslice', {}],
  ] as const) {
    it(`cropBbox equals ChainerCV, ${name}`, () => {
      const got = cropBbox(bbox(), options);
      expectClose(got.bbox, boxes.f32(`crop_bbox/${name}/bbox`), 1e-5);
      expect([...got.index]).to.deep.equal([...boxes.i32(`crop_bbox/${name}/index`)]);
      expect([...got.truncatedIndex]).to.deep.equal([...boxes.i32(`crop_bbox/${name}/truncated_index`)]);
    });
  }

  it('cropBbox drops boxes that only touch the part', () => {
    const { bbox: left, index } = cropBbox([0, 0, 10, 10, 5, 5, 12, 12], { ySlice: [10, 20] });
    expect([...index]).to.deep.equal([1]);
    expect([...left]).to.deep.equal([0, 5, 2, 12]);
  });

  it('rotateBbox and flipBbox follow the pixels', () => {
    const rng = new TestRng(5);
    for (let trial = 0; trial < 40; trial++) {
      const image = [3 + rng.integer(9), 3 + rng.integer(9)] as const;
      const y = rng.integer(image[0] - 1);
      const x = rng.integer(image[1] - 1);
      const box = [y, x, y + 1 + rng.integer(image[0] - y), x + 1 + rng.integer(image[1] - x)];
      const painted = paint(box, image);
      const { img, param } = randomRotate(painted, rng);
      expect([...rotateBbox(box, 90 * param.k, image)], `k ${param.k}`).to.deep.equal(findBox(img));
      const flips = { yFlip: rng.integer(2) === 1, xFlip: rng.integer(2) === 1 };
      expect([...flipBbox(box, image, flips)]).to.deep.equal(findBox(flip(painted, flips)));
    }
  });

  it('rotateBbox takes negative angles, and only quarter turns', () => {
    expect([...rotateBbox([1, 2, 3, 5], -90, [10, 20])]).to.deep.equal([
      ...rotateBbox([1, 2, 3, 5], 270, [10, 20]),
    ]);
    expect(() => rotateBbox([], 45, [10, 20])).to.throw(VisionOptionError, 'multiple of 90');
  });

  it('refuse rows that are not of 4', () => {
    for (const call of [
      () => resizeBbox([1, 2], size, size),
      () => flipBbox([1, 2], size, {}),
      () => translateBbox([1, 2], {}),
      () => rotateBbox([1, 2], 0, size),
      () => cropBbox([1, 2], {}),
    ]) {
      expect(call).to.throw(BboxFormatError, 'multiple of 4');
    }
  });
});
