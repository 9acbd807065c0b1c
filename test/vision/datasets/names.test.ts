import { describeProblems, openCocoDataset, openVocDataset, VisionOptionError } from '@chaingrad/vision';
import { expect } from 'chai';
import { rejection } from '../../support/errors.ts';
import { type Box, decode, filesOf, imageFile, vocXml } from './support.ts';

type Content = string | Uint8Array<ArrayBuffer>;

const image = imageFile(10, 20);
const cat: Box = ['cat', 3, 2, 13, 7];
const voc = vocXml(10, 20, [cat]);

/** A text as UTF-16 with its mark. */
const utf16 = (text: string, big = false) =>
  Uint8Array.from(
    [0xfeff, ...Array.from(text, (letter) => letter.charCodeAt(0))].flatMap((code) =>
      big ? [code >> 8, code & 255] : [code & 255, code >> 8],
    ),
  );
/** A text of which each character is one byte. */
const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** The images of a list, what is told, and the classes. */
async function listed(names: readonly string[], list: Content, xml: (name: string) => Content = () => voc) {
  const files = filesOf({
    'ImageSets/Main/trainval.txt': list,
    ...Object.fromEntries(names.map((name) => [`JPEGImages/${name}.jpg`, image])),
    ...Object.fromEntries(names.map((name) => [`Annotations/${name}.xml`, xml(name)])),
  });
  const { records, problems, labelNames } = await openVocDataset(files, { decode, onProblem: 'skip' });
  const found = records.map(({ file }) => file.replace(/^JPEGImages\/|\.jpg$/g, ''));
  return { found, problems, labelNames };
}

describe('the names in a list', () => {
  const cases: readonly [title: string, names: string[], list: Content][] = [
    ['hold blanks', ['IMG 6 (copy)', 'IMG_7'], 'IMG 6 (copy)\nIMG_7\n'],
    ['end with CRLF', ['a b', 'c'], 'a b\r\nc\r\n\r\n'],
    ['end with CR', ['a', 'c'], 'a\rc'],
    ['have endings and folders', ['a', 'b.v2', 'c'], 'a.jpg\nJPEGImages/b.v2.jpg\nc.xml'],
    ['have dots', ['a.b', 'c#t=1'], 'a.b\nc#t=1'],
    ['have the flag of a class', ['a', 'b 1'], 'a  1\nb 1 -1\n'],
    ['are UTF-16', ['a', 'b'], utf16('a\r\nb\r\n')],
    ['are UTF-16 of the other order', ['a', 'b'], utf16('a\nb\n', true)],
    ['have a mark', ['a', 'b'], '\ufeffa\nb'],
    ['have other capitals', ['P1', 'p2'], 'p1\nP2'],
    ['have another Unicode form', ['caf\u0065\u0301'], 'caf\u00e9'],
  ];
  for (const [title, names, list] of cases) {
    it(title, async () => {
      const { found, problems } = await listed(names, list);
      expect(describeProblems(problems)).to.equal('');
      expect(found).to.deep.equal(names);
    });
  }

  it('count once, and it is told that one is there twice', async () => {
    const { found, problems } = await listed(['a', 'b'], 'a\nb\na\na\n');
    expect(found).to.deep.equal(['a', 'b']);
    expect(describeProblems(problems)).to.equal(
      "skipped: 1 duplicate\n  ImageSets/Main/trainval.txt: 'a' is listed 3 times; counts once (duplicate)",
    );
  });

  it('are refused where they cannot be decoded', async () => {
    const error = await rejection(listed(['a'], bytes('caf\xe9')), VisionOptionError);
    expect(error.message).to.contain('not UTF-8 text');
  });
});

describe('the text of an annotation', () => {
  const declared = (encoding: string, name: string) =>
    vocXml(10, 20, [[name, 3, 2, 13, 7]]).replace(
      '<?xml version="1.0"?>',
      `<?xml version="1.0" encoding="${encoding}"?>`,
    );
  const cases: readonly [title: string, xml: Content, name: string][] = [
    ['ISO-8859-1', bytes(declared('ISO-8859-1', 'caf\xe9')), 'caf\u00e9'],
    ['GBK', bytes(declared('GBK', '\xc3\xa8')), '\u732b'],
    ['UTF-16 with its mark', utf16(declared('UTF-16', 'caf\u00e9')), 'caf\u00e9'],
    ['UTF-16 without', utf16(declared('UTF-16', 'caf\u00e9')).subarray(2), 'caf\u00e9'],
    ['UTF-8 with a mark', `\ufeff${declared('utf-8', 'caf\u00e9')}`, 'caf\u00e9'],
    ['what says UTF-16 and is not', declared('utf-16', 'cat'), 'cat'],
  ];
  for (const [title, xml, name] of cases) {
    it(`is decoded: ${title}`, async () => {
      expect((await listed(['a'], 'a', () => xml)).labelNames).to.deep.equal([name]);
    });
  }

  it('is refused where it is not of its encoding, or that is not known', async () => {
    const latin = await listed(['a'], 'a', () => bytes(declared('UTF-8', 'caf\xe9')));
    expect(latin.problems[0]).to.include({ kind: 'annotation', file: 'Annotations/a.xml' });
    expect(latin.problems[0]!.message).to.contain('not UTF-8 text');
    const unknown = await listed(['a'], 'a', () => declared('klingon', 'cat'));
    expect(unknown.problems[0]!.message).to.contain("the encoding 'klingon', which is not known");
  });
});

