/** Labelled folders on their way into the studio. */
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { readFolder } from '../../../examples/web/src/project/folders.ts';

const image = readFileSync(new URL('../../../examples/images/chelsea.png', import.meta.url));
const annotation = `<annotation><size><width>451</width><height>300</height><depth>3</depth></size>
  <object><name>ear</name><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>101</xmax><ymax>91</ymax></bndbox></object></annotation>`;

/** What the pictures a, b, c and d of a Pascal VOC folder with these lists are for. */
async function parts(lists: Readonly<Record<string, string>>): Promise<Record<string, string | undefined>> {
  const entries = [
    ...[...'abcd'].flatMap((name) => [
      [`set/Annotations/${name}.xml`, new File([annotation], `${name}.xml`)] as const,
      [`set/JPEGImages/${name}.png`, new File([image], `${name}.png`)] as const,
    ]),
    ...Object.entries(lists).map(([name, pictures]) => {
      const file = `${name}.txt`;
      return [`set/ImageSets/Main/${file}`, new File([[...pictures].join('\n')], file)] as const;
    }),
  ];
  const { pictures, problems } = await readFolder(entries);
  expect(problems).to.deep.equal([]);
  return Object.fromEntries(pictures.map(({ file, part }) => [file.name[0]!, part]));
}

describe('studio: a labelled folder', () => {
  it('holds out what the command tests with: of val nothing where trainval is learnt from', async () => {
    expect(await parts({ train: 'ab', val: 'c', trainval: 'abc', test: 'd' })).to.deep.equal({
      a: 'train',
      b: 'train',
      c: 'train',
      d: 'test',
    });
  });

  it('learns neither from val nor from test where there is no trainval', async () => {
    expect(await parts({ train: 'ab', val: 'c', test: 'd' })).to.deep.equal({
      a: 'train',
      b: 'train',
      c: 'test',
      d: 'test',
    });
    expect(await parts({ trainval: 'abcd', train: 'abc', val: 'd' })).to.deep.equal({
      a: 'train',
      b: 'train',
      c: 'train',
      d: 'test',
    });
  });
});
