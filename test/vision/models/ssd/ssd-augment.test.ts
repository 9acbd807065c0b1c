import { Random } from '@chaingrad/core';
import { ssdAugment } from '@chaingrad/vision';
import { expect } from 'chai';
import { squares } from '../../squares.ts';

const size = [80, 64] as const;

/** The rows and columns whose pixels are brighter than halfway between the ground and the square. */
function brightBox(data: ArrayLike<number>, width: number): number[] {
  let [top, left, bottom, right] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, -1, -1];
  for (let i = 0; i < data.length; i += 3) {
    if (data[i]! < 188) continue;
    const y = Math.floor(i / 3 / width);
    const x = (i / 3) % width;
    top = Math.min(top, y);
    left = Math.min(left, x);
    bottom = Math.max(bottom, y + 1);
    right = Math.max(right, x + 1);
  }
  return [top, left, bottom, right];
}

describe('ssdAugment', () => {
  const [example] = squares(1);

  it('moves the box with the pixels, whatever is drawn', () => {
    const rng = new Random(11);
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const { img, bbox, label } = ssdAugment(example!, { size, distort: null, yFlip: true }, rng);
      expect(img.shape).to.deep.equal([80, 64, 3]);
      expect([...label]).to.deep.equal([0]);
      const found = brightBox(img.data, 64);
      // A pixel of the source is up to 5 of the result here; interpolations smear, and the place is rounded to whole pixels.
      for (let k = 0; k < 4; k++)
        expect(bbox[k], `draw ${i}, side ${k}: ${[...bbox]}`).to.be.closeTo(found[k]!, 4);
      seen.add(bbox.join());
    }
    expect(seen.size).to.be.greaterThan(150);
  });

  it('repeats exactly with the same seed, and leaves the example alone', () => {
    const before = Uint8Array.from(example!.img.data);
    const run = () => ssdAugment(example!, { size }, new Random(5));
    expect(run()).to.deep.equal(run());
    expect(Uint8Array.from(example!.img.data)).to.deep.equal(before);
  });

  it('only stretches without its changes', () => {
    const { img, bbox } = ssdAugment(
      { ...example!, img: { data: new Uint8Array(40 * 60 * 3).fill(9), shape: [40, 60, 3] } },
      { size: [80, 120], distort: null, maxExpand: 1, crop: null, xFlip: false },
      new Random(0),
    );
    expect([...new Set(img.data)]).to.deep.equal([9]);
    expect([...bbox]).to.deep.equal([...example!.bbox].map((v) => v * 2));
  });

  it('fills around a smaller image, also with a colour for each channel', () => {
    const white = {
      ...example!,
      img: { data: new Uint8Array(40 * 60 * 3).fill(255), shape: [40, 60, 3] as const },
    };
    const colours = new Set<string>();
    for (let seed = 0; seed < 10; seed++) {
      const options = { size, distort: null, crop: null, fill: [1, 2, 3], maxExpand: 4 };
      const { data } = ssdAugment(white, options, new Random(seed)).img;
      for (let i = 0; i < data.length; i += 3) colours.add([data[i], data[i + 1], data[i + 2]].join());
    }
    expect([...colours].sort()).to.deep.equal(['1,2,3', '255,255,255']);
  });

  it('leaves difficult boxes out, and copes without any box', () => {
    const { bbox, label, difficult } = ssdAugment(
      {
        ...example!,
        bbox: Float32Array.of(...example!.bbox, 0, 0, 9, 9),
        label: Int32Array.of(0, 1),
        difficult: Uint8Array.of(0, 1),
      },
      { size },
      new Random(1),
    );
    expect([bbox.length, [...label], [...difficult]]).to.deep.equal([4, [0], [0]]);
    const none = {
      ...example!,
      bbox: new Float32Array(0),
      label: new Int32Array(0),
      difficult: new Uint8Array(0),
    };
    expect(ssdAugment(none, { size }, new Random(1)).label.length).to.equal(0);
  });

  it('stays in 0..255', () => {
    const rng = new Random(2);
    for (let i = 0; i < 50; i++) {
      const { data } = ssdAugment(squares(2)[i % 2]!, { size }, rng).img;
      for (const value of data) if (!(value >= 0 && value <= 255)) expect.fail(`value ${value} in draw ${i}`);
    }
  });
});
