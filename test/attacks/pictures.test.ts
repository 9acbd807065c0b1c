/** Pictures and annotations that are small as files and large as what they stand for. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import {
  DatasetError,
  diskFiles,
  findCocoPart,
  findLayout,
  memoryFiles,
  openFolderDataset,
  openLabelledFolder,
} from '@chaingrad/vision';
import { expect } from 'chai';
import sharp from 'sharp';
import { CliError, ImageError } from '../../packages/cli/src/errors.ts';
import { readImage } from '../../packages/cli/src/images.ts';
import { readLabels } from '../../packages/cli/src/labels.ts';
import { imageHeader } from '../../packages/vision/src/image/image-header.ts';
import { crc32 } from '../../packages/weights/src/formats/crc32.ts';
import { rejection } from '../support/errors.ts';

/** A PNG of one bit a pixel, all of them black. */
function blackPng(width: number, height: number): Uint8Array<ArrayBuffer> {
  const chunk = (type: string, data: Uint8Array) => {
    const out = Buffer.alloc(12 + data.length);
    out.writeUInt32BE(data.length, 0);
    out.write(type, 4, 'latin1');
    out.set(data, 8);
    out.writeUInt32BE(crc32(new Uint8Array(out.subarray(4, 8 + data.length))), 8 + data.length);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([1, 0, 0, 0, 0], 8);
  const rows = deflateSync(Buffer.alloc((Math.ceil(width / 8) + 1) * height), { level: 9 });
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return new Uint8Array(
    Buffer.concat([signature, chunk('IHDR', head), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))]),
  );
}