describe('the files of an annotation', () => {
  const open = async (entries: Record<string, Content>) => {
    const { records, problems } = await openVocDataset(filesOf(entries), {
      decode,
      split: null,
      onProblem: 'skip',
    });
    return { found: records.map(({ file }) => file), problems };
  };

  it('are pictures: files of systems and of labels are none', async () => {
    const { found, problems } = await open({
      'Annotations/a.XML': voc,
      'Annotations/._a.xml': image,
      'JPEGImages/a.JPG': image,
      'JPEGImages/._a.jpg': image,
      'JPEGImages/a.xml': voc,
      'JPEGImages/a.txt': 'text',
    });
    expect(found).to.deep.equal(['JPEGImages/a.JPG']);
    expect(problems).to.deep.equal([]);
  });

  it('are that of <filename> where there are several, else it is told', async () => {
    const pictures = { 'JPEGImages/a.jpg': image, 'JPEGImages/a.png': image };
    const named = voc.replace('<size>', '<filename>x\\a.png</filename><size>');
    const sure = await open({ ...pictures, 'Annotations/a.xml': named });
    expect(sure.found).to.deep.equal(['JPEGImages/a.png']);
    expect(sure.problems).to.deep.equal([]);
    const unsure = await open({ ...pictures, 'Annotations/a.xml': voc });
    expect(unsure.found).to.deep.equal(['JPEGImages/a.jpg']);
    expect(unsure.problems.map(({ kind }) => kind)).to.deep.equal(['duplicate']);
  });

  it('give the size that the annotation does not know', async () => {
    for (const size of ['<size><width>0</width><height>0</height></size>', '']) {
      const xml = voc.replace(/<size>.*<\/size>/s, size);
      const dataset = await openVocDataset(filesOf({ 'Annotations/a.xml': xml, 'JPEGImages/a.jpg': image }), {
        decode,
        split: null,
      });
      expect(dataset.records[0]!.size).to.deep.equal([10, 20]);
    }
  });
});

describe('boxes and images that are there twice', () => {
  it('the same box counts once, and it is told', async () => {
    const files = filesOf({
      'Annotations/a.xml': vocXml(10, 20, [cat, ['dog', 3, 2, 13, 7], cat]),
      'JPEGImages/a.jpg': image,
    });
    const { records, problems } = await openVocDataset(files, { decode, split: null, onProblem: 'skip' });
    expect(records[0]!.label.length).to.equal(2);
    expect(problems.map(({ kind, message }) => [kind, message])).to.deep.equal([
      ['duplicate', 'object 3 (cat): the same box as object 1'],
    ]);
  });

  it('one id for two images of COCO is refused; one image twice has the boxes of both', async () => {
    const open = (ids: number[], names: string[]) => {
      const images = names.map((name, i) => ({ id: ids[i], file_name: name, width: 20, height: 10 }));
      const annotations = ids.map((id, i) => ({ id: i, image_id: id, category_id: 1, bbox: [i, 1, 5, 5] }));
      const json = JSON.stringify({ images, annotations, categories: [{ id: 1, name: 'cat' }] });
      const files = filesOf({ 'a.json': json, 'images/a.jpg': image, 'images/b.jpg': image });
      return openCocoDataset(files, { annotations: 'a.json', decode, onProblem: 'skip' });
    };
    const error = await rejection(open([1, 1], ['a.jpg', 'b.jpg']), VisionOptionError);
    expect(error.message).to.contain('Two images have the id 1: a.jpg and b.jpg');
    const { records, problems } = await open([1, 2], ['a.jpg', 'a.jpg']);
    expect(records.map(({ label }) => label.length)).to.deep.equal([2]);
    expect(problems.map(({ kind }) => kind)).to.deep.equal(['duplicate']);
  });
});

describe('an image without objects', () => {
  it('is kept if asked to; one whose objects cannot be used is not', async () => {
    const files = filesOf({
      'Annotations/bare.xml': vocXml(10, 20, []),
      'Annotations/bad.xml': vocXml(10, 20, [['cat', 3, 3, 3, 3]]),
      'JPEGImages/bare.jpg': image,
      'JPEGImages/bad.jpg': image,
    });
    const options = { decode, split: null, onProblem: 'skip', keepEmpty: true } as const;
    const { records, problems } = await openVocDataset(files, options);
    expect(records.map(({ file, bbox }) => [file, bbox.length])).to.deep.equal([['JPEGImages/bare.jpg', 0]]);
    expect(problems.map(({ kind }) => kind)).to.deep.equal(['box', 'empty']);
  });
});
