import { DatasetError, describeProblems, openVocDataset, VisionOptionError } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { type Box, decode, filesOf, imageFile, vocXml } from './support.ts';

const good: readonly Box[] = [
  ['cell', 1, 1, 5, 9],
  ['dot', 3, 2, 7, 6],
];

/** A dataset of one good image and the given ones. */
const withImage = (xml: string, image: Uint8Array<ArrayBuffer> | null = imageFile(10, 20)) =>
  filesOf({
    'ImageSets/Main/trainval.txt': 'a\nb\n',
    'Annotations/a.xml': vocXml(10, 20, good),
    'JPEGImages/a.jpg': imageFile(10, 20),
    'Annotations/b.xml': xml,
    ...(image === null ? {} : { 'JPEGImages/b.png': image }),
  });

describe('openVocDataset', () => {
  it('reads images, boxes counted from 0, labels in alphabetical order and difficult', async () => {
    const files = withImage(vocXml(10, 20, [['dot', 2, 3, 4, 8]], 1));
    const dataset = await openVocDataset(files, { decode });
    expect(dataset.length).to.equal(2);
    expect(dataset.labelNames).to.deep.equal(['cell', 'dot']);
    expect(dataset.problems).to.deep.equal([]);
    const { img, bbox, label, difficult } = await dataset.get(0);
    expect(img.shape).to.deep.equal([10, 20, 3]);
    expect([...bbox]).to.deep.equal([0, 0, 8, 4, 1, 2, 5, 6]);
    expect([...label]).to.deep.equal([0, 1]);
    expect([...difficult]).to.deep.equal([0, 0]);
    expect([...(await dataset.get(1)).difficult]).to.deep.equal([1]);
  });

  it('takes the order of the labels from the caller, and every annotation without a split', async () => {
    const dataset = await openVocDataset(withImage(vocXml(10, 20, good)), {
      decode,
      split: null,
      labelNames: ['dot', 'cell'],
    });
    expect(dataset.records.map(({ file }) => file)).to.deep.equal(['JPEGImages/a.jpg', 'JPEGImages/b.png']);
    expect([...dataset.records[0]!.label]).to.deep.equal([1, 0]);
  });

  it('names the splits there are', async () => {
    const error = await rejection(openVocDataset(withImage(''), { split: 'tests' }), VisionOptionError);
    expect(error.message).to.contain('trainval');
  });

  const broken: readonly [
    title: string,
    kind: string,
    xml: string,
    image?: Uint8Array<ArrayBuffer> | null,
  ][] = [
    ['an annotation that is no XML', 'annotation', '<annotation><size>'],
    ['a box that is no number', 'annotation', vocXml(10, 20, [['cell', 'left', 1, 5, 5]])],
    ['an annotation without a size', 'annotation', '<annotation></annotation>'],
    ['an empty annotation', 'empty', vocXml(10, 20, [])],
    ['a box without area', 'box', vocXml(10, 20, [...good, ['cell', 3, 3, 3, 3]])],
    ['a box upside down', 'box', vocXml(10, 20, [...good, ['cell', 5, 5, 3, 3]])],
    ['a box outside', 'box', vocXml(10, 20, [...good, ['cell', 30, 3, 40, 6]])],
    ['a missing image', 'image', vocXml(10, 20, good), null],
  ];
  for (const [title, kind, xml, image] of broken) {
    it(`refuses or skips ${title}, and names the file`, async () => {
      const files = withImage(xml, image === undefined ? imageFile(10, 20) : image);
      const error = await rejection(openVocDataset(files, { decode }), DatasetError);
      expect(error.problem.kind).to.equal(kind);
      expect(error.problem.file).to.match(/\bb(\.xml)?$/);
      const dataset = await openVocDataset(files, { decode, onProblem: 'skip' });
      expect(dataset.problems.map((problem) => problem.kind)).to.deep.equal([kind]);
      expect(dataset.length).to.equal(kind === 'box' ? 2 : 1);
      for (const { bbox, label } of dataset.records) {
        expect([...bbox]).to.deep.equal([0, 0, 8, 4, 1, 2, 5, 6]);
        expect(label.length).to.equal(2);
      }
    });
  }

  it('refuses or skips an unknown label', async () => {
    const files = withImage(vocXml(10, 20, good));
    const options = { decode, labelNames: ['cell'] };
    const error = await rejection(openVocDataset(files, options), DatasetError);
    expect(error.problem).to.include({ kind: 'label', file: 'Annotations/a.xml' });
    // Nothing was left out: it is refused.
    expect(error.message).to.match(/: the label is not one of cell \(label\)\. Mend the file/);
    const dataset = await openVocDataset(files, { ...options, onProblem: 'skip' });
    expect(dataset.records.map(({ label }) => [...label])).to.deep.equal([[0], [0]]);
    expect(describeProblems(dataset.problems)).to.match(
      /^skipped: 2 label\n {2}Annotations\/a\.xml: object 2 \(dot\): .*; box left out \(label\)$/m,
    );
  });

  it('cuts a box to the image; a pixel over the border is no problem, more is', async () => {
    const box = (xmin: number, xmax: number) => vocXml(10, 20, [...good, ['cell', xmin, 2, xmax, 6]]);
    const slack = await openVocDataset(withImage(box(0, 21)), { decode });
    expect([...slack.records[1]!.bbox.subarray(8)]).to.deep.equal([1, 0, 5, 20]);
    const over = await openVocDataset(withImage(box(-4, 30)), { decode, onProblem: 'skip' });
    expect(over.problems.map(({ kind }) => kind)).to.deep.equal(['box']);
    expect([...over.records[1]!.bbox.subarray(8)]).to.deep.equal([1, 0, 5, 20]);
  });

  it('keeps images without boxes if asked to', async () => {
    const dataset = await openVocDataset(withImage(vocXml(10, 20, [])), { decode, keepEmpty: true });
    expect(dataset.records[1]!.bbox.length).to.equal(0);
    expect(dataset.problems).to.deep.equal([]);
  });

  it('lets the caller decide by kind', async () => {
    const files = withImage(vocXml(10, 20, [['cell', 3, 3, 3, 3]]));
    const error = await rejection(
      openVocDataset(files, { decode, onProblem: ({ kind }) => (kind === 'box' ? 'skip' : 'refuse') }),
      DatasetError,
    );
    expect(error.problem.kind).to.equal('empty');
  });

  it('preload keeps pixels, shrinks images with their boxes, and finds broken images and wrong sizes', async () => {
    const whole = await openVocDataset(withImage(vocXml(10, 20, good)), { decode });
    let told = 0;
    const half = await whole.preload({
      maxSide: 10,
      onProgress: () => {
        told++;
      },
    });
    expect(told).to.equal(2);
    const { img, bbox } = await half.get(1);
    expect(img.shape).to.deep.equal([5, 10, 3]);
    expect(img.data).to.be.instanceOf(Uint8Array);
    expect([...new Set(img.data)]).to.deep.equal([7]);
    expect([...bbox]).to.deep.equal([0, 0, 4, 2, 0.5, 1, 2.5, 3]);

    const cases: [string, Uint8Array<ArrayBuffer>, string][] = [
      ['image', imageFile(10, 20).subarray(0, 100), 'cut short'],
      ['size', imageFile(20, 10), 'EXIF'],
    ];
    for (const [kind, image, message] of cases) {
      const files = withImage(vocXml(10, 20, good), image);
      const lazy = await openVocDataset(files, { decode });
      const refused = await rejection(lazy.preload(), DatasetError);
      expect(refused.problem).to.include({ kind, file: 'JPEGImages/b.png' });
      expect(refused.message).to.contain(message);
      expect((await rejection(lazy.get(1), DatasetError)).problem.kind).to.equal(kind);
      const skipping = await openVocDataset(files, { decode, onProblem: 'skip' });
      const loaded = await skipping.preload();
      expect(loaded.length).to.equal(1);
      expect(loaded.problems.map((problem) => problem.kind)).to.deep.equal([kind]);
    }
  });

  it('subset takes images by index and refuses others', async () => {
    const dataset = await openVocDataset(withImage(vocXml(10, 20, good)), { decode });
    expect(dataset.subset([1]).records[0]!.file).to.equal('JPEGImages/b.png');
    expect(() => dataset.subset([2])).to.throw(RangeError, '2 images');
  });
});