describe('attacks: pictures', () => {
  let folder: string;
  const huge = blackPng(16383, 16383);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-pictures-'));
  });
  after(() => rm(folder, { recursive: true }));

  it('a PNG of 33 kB that stands for 268 million pixels is told to be too large before it is decoded', async () => {
    expect(huge.length).to.be.lessThan(40_000);
    const file = join(folder, 'huge.png');
    await writeFile(file, huge);
    const before = process.memoryUsage.rss();
    const error = await rejection(readImage(file), ImageError);
    expect(error.reason).to.match(/^too large: 16383 x 16383 pixels, at most 134217728/);
    const pictures = memoryFiles([['a/huge.png', huge]]);
    const decode = () => expect.fail('was decoded');
    const dataset = await openFolderDataset(pictures, { decode });
    const problem = await rejection(dataset.get(0), DatasetError);
    expect(problem.message).to.match(/at most 134217728 pixels, got 16383 x 16383.*too large/);
    expect(process.memoryUsage.rss() - before).to.be.lessThan(1 << 27);
  });

  it('devices and pipes in place of pictures, annotations and labels', async function () {
    if (process.platform === 'win32') this.skip();
    const data = join(folder, 'devices');
    for (const name of ['Annotations', 'JPEGImages']) await mkdir(join(data, name), { recursive: true });
    await symlink('/dev/zero', join(data, 'Annotations', 'a.xml'));
    await symlink('/dev/zero', join(data, 'JPEGImages', 'a.png'));
    execFileSync('mkfifo', [join(data, 'pipe')]);
    for (const path of ['/dev/zero', join(data, 'pipe'), join(data, 'JPEGImages', 'a.png')]) {
      expect((await rejection(readImage(path), ImageError)).reason).to.match(/a device or a pipe/);
      expect((await rejection(readLabels(path), CliError)).message).to.match(/a device or a pipe/);
    }
    const files = diskFiles(data);
    const { parts } = await findLayout(files);
    const decode = () => expect.fail('was decoded');
    const { problems } = await openLabelledFolder(files, parts, { decode, onProblem: 'skip' });
    expect(problems.map(({ message }) => message).join()).to.match(/a.xml: expected a file, got a device/);
  });

  it('the limit can be set', async () => {
    const file = join(folder, 'small.png');
    const small = blackPng(40, 30);
    await writeFile(file, small);
    expect((await readImage(file)).img.shape).to.deep.equal([30, 40, 3]);
    process.env['CHAINGRAD_MAX_PIXELS'] = '1000';
    try {
      expect((await rejection(readImage(file), ImageError)).reason).to.match(/^too large/);
    } finally {
      delete process.env['CHAINGRAD_MAX_PIXELS'];
    }
    const decode = async () => ({ data: new Uint8Array(3600), shape: [30, 40, 3] as const });
    const files = memoryFiles([['a/small.png', small]]);
    const dataset = await openFolderDataset(files, { decode, maxPixels: 1000, onProblem: 'skip' });
    expect((await dataset.preload()).problems.map(({ kind }) => kind)).to.deep.equal(['image']);
    expect((await openFolderDataset(files, { decode, maxPixels: 1200 })).length).to.equal(1);
  });

  it('headers of every format tell their size', async () => {
    const image = sharp({ create: { width: 300, height: 20, channels: 4, background: '#ff000080' } });
    for (const [name, picture] of Object.entries({
      png: image.clone().png(),
      jpeg: image.clone().jpeg(),
      gif: image.clone().gif(),
      'webp, lossy': image.clone().removeAlpha().webp(),
      'webp without loss': image.clone().webp({ lossless: true }),
      'webp with alpha': image.clone().webp(),
      'webp turned': image.clone().webp().withMetadata({ orientation: 6 }),
    })) {
      const header = imageHeader(new Uint8Array(await picture.toBuffer()));
      expect(header, name).to.deep.equal({ size: [20, 300], orientation: name === 'webp turned' ? 6 : 1 });
    }
  });

  it('three hundred thousand boxes of unknown labels, and as many labels', async () => {
    const count = 300_000;
    const image = blackPng(8, 8);
    const coco = (names: (i: number) => number) =>
      memoryFiles([
        ['a.png', image],
        [
          'a.json',
          new TextEncoder().encode(
            JSON.stringify({
              images: [{ id: 1, file_name: 'a.png', width: 8, height: 8 }],
              categories: Array.from({ length: 3000 }, (_, i) => ({ id: i, name: `class ${i}` })),
              annotations: Array.from({ length: count }, (_, i) => ({
                id: i,
                image_id: 1,
                category_id: names(i),
                bbox: [0, 0, 1 + i / count, 1],
              })),
            }),
          ),
        ],
      ]);
    const open = async (files: ReturnType<typeof coco>) =>
      openLabelledFolder(files, [await findCocoPart(files, 'a.json', { images: '' })], {
        labelNames: Array.from({ length: 1000 }, (_, i) => `class ${i}`),
        onProblem: 'skip',
        decode: async () => ({ data: new Uint8Array(192), shape: [8, 8, 3] as const }),
      });
    const unknown = await open(coco((i) => 1000 + (i % 2000)));
    expect(unknown.problems).to.have.length(count + 1);
    expect(unknown.problems[0]!.message).to.match(/not one of class 0, .*class 19 and 980 more$/);
    expect((await unknown.preload()).problems).to.have.length(count + 1);
    expect((await open(coco((i) => i % 1000))).records[0]!.label).to.have.length(count);
  });

  it('a picture that is listed again and again', async () => {
    const count = 20_000;
    const json = {
      images: Array.from({ length: count }, (_, id) => ({ id, file_name: 'a.png', width: 8, height: 8 })),
      categories: [{ id: 0, name: 'a' }],
      annotations: Array.from({ length: count }, (_, i) => ({
        image_id: i,
        category_id: 0,
        bbox: [0, 0, 1 + i / count, 1],
      })),
    };
    const files = memoryFiles([
      ['a.png', blackPng(8, 8)],
      ['a.json', new TextEncoder().encode(JSON.stringify(json))],
    ]);
    const part = await findCocoPart(files, 'a.json', { images: '' });
    const { records, problems } = await openLabelledFolder(files, [part], { onProblem: 'skip' });
    expect(records.map(({ label }) => label.length)).to.deep.equal([count]);
    expect(problems).to.have.length(count - 1);
  });
});
