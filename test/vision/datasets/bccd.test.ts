/** A data set as people make them: all annotations of BCCD (Shenggan, MIT licence), and one of its pictures. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { openVocDataset } from '@chaingrad/vision';
import { expect } from 'chai';
import sharp from 'sharp';
import { fixturePath } from '../../support/goldens.ts';
import { filesOf } from './support.ts';

const picture = 'BloodImage_00007';

/** The files of the data set; the pictures that are not here are empty. */
function bccd() {
  const packed = readFileSync(fixturePath('bccd/annotations.json.gz'));
  const texts = JSON.parse(gunzipSync(packed).toString()) as Record<string, string>;
  const names = Object.keys(texts).filter((file) => file.startsWith('Annotations/'));
  const pictures = names.map((file) => [
    file.replace('Annotations', 'JPEGImages').replace('.xml', '.jpg'),
    file.includes(picture)
      ? new Uint8Array(readFileSync(fixturePath(`bccd/${picture}.jpg`)))
      : new Uint8Array(),
  ]);
  return filesOf({ ...texts, ...Object.fromEntries(pictures) });
}

describe('openVocDataset on BCCD', () => {
  it('finds every box but the two without area, and decodes an image', async () => {
    const open = (split: string) =>
      openVocDataset(bccd(), {
        split,
        onProblem: 'skip',
        async decode(bytes) {
          const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
          return { data, shape: [info.height, info.width, info.channels] };
        },
      });
    const train = await open('trainval');
    const test = await open('test');
    expect([train.length, test.length]).to.deep.equal([292, 72]);
    expect(train.labelNames).to.deep.equal(['Platelets', 'RBC', 'WBC']);
    expect(train.problems.map(({ kind, file }) => `${kind} ${file}`)).to.deep.equal([
      'box Annotations/BloodImage_00338.xml',
      'box Annotations/BloodImage_00343.xml',
    ]);
    expect(test.problems).to.deep.equal([]);
    const counts = [0, 0, 0];
    for (const { label } of [...train.records, ...test.records]) for (const l of label) counts[l]! += 1;
    expect(counts).to.deep.equal([361, 4155 - 2, 372]);
    const { img } = await test.get(0);
    expect(img.shape).to.deep.equal([480, 640, 3]);
  });
});
