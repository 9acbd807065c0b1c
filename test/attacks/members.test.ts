/**
 * Files that broke a reader once, and others of their kinds: small ones that would cost any time, or memory out of proportion. A
 * reader that goes wrong here does not come to an end; nothing is timed.
 */
import '@tensorflow/tfjs-backend-cpu';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError, readArray } from '@chaingrad/core';
import { findLayout, memoryFiles, openLabelledFolder } from '@chaingrad/vision';
import { openWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpy } from '../../packages/weights/src/formats/npy.ts';
import { rejection } from '../support/errors.ts';
import { fixturePath } from '../support/goldens.ts';
import { decode, imageFile, vocXml } from '../vision/datasets/support.ts';
import { buildHdf5, contiguous, dataset, header, link, message } from '../weights/formats/hdf5-builder.ts';
import { pth } from '../weights/formats/pickle-builder.ts';
import { buildZip } from '../weights/formats/zip-builder.ts';
import { published } from './published.ts';
import { rowsIn, securityFile } from './security-table.ts';

type Bytes = Uint8Array<ArrayBuffer>;
const utf8 = (content: string): Bytes => new TextEncoder().encode(content);
const repeat = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

describe('attacks: files that were found', () => {
  before(() => tf.setBackend('cpu'));
  const openFiles = async () => (await readdir('/proc/self/fd').catch(() => [])).length;

  for (const [name, outcome] of Object.entries({
    'contig-beyond.h5': /8 bytes at 1000000, got a file of 159/,
    'filters-shuffle-250.h5': /every HDF5 filter once/,
    'laughs-persid.pth': /a storage with type, key and length/,
    'overlap-extra-5.npz': /bytes of content, got room for 0/,
    'q-nan.tflite': /finite scales, got NaN/,
    'self.index.json': /its own name/,
    't-pct.model.json': /shards beside the manifest, got "%2e%2e/,
    't-space-file.model.json': /shards beside the manifest, got " file:/,
    'toctou-shape-append.pth': null,
    'toctou-shape-zero-stride-3e8.pth': null,
  })) {
    it(`${name}, as a file and as bytes`, async () => {
      const path = fixturePath(`hostile/${name}`);
      const before = await openFiles();
      const bytes = new Uint8Array(await readFile(path));
      const { length } = bytes;
      for (const source of [path, new File([bytes], name)]) {
        const { arrayBuffers } = process.memoryUsage();
        const read = async () => {
          await using file = await openWeights(source);
          return await Promise.all(file.keys().map((key) => readArray(file, key)));
        };
        const isBounded = () =>
          expect(process.memoryUsage().arrayBuffers - arrayBuffers).to.be.lessThan(16 * length + (1 << 20));
        if (outcome === null) {
          const arrays = await read();
          isBounded();
          expect(arrays.map(({ shape, data }) => [...shape, ...(data as Float32Array)])).to.deep.equal([
            [2, 1, 2],
          ]);
          continue;
        }
        const error = await rejection(read(), FormatError);
        isBounded();
        expect(error.message).to.match(outcome);
        expect(error.message.length).to.be.lessThan(2000);
      }
      expect(await openFiles()).to.equal(before);
    });
  }

  it('indexes that name each other', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-members-'));
    try {
      const names = ['a.index.json', 'b.index.json'];
      for (const [i, name] of names.entries())
        await writeFile(join(folder, name), JSON.stringify({ weight_map: { w: names[1 - i] } }));
      const before = await openFiles();
      await rejection(openWeights(join(folder, names[0]!)), FormatError);
      expect(await openFiles()).to.equal(before);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

/** An npy file of one text. */
function npyText(codes: readonly number[]): Bytes {
  const shown = writeNpy({ shape: [], dtype: 'str', data: ['x'.repeat(codes.length)] }) as Bytes;
  new Uint32Array(shown.buffer, shown.length - 4 * codes.length).set(codes);
  return shown;
}

function safetensors(json: string): Bytes {
  const head = utf8(json);
  const out = new Uint8Array(8 + head.length);
  new DataView(out.buffer).setBigUint64(0, BigInt(head.length), true);
  out.set(head, 8);
  return out;
}

describe('attacks: the table in SECURITY.md', () => {
  it('has every kind, with as many files as there are', async () => {
    const counts = rowsIn(await readFile(securityFile, 'utf8')).map((row) =>
      row.split('|').map((cell) => cell.trim()),
    );
    const expected = Object.entries(published).map(([kind, attacks]) => [kind, `${attacks.length}`]);
    const found = (await readdir(fixturePath('hostile'))).length;
    expect(counts.map(([, kind, count]) => [kind, count])).to.deep.equal([
      ...expected,
      ['files that were found here', `${found}`],
    ]);
  });
});

describe('attacks: others of their kinds', () => {
  const read = async (bytes: Bytes) => {
    await using file = await openWeights(new File([bytes], 'evil.bin'));
    for (const key of file.keys()) await file.info(key);
    return file;
  };

  it('npz: a text of zeros that one letter ends, as a text and as metadata', async () => {
    const codes = repeat(200_000, (i) => (i === 0 || i === 199_999 ? 65 : 0));
    for (const name of ['a.npy', 'chaingrad.a.npy']) {
      const bytes = buildZip([{ name, content: npyText(codes), deflate: true }]);
      expect(bytes.length).to.be.lessThan(2000);
      await using file = await openWeights(bytes);
      const text =
        name === 'a.npy'
          ? ((await readArray(file, 'a')).data as string[])[0]!
          : file.metadata.get('chaingrad.a')!;
      expect(text.length).to.equal(codes.length);
      expect(text.endsWith('\0A')).to.equal(true);
    }
    await using padded = await openWeights(
      buildZip([{ name: 'a.npy', content: npyText([65, 0x1f600, 0, 66, 0, 0]) }]),
    );
    expect((await readArray(padded, 'a')).data).to.deep.equal(['A\u{1f600}\0B']);
  });

  it('HDF5: thousands of links to a header of thousands of messages', async () => {
    const bytes = buildHdf5(([, at = 0]) => [
      header(...repeat(4000, (i) => link(`k${i}`, at))),
      dataset(1, contiguous(0, 4), ...repeat(6000, () => message(5, [3, 0]))),
    ]);
    expect((await rejection(read(bytes), FormatError)).message).to.match(/lie apart/);
  });

  it('PyTorch: a pickle that is deflated, or makes more than a value for each byte', async () => {
    const dicts = pth([0x80, 2], '(', '}'.repeat(50_000), 'l.');
    expect((await rejection(read(dicts), FormatError)).message).to.match(/at most \d+ steps/);
    const pickle = new Uint8Array(Buffer.from(`\x80\x02(${']'.repeat(2_000_000)}l.`, 'latin1'));
    const deflated = buildZip([{ name: 'x/data.pkl', content: pickle, deflate: true }]);
    expect((await rejection(read(deflated), FormatError)).message).to.match(/at most \d+ bytes/);
  });

  it('a shape of ten thousand axes in safetensors and tfjs', async () => {
    const shape = new Array<number>(10_000).fill(0);
    const sources = [
      safetensors(JSON.stringify({ a: { dtype: 'F32', shape, data_offsets: [0, 0] } })),
      utf8(
        JSON.stringify({
          weightsManifest: [{ paths: [], weights: [{ name: 'a', shape, dtype: 'float32' }] }],
        }),
      ),
    ];
    for (const bytes of sources)
      expect((await rejection(read(bytes), FormatError)).message).to.match(/at most 64 axes, got 10000/);
  });

  /** What is read of a folder of one picture, of 8 x 8 pixels. */
  const labelled = async (...files: [string, string][]) => {
    const folder = memoryFiles([
      ['images/a.png', imageFile(8, 8)],
      ...files.map(([path, content]): [string, Bytes] => [path, utf8(content)]),
    ]);
    const { parts } = await findLayout(folder);
    return openLabelledFolder(folder, parts, { decode, onProblem: 'skip', keepEmpty: true });
  };
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

  it('VOC: a line of blanks in a list, elements nested without end', async () => {
    const list = await labelled(
      ['Annotations/a.xml', vocXml(8, 8, [['cat', 1, 1, 4, 4]])],
      ['ImageSets/Main/train.txt', `a${' '.repeat(200_000)}b`],
    );
    expect(list.problems.map(({ message }) => message)).to.deep.equal(['there is no such file']);
    const deep = await labelled([
      'Annotations/a.xml',
      `<annotation>${'<a>'.repeat(100_000)}${'</a>'.repeat(100_000)}</annotation>`,
    ]);
    expect(deep.problems[0]!.message).to.match(/nested deeper than 64/);
  });

  it('COCO and LabelMe: ids and kinds that are lists in lists', async () => {
    const deep = nested(50_000);
    const image = '{"id":1,"file_name":"a.png","width":8,"height":8}';
    const boxes = [`"image_id":${deep},"category_id":1`, `"image_id":1,"category_id":${deep}`];
    const coco = await labelled([
      'instances.json',
      `{"images":[${image}],"categories":[{"id":1,"name":"cat"}],"annotations":[${boxes.map((box) => `{${box},"bbox":[1,1,2,2]}`).join(',')}]}`,
    ]);
    expect(coco.problems[0]!.message).to.match(/no image with the id \[\[\[.*\.\.\./);
    const shape = `{"label":"cat","shape_type":${deep},"points":[[1,1],[3,3]]}`;
    const labelMe = await labelled([
      'images/a.json',
      `{"imagePath":"a.png","imageWidth":8,"imageHeight":8,"shapes":[${shape}]}`,
    ]);
    expect(labelMe.records).to.have.length(1);
  });

  it('LabelMe and YOLO: outlines of more points than a function takes arguments', async () => {
    const points = repeat(150_000, (i) => [1 + (i % 5), 2 + (i % 3)]);
    const shapes = [{ label: 'cat', points }];
    const labelMe = await labelled([
      'images/a.json',
      JSON.stringify({ imagePath: 'a.png', imageWidth: 8, imageHeight: 8, shapes }),
    ]);
    expect([...labelMe.records[0]!.bbox]).to.deep.equal([2, 1, 4, 5]);
    const yolo = await labelled(
      ['images/a.txt', `0 ${points.map(([x, y]) => `${x! / 8} ${y! / 8}`).join(' ')}`],
      ['data.yaml', 'names: [cat]\n'],
    );
    expect([...yolo.records[0]!.bbox]).to.deep.equal([2, 1, 4, 5]);
  });

  it('YOLO: a data.yaml of one long line', async () => {
    const names = repeat(200_000, (i) => `c${i}`).join(',');
    const { labelNames } = await labelled(
      ['images/a.txt', '199999 0.5 0.5 0.5 0.5'],
      ['data.yaml', `names: [${names}]\nnote: "${'# '.repeat(100_000)}" # it's ${'x'.repeat(100_000)}\n`],
    );
    expect(labelNames).to.deep.equal(['c199999']);
  });
});
