import { Random, useBackend } from '@chaingrad/core';
import { SSDMobileNetV2, tileShare } from '@chaingrad/vision';
import { expect } from 'chai';
import { randomTile } from '../../../../packages/vision/src/models/ssd/augmentation/random-tile.ts';
import { mergeTiles, tileWindows } from '../../../../packages/vision/src/models/ssd/tiles.ts';

const image = (height: number, width: number) =>
  ({
    data: Uint8Array.from({ length: height * width * 3 }, (_, i) => i % 251),
    shape: [height, width, 3],
  }) as const;

describe('tiles of an image', () => {
  it('cover it with an overlap of a quarter, beside the whole', () => {
    expect(tileWindows([70, 140], 1)).to.deep.equal([{ ySlice: [0, 70], xSlice: [0, 140] }]);
    expect(tileShare(2)).to.be.closeTo(1 / 1.75, 1e-12);
    expect(tileWindows([70, 140], 2)).to.deep.equal([
      { ySlice: [0, 70], xSlice: [0, 140] },
      { ySlice: [0, 40], xSlice: [0, 80] },
      { ySlice: [0, 40], xSlice: [60, 140] },
      { ySlice: [30, 70], xSlice: [0, 80] },
      { ySlice: [30, 70], xSlice: [60, 140] },
    ]);
    expect(tileWindows([9, 2], 4)).to.have.length(17);
  });

  it('leave what they cut to their neighbours, and what several see counts once', () => {
    const windows = tileWindows([70, 140], 2);
    const none = { bbox: [], label: [], score: [] };
    const parts = [
      { bbox: [5, 5, 15, 25], label: [1], score: [0.6] },
      // The same object better; one that the right edge cuts; one at the edge of the image itself, which cuts nothing.
      { bbox: [5, 5, 15, 26, 10, 60, 20, 80, 0, 0, 9, 9], label: [1, 0, 0], score: [0.9, 0.8, 0.7] },
      { bbox: [10, 2, 20, 30], label: [0], score: [0.5] },
      none,
      none,
    ];
    const found = mergeTiles(
      {
        bboxes: parts.map(({ bbox }) => Float32Array.from(bbox)),
        labels: parts.map(({ label }) => Int32Array.from(label)),
        scores: parts.map(({ score }) => Float32Array.from(score)),
      },
      windows,
      [70, 140],
      0.45,
    );
    expect([...found.label]).to.deep.equal([0, 0, 1]);
    expect([...found.bbox]).to.deep.equal([0, 0, 9, 9, 10, 62, 20, 90, 5, 5, 15, 26]);
    expect([...found.score].map((score) => score.toFixed(1))).to.deep.equal(['0.7', '0.5', '0.9']);
  });

  it('are learnt around the objects, with their boxes; a large object is shown in the whole image', () => {
    const rng = new Random(1);
    const example = {
      img: image(60, 80),
      bbox: Float32Array.of(30, 40, 36, 50, 0, 0, 55, 70),
      label: Int32Array.of(0, 1),
      difficult: Uint8Array.of(0, 1),
    };
    let whole = 0;
    let without = 0;
    for (let i = 0; i < 60; i++) {
      const { img, bbox, label } = randomTile(example, 3, rng);
      if (img.shape[0] === 60) whole++;
      else {
        const at = [...label].indexOf(0);
        if (at < 0) without++;
        else expect(bbox[4 * at + 2]! - bbox[4 * at]!).to.be.within(3, 6);
        expect(img.shape[0] / 60).to.be.within(0.3, 0.51);
      }
    }
    expect(whole).to.be.within(3, 18);
    expect(without).to.be.within(1, 12);
    const large = { ...example, difficult: Uint8Array.of(1, 0) };
    const shapes = Array.from({ length: 40 }, () => randomTile(large, 3, rng)).filter(({ label }) =>
      label.includes(1),
    );
    for (const { img, bbox } of shapes) if (img.shape[0] === 60) expect(bbox.length).to.equal(8);
    expect(shapes.filter(({ img }) => img.shape[0] === 60).length).to.be.greaterThan(25);
  });

  it('and the side of the input are what a file tells of its detector', async () => {
    await useBackend('cpu');
    using model = new SSDMobileNetV2({ nFgClass: 1, insize: 512 });
    model.tiles = 3;
    expect(model.extractor.grids).to.deep.equal([32, 16, 8, 4, 2, 1]);
    expect(model.coder.length).to.equal(3 * 1024 + 6 * (256 + 64 + 16 + 4 + 1));
    expect(JSON.parse(model.serialMetadata()['chaingrad.about']!)).to.include({ insize: 512, tiles: 3 });
    expect(() => new SSDMobileNetV2({ nFgClass: 1, insize: 100 })).to.throw('insize');
  });
});
