import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatasetError, openFolderDataset, VisionOptionError } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { decode, filesOf, imageFile } from './support.ts';

const entries = {
  'cats/a.png': imageFile(2, 3, 1),
  'cats/more/b.JPG': imageFile(3, 2, 2),
  'cats/notes.txt': 'not an image',
  'dogs/c.png': imageFile(2, 2, 3),
};

describe('openFolderDataset', () => {
  it('takes folders as classes and images at any depth', async () => {
    const dataset = await openFolderDataset(filesOf(entries), { decode });
    expect(dataset.labelNames).to.deep.equal(['cats', 'dogs']);
    expect(dataset.records.map(({ file }) => file)).to.deep.equal([
      'cats/a.png',
      'cats/more/b.JPG',
      'dogs/c.png',
    ]);
    expect((await dataset.get(1)).img.shape).to.deep.equal([3, 2, 3]);
    expect((await dataset.get(2)).label).to.equal(1);
    expect((await rejection(dataset.get(3), RangeError)).message).to.contain('3 images');
  });

  it('reads a folder on disk, and follows links', async () => {
    const root = await mkdtemp(join(tmpdir(), 'chaingrad-'));
    try {
      await mkdir(join(root, 'real/cats'), { recursive: true });
      await mkdir(join(root, 'set'));
      await writeFile(join(root, 'real/cats/a.png'), imageFile(2, 3));
      await symlink(join(root, 'real/cats'), join(root, 'set/cats'));
      const dataset = await openFolderDataset(join(root, 'set'), { decode });
      expect((await dataset.get(0)).img.shape).to.deep.equal([2, 3, 3]);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it('refuses or skips a folder that is no class, a class without images and a broken image', async () => {
    const cases: [string, string, object, Record<string, string | Uint8Array<ArrayBuffer>>][] = [
      ['label', 'birds', { labelNames: ['cats', 'dogs'] }, { 'birds/d.png': imageFile(2, 2) }],
      ['empty', 'fish', {}, { 'fish/readme.md': '' }],
      ['image', 'dogs/d.png', {}, { 'dogs/d.png': imageFile(9, 9).subarray(0, 9) }],
    ];
    for (const [kind, file, options, extra] of cases) {
      const files = filesOf({ ...entries, ...extra });
      const load = async (onProblem: 'refuse' | 'skip') =>
        (await openFolderDataset(files, { decode, onProblem, ...options })).preload();
      expect((await rejection(load('refuse'), DatasetError)).problem).to.include({ kind, file });
      const dataset = await load('skip');
      expect(dataset.length).to.equal(3);
      expect(dataset.problems.map((problem) => problem.kind)).to.deep.equal([kind]);
    }
  });

  it('keeps what preload makes of the images', async () => {
    const dataset = await openFolderDataset(filesOf(entries), { decode });
    const loaded = await dataset.preload(({ shape }) => ({
      data: new Float32Array(shape[0] * shape[1] * 3),
      shape,
    }));
    expect((await loaded.get(0)).img.data).to.be.instanceOf(Float32Array);
  });

  it('refuses a folder without folders', async () => {
    await rejection(openFolderDataset(filesOf({ 'a.png': imageFile(1, 1) }), { decode }), VisionOptionError);
  });
});
