import { mkdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import sharp from 'sharp';
import { writeVocFolder } from './generated-data.ts';
import { chaingrad, temporaryFolder } from './support.ts';

describe('chaingrad check', () => {
  const folder = temporaryFolder();

  before(async () => {
    await writeVocFolder(folder.path('data'), 5, { trainval: [0, 1, 2, 3], test: [3, 4] });
    // 1 is broken, 2 is the same picture as 0, with a box of 3 x 3 pixels, twice, and one without area.
    folder.write('data/JPEGImages/1.png', 'broken');
    folder.write('data/JPEGImages/2.png', readFileSync(folder.path('data/JPEGImages/0.png')));
    const box = (name: string, [xmin, ymin, xmax, ymax]: number[]) =>
      `<object><name>${name}</name><bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>`;
    const size = '<size><width>96</width><height>96</height></size>';
    const small = box('tiny', [11, 11, 13, 13]);
    folder.write(
      'data/Annotations/2.xml',
      `<annotation>${size}${small}${small}${box('tiny', [5, 5, 5, 9])}</annotation>`,
    );
    folder.write('data/Annotations/4.xml', `<annotation>${size}</annotation>`);
  });

  it('tells layout, classes, sizes, duplicates and problems as data, and draws a sheet', async () => {
    const out = folder.path('sheets/sheet.png');
    const { code, stdout, stderr } = await chaingrad(['check', folder.path('data'), '--json', '--out', out]);
    expect(code, stderr).to.equal(0);
    const report = JSON.parse(stdout);
    expect(report.layout).to.equal(
      'Pascal VOC in Annotations/, 5 images in JPEGImages/; lists test, trainval',
    );
    expect(report.parts).to.deep.equal({ test: 2, trainval: 4 });
    expect([report.images, report.withoutObjects]).to.deep.equal([4, 1]);
    const [bright, dark, tiny] = report.classes;
    expect([bright.name, bright.boxes, bright.images, bright.small]).to.deep.equal(['bright', 2, 2, 0]);
    expect(dark.boxes).to.equal(2);
    // 2 of 96 pixels are 6.25 of 300.
    expect(tiny).to.deep.equal({
      name: 'tiny',
      boxes: 1,
      images: 1,
      medianSide: 6.25,
      smallestSide: 6.25,
      small: 1,
    });
    expect(report.duplicates).to.deep.equal([['JPEGImages/0.png', 'JPEGImages/2.png']]);
    expect(report.warnings.join('\n')).to.match(
      /tiny: 1 of 1 boxes are smaller than 10 pixels at 300 x 300: .*tiles/,
    );
    expect(report.warnings.join('\n')).to.contain('1 images are learnt and tested: JPEGImages/3.png');
    expect(report.problems.map(({ kind }: { kind: string }) => kind)).to.have.members([
      'duplicate',
      'box',
      'image',
    ]);
    expect(report.sheet).to.equal(out);
    const { width, height } = await sharp(out).metadata();
    expect([width, height]).to.deep.equal([4 * 328 + 8, 328 + 8]);
  });

  it('measures by the size of another network, and says the same as text', async () => {
    const args = ['check', folder.path('data'), '--size', '512', '--out', folder.path('sheet.png')];
    const { code, stdout, stderr } = await chaingrad(args);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.contain('4 usable images (test 2, trainval 4), 1 of them without objects');
    expect(stdout).to.match(/tiny +1 +1 +11 px +11 px/);
    expect(stdout).not.to.contain('smaller than 10 pixels');
    expect(stdout).to.contain('the same picture: JPEGImages/0.png, JPEGImages/2.png');
    expect(stdout).to.match(/JPEGImages\/1\.png: cannot be decoded.*\(image\)/);
  });

  it('names what a folder is, where it is none of labelled images', async () => {
    mkdirSync(folder.path('bare'));
    folder.write('bare/a.csv', 'filename,xmin,ymin\n');
    const { code, stderr } = await chaingrad(['check', folder.path('bare')]);
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: .*a\.csv: boxes in CSV/);
  });
});
