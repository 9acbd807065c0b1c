/** Masks: overlaps, boxes around them, small masks of boxes. */
import { MaskFormatError, type Masks, maskIou, maskToBbox, maskToSegm, segmToMask } from '@chaingrad/vision';
import { expect } from 'chai';
import { expectClose, goldens } from '../support.ts';

const golden = goldens<unknown>('cv_fpn_pieces');
const masksOf = (key: string): Masks => {
  const { data, shape } = golden.array(key);
  return { data: data as Uint8Array, shape: shape as [number, number, number] };
};

describe('vision/utils: masks', () => {
  const mask = masksOf('mask/mask');

  it('equal ChainerCV: IoU and boxes', () => {
    expectClose(maskIou(mask, masksOf('mask/mask2')), golden.f32('mask/mask_iou'), 1e-6, 'iou');
    expect([...maskToBbox(mask)]).to.deep.equal([...golden.f32('mask/mask_to_bbox')]);
  });

  it('equal ChainerCV: small masks of boxes, of other masks and outside the image', () => {
    const bbox = golden.f32('mask_to_segm/bbox');
    expect([...maskToSegm(mask, bbox, 14)]).to.deep.equal([...golden.f32('mask_to_segm/segm')]);
    const index = golden.i32('mask_to_segm/index');
    expect([...maskToSegm(mask, bbox.subarray(0, 12), 10, index)]).to.deep.equal([
      ...golden.f32('mask_to_segm/segm_index'),
    ]);
    const outside = maskToSegm(mask, [-90, -90, -60, -60], 6);
    expect([...outside]).to.deep.equal([...golden.f32('mask_to_segm/outside')]);
  });

  it('come back as they were, but for their border', () => {
    const there: Masks = { data: new Uint8Array(400), shape: [1, 20, 20] };
    for (let i = 0; i < 400; i++) if (i % 20 >= 4 && i % 20 < 16 && i >= 80 && i < 320) there.data[i] = 1;
    const bbox = maskToBbox(there);
    expect([...bbox]).to.deep.equal([4, 4, 16, 16]);
    const again = segmToMask(maskToSegm(there, bbox, 28), 28, bbox, [20, 20]);
    expect(maskIou(there, again)[0]).to.be.greaterThan(0.8);
  });

  it('refuse what does not fit, and have zeros for no pixels', () => {
    const empty: Masks = { data: new Uint8Array(4), shape: [1, 2, 2] };
    expect([...maskToBbox(empty)]).to.deep.equal([0, 0, 0, 0]);
    expect(maskIou(empty, empty)[0]).to.be.NaN;
    expect(() => maskIou(empty, mask)).to.throw(MaskFormatError, 'masks of 40 x 52');
    expect(() => maskToBbox({ ...empty, shape: [2, 2, 2] })).to.throw(MaskFormatError, '8 values');
  });
});
