/** The real data set, where it is: CHAINGRAD_BCCD, or ../shared/data/bccd beside the repository. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openVocDataset } from '@chaingrad/vision';
import { expect } from 'chai';
import sharp from 'sharp';

const folder =
  process.env['CHAINGRAD_BCCD'] ?? fileURLToPath(new URL('../../../../shared/data/bccd', import.meta.url));

describe('openVocDataset on BCCD', () => {
  before(function () {
    if (!existsSync(folder)) this.skip();
  });

  it('finds every box but the two without area, and decodes an image', async () => {
    const open = (split: string) =>
      openVocDataset(folder, {
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
