import { BboxFormatError, bboxIou } from '@chaingrad/vision';
import { expect } from 'chai';
import { expectClose, goldens } from '../../support.ts';

const boxes = goldens('boxes');

describe('vision/utils/bboxIou', () => {
  for (const name of ['0', '1', '2', '3']) {
    it(`equals ChainerCV, case ${name}`, () => {
      const got = bboxIou(boxes.f32(`iou/${name}/a`), boxes.f32(`iou/${name}/b`));
      expectClose(got, boxes.f32(`iou/${name}/iou`), 1e-6);
    });
  }

  it('equals ChainerCV for boxes without area, and gives 0 where it has 0/0', () => {
    const got = bboxIou(boxes.f32('iou/edge/a'), boxes.f32('iou/edge/b'));
    const want = boxes.f32('iou/edge/iou');
    expect(want.some((v) => Number.isNaN(v))).to.equal(true);
    expectClose(
      got,
      want.map((v) => (Number.isNaN(v) ? 0 : v)),
      1e-6,
    );
  });

  it('refuses rows that are not of 4', () => {
    expect(() => bboxIou([0, 0, 1], [])).to.throw(BboxFormatError, 'multiple of 4');
    expect(() => bboxIou([], [0, 0, 1, 1, 2])).to.throw(BboxFormatError, 'bboxIou(b)');
  });
});
