/** Pictures for notebooks: another program draws the SVG, and finds the pixels, the boxes and their names. */
import { jupyterDisplay } from '@chaingrad/core';
import { BboxFormatError, type Image, ImageFormatError, showImage } from '@chaingrad/vision';
import { expect } from 'chai';
import sharp from 'sharp';
import { rejection } from '../../support/errors.ts';

const width = 60;
const height = 40;
const img: Image = {
  data: Uint8Array.from({ length: height * width * 3 }, (_, i) => (Math.floor(i / 3 / width) * 5 + i) % 256),
  shape: [height, width, 3],
};

async function drawn(svg: string): Promise<(row: number, column: number) => number[]> {
  const { data, info } = await sharp(Buffer.from(svg)).raw().toBuffer({ resolveWithObject: true });
  expect([info.height, info.width]).to.deep.equal([height, width]);
  return (row, column) => [...data.subarray((row * width + column) * info.channels)].slice(0, 3);
}

describe('showImage', () => {
  it('shows every pixel', async () => {
    const pixel = await drawn((await showImage(img)).toSVG());
    for (let i = 0; i < height * width; i++) {
      expect(pixel(Math.floor(i / width), i % width)).to.deep.equal([...img.data.subarray(3 * i, 3 * i + 3)]);
    }
  });

  it('draws boxes and their names, escaped', async () => {
    const shown = await showImage(img, [20, 10, 35, 50], [1], [0.5], {
      labelNames: ['a', 'b<&'],
      instanceColors: [[255, 0, 0]],
      lineWidth: 2,
    });
    const svg = shown.toSVG();
    expect(svg).to.include('>b&lt;&amp;').and.not.include('b<&');
    const pixel = await drawn(svg);
    expect(pixel(28, 10)).to.deep.equal([255, 0, 0]);
    expect(pixel(35, 30)).to.deep.equal([255, 0, 0]);
    const inside = 3 * (28 * width + 30);
    expect(pixel(28, 30)).to.deep.equal([...img.data.subarray(inside, inside + 3)]);
    expect(shown[jupyterDisplay]()).to.deep.equal({ 'image/svg+xml': svg });
  });

  it('refuses what is no picture, and names that are missing', async () => {
    await rejection(showImage({ data: new Uint8Array(3), shape: [2, 2, 3] }), ImageFormatError);
    await rejection(showImage(img, [1, 1, 9, 9], [3], null, { labelNames: ['a'] }), BboxFormatError);
  });
});
