import { DatasetError, openCocoDataset, VisionOptionError } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { decode, filesOf, imageFile } from './support.ts';

type Json = Record<string, unknown>;

const document = (extra: { images?: Json[]; annotations?: Json[]; categories?: Json[] } = {}) => ({
  images: [{ id: 10, file_name: 'a.png', width: 20, height: 10 }, ...(extra.images ?? [])],
  categories: [{ id: 7, name: 'dog' }, { id: 3, name: 'cat' }, ...(extra.categories ?? [])],
  annotations: [
    { id: 1, image_id: 10, category_id: 3, bbox: [2, 1, 4.5, 3], iscrowd: 0 },
    { id: 2, image_id: 10, category_id: 7, bbox: [0, 0, 20, 10], iscrowd: 1 },
    ...(extra.annotations ?? []),
  ],
});

const files = (json: unknown) =>
  filesOf({
    'instances.json': typeof json === 'string' ? json : JSON.stringify(json),
    'images/a.png': imageFile(10, 20),
    'images/b.png': imageFile(10, 20),
  });

describe('openCocoDataset', () => {
  it('reads boxes as corners, categories by id and crowds as difficult', async () => {
    const dataset = await openCocoDataset(files(document()), { annotations: 'instances.json', decode });
    expect(dataset.labelNames).to.deep.equal(['cat', 'dog']);
    const { img, bbox, label, difficult } = await dataset.get(0);
    expect(img.shape).to.deep.equal([10, 20, 3]);
    expect([...bbox]).to.deep.equal([1, 2, 4, 6.5, 0, 0, 10, 20]);
    expect([...label]).to.deep.equal([0, 1]);
    expect([...difficult]).to.deep.equal([0, 1]);
  });

  const image = { id: 11, file_name: 'b.png', width: 20, height: 10 };
  const cases: readonly [title: string, kind: string, extra: Parameters<typeof document>[0], file: string][] =
    [
      ['an image without boxes', 'empty', { images: [image] }, 'images/b.png'],
      ['an image without size', 'annotation', { images: [{ id: 11, file_name: 'b.png' }] }, 'instances.json'],
      [
        'a box of three numbers',
        'annotation',
        { annotations: [{ image_id: 10, category_id: 3, bbox: [1, 2, 3] }] },
        'instances.json',
      ],
      [
        'a box of no image',
        'annotation',
        { annotations: [{ image_id: 99, category_id: 3, bbox: [1, 2, 3, 4] }] },
        'instances.json',
      ],
      [
        'an unknown category',
        'label',
        { annotations: [{ image_id: 10, category_id: 5, bbox: [1, 2, 3, 4] }] },
        'images/a.png',
      ],
      [
        'a box without area',
        'box',
        { annotations: [{ image_id: 10, category_id: 3, bbox: [1, 2, 0, 4] }] },
        'images/a.png',
      ],
      [
        'a box that reaches out',
        'box',
        { annotations: [{ image_id: 10, category_id: 3, bbox: [19, 2, 9, 4] }] },
        'images/a.png',
      ],
    ];
  for (const [title, kind, extra, file] of cases) {
    it(`refuses or skips ${title}, and names the file`, async () => {
      const options = { annotations: 'instances.json', decode };
      const error = await rejection(openCocoDataset(files(document(extra)), options), DatasetError);
      expect(error.problem).to.include({ kind, file });
      const dataset = await openCocoDataset(files(document(extra)), { ...options, onProblem: 'skip' });
      expect(dataset.problems.map((problem) => problem.kind)).to.deep.equal([kind]);
      expect(dataset.length).to.equal(1);
      expect([...dataset.records[0]!.bbox.subarray(0, 8)]).to.deep.equal([1, 2, 4, 6.5, 0, 0, 10, 20]);
    });
  }

  it('says why the JSON file cannot be used', async () => {
    const open = (json: unknown) => openCocoDataset(files(json), { annotations: 'instances.json', decode });
    expect((await rejection(open('{'), VisionOptionError)).message).to.contain('instances.json');
    expect((await rejection(open({ images: [] }), VisionOptionError)).message).to.contain(
      "no list 'categories'",
    );
    await rejection(openCocoDataset(files(document()), { annotations: 'x.json' }), VisionOptionError);
  });
});
