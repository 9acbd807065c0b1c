import { type DecodeImage, openVocDataset } from '@chaingrad/vision';
import { expect } from 'chai';
import sharp from 'sharp';
import { imageHeader } from '../../../packages/vision/src/image/image-header.ts';
import { filesOf, vocXml } from './support.ts';

/** (yMin, xMin, yMax, xMax) of a white block on black, in the stored pixels. */
const block = [8, 16, 24, 48] as const;

/** A photo as a camera stores it: 40 x 80 pixels (or `size`), to be turned by its orientation. */
async function photo(orientation: number, format: 'jpeg' | 'png' = 'jpeg', [height, width] = [40, 80]) {
  const pixels = new Uint8Array(height! * width! * 3);
  for (let y = block[0]; y < block[2]; y++)
    pixels.fill(255, (y * width! + block[1]) * 3, (y * width! + block[3]) * 3);
  const bytes = await sharp(pixels, { raw: { width: width!, height: height!, channels: 3 } })
    .withMetadata({ orientation })
    .toFormat(format, { quality: 100 })
    .toBuffer();
  return new Uint8Array(bytes);
}

const decode: DecodeImage = async (bytes) => {
  const reader = sharp(bytes).autoOrient().removeAlpha().raw();
  const { data, info } = await reader.toBuffer({ resolveWithObject: true });
  return { data, shape: [info.height, info.width, 3] };
};

const open = async (
  image: Uint8Array<ArrayBuffer>,
  size: readonly [number, number],
  box: readonly number[],
) => {
  const [yMin, xMin, yMax, xMax] = box as [number, number, number, number];
  const xml = vocXml(...size, [['block', xMin + 1, yMin + 1, xMax + 1, yMax + 1]]);
  const files = filesOf({ 'Annotations/a.xml': xml, 'JPEGImages/a.jpg': image });
  return (await openVocDataset(files, { decode, split: null, onProblem: 'skip' })).preload();
};

describe('a photo that is turned by its EXIF orientation', () => {
  for (const orientation of [5, 6, 7, 8]) {
    it(`${orientation}: boxes of the stored pixels are turned with it, those of the upright ones stay`, async () => {
      const image = await photo(orientation);
      const stored = await open(image, [40, 80], block);
      expect(stored.problems).to.deep.equal([]);
      const { img, bbox } = await stored.get(0);
      expect(img.shape).to.deep.equal([80, 40, 3]);
      const [yMin, xMin, yMax, xMax] = bbox as unknown as [number, number, number, number];
      expect([yMax - yMin, xMax - xMin]).to.deep.equal([32, 16]);
      // The block is where the box says: white just inside each corner, black just outside.
      const bright = (y: number, x: number) => img.data[(y * 40 + x) * 3]! > 128;
      expect([bright(yMin + 1, xMin + 1), bright(yMax - 2, xMax - 2)]).to.deep.equal([true, true]);
      expect([bright(yMin - 2, xMin + 1), bright(yMax + 1, xMax - 2)]).to.deep.equal([false, false]);

      const upright = await open(image, [80, 40], bbox as unknown as number[]);
      expect([...(await upright.get(0)).bbox]).to.deep.equal([...bbox]);
    });
  }

  it('is left out and told where nothing tells which pixels the boxes are of', async () => {
    for (const [orientation, size] of [
      [3, [40, 80]],
      [2, [40, 80]],
      [6, [64, 64]],
    ] as const) {
      const dataset = await open(await photo(orientation, 'jpeg', [...size]), size, block);
      expect(dataset.length).to.equal(0);
      expect(dataset.problems[0]).to.include({ kind: 'size', file: 'JPEGImages/a.jpg' });
      expect(dataset.problems[0]!.message).to.contain(`EXIF orientation (${orientation})`);
    }
  });

  it('has a header that tells it, in JPEG and in PNG', async () => {
    for (const format of ['jpeg', 'png'] as const) {
      expect(imageHeader(await photo(6, format))).to.deep.equal({ size: [40, 80], orientation: 6 });
      expect(imageHeader((await photo(6, format)).subarray(0, 20))).to.equal(null);
    }
    expect(imageHeader(new Uint8Array(0))).to.equal(null);
  });
});
