/** Pictures of label maps and masks, pixel by pixel. */
import {
  BboxFormatError,
  type Image,
  type LabelMap,
  MaskFormatError,
  type Masks,
  visInstanceSegmentation,
  visSemanticSegmentation,
  vocColormap,
} from '@chaingrad/vision';
import { createCanvas } from '@napi-rs/canvas';
import { expect } from 'chai';

const contextOf = (height: number, width: number) => createCanvas(width, height).getContext('2d');
type Context = ReturnType<typeof contextOf>;

const pixelAt = (context: Context, y: number, x: number) => [...context.getImageData(x, y, 1, 1).data];
const grey: Image = { data: new Uint8Array(2 * 3 * 3).fill(100), shape: [2, 3, 3] };
const label: LabelMap = { data: Int32Array.of(0, 1, 1, 2, -1, 2), shape: [2, 3] };

describe('vision/visualizations: visSemanticSegmentation', () => {
  it("gives each class its colour of PASCAL VOC's, mixed with the image", () => {
    const context = contextOf(2, 3);
    const legend = visSemanticSegmentation(context, grey, label, {
      labelNames: ['background', 'a', 'b', 'c'],
      alpha: 0.5,
    });
    expect(legend).to.deep.equal([
      { label: 0, name: 'background', color: [0, 0, 0] },
      { label: 1, name: 'a', color: vocColormap(1) },
      { label: 2, name: 'b', color: vocColormap(2) },
    ]);
    expect(pixelAt(context, 0, 0)).to.deep.equal([50, 50, 50, 255]);
    expect(pixelAt(context, 0, 1)).to.deep.equal([114, 50, 50, 255]);
    expect(pixelAt(context, 1, 2)).to.deep.equal([50, 114, 50, 255]);
    expect(pixelAt(context, 1, 1)).to.deep.equal([50, 50, 50, 255]);
  });

  it('takes colours of its own, leaves ignored pixels, and lists all names', () => {
    const context = contextOf(2, 3);
    const labelColors = [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ] as const;
    const legend = visSemanticSegmentation(context, grey, label, {
      labelColors,
      ignoreLabelColor: null,
      labelNames: ['x', 'y', 'z'],
      allLabelNamesInLegend: true,
    });
    expect(legend.map(({ name }) => name)).to.deep.equal(['x', 'y', 'z']);
    expect(pixelAt(context, 1, 0)).to.deep.equal([7, 8, 9, 255]);
    expect(pixelAt(context, 1, 1)).to.deep.equal([100, 100, 100, 255]);
    // On what the canvas shows.
    const one: LabelMap = { data: new Int32Array(6).fill(-1), shape: [2, 3] };
    visSemanticSegmentation(context, null, one, { ignoreLabelColor: null });
    expect(pixelAt(context, 1, 0)).to.deep.equal([7, 8, 9, 255]);
  });

  it('refuses other sizes, and labels without a name or colour, before it draws', () => {
    const context = contextOf(2, 3);
    const wide: LabelMap = { data: new Int32Array(2), shape: [1, 2] };
    expect(() => visSemanticSegmentation(context, grey, wide)).to.throw(MaskFormatError, '2 x 3');
    for (const options of [{ labelNames: ['a', 'b'] }, { labelColors: [vocColormap(1), vocColormap(2)] }])
      expect(() => visSemanticSegmentation(context, grey, label, options)).to.throw(
        MaskFormatError,
        'below 2',
      );
    expect(pixelAt(context, 0, 0)).to.deep.equal([0, 0, 0, 0]);
  });
});

describe('vision/visualizations: visInstanceSegmentation', () => {
  const img: Image = { data: new Uint8Array(120 * 160 * 3).fill(200), shape: [120, 160, 3] };
  const mask: Masks = { data: new Uint8Array(2 * 120 * 160), shape: [2, 120, 160] };
  for (let y = 30; y < 100; y++) for (let x = 10; x < 80; x++) mask.data[y * 160 + x] = 1;
  for (let y = 60; y < 116; y++) for (let x = 60; x < 140; x++) mask.data[120 * 160 + y * 160 + x] = 1;

  it('paints each object, the best over the others, and writes what it is', () => {
    const context = contextOf(120, 160);
    visInstanceSegmentation(context, img, mask, [0, 1], [0.9, 0.5], {
      labelNames: ['cat', 'dog'],
      alpha: 1,
    });
    expect(pixelAt(context, 50, 12)).to.deep.equal([...vocColormap(1), 255]);
    expect(pixelAt(context, 110, 100)).to.deep.equal([...vocColormap(2), 255]);
    // Both are here.
    expect(pixelAt(context, 90, 70)).to.deep.equal([...vocColormap(1), 255]);
    expect(pixelAt(context, 5, 150)).to.deep.equal([200, 200, 200, 255]);
    // The tag above the first object.
    const tag = context.getImageData(10, 16, 30, 13).data;
    const isTag = (i: number) => vocColormap(1).every((value, c) => tag[4 * i + c] === value);
    expect(
      Array.from({ length: tag.length / 4 }, (_, i) => isTag(i)).filter(Boolean).length,
    ).to.be.greaterThan(50);
    const other = contextOf(120, 160);
    visInstanceSegmentation(other, img, mask, null, null, { instanceColors: [[9, 9, 9]] });
    expect(pixelAt(other, 90, 12)).to.deep.equal([66, 66, 66, 255]);
  });

  it('refuses what does not fit', () => {
    const context = contextOf(120, 160);
    expect(() => visInstanceSegmentation(context, grey, mask)).to.throw(MaskFormatError, 'masks of 2 x 3');
    expect(() => visInstanceSegmentation(context, img, mask, [0])).to.throw(BboxFormatError, '2 labels');
  });
});
