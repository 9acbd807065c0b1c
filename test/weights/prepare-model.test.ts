import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError } from '@chaingrad/core';
import {
  chainerCachePath,
  DownloadError,
  fetchModel,
  openCache,
  openNpz,
  PretrainedArgumentError,
  prepareModel,
  pretrainedModels,
  type ReadProgress,
  resolveModel,
  type SsdParam,
  UnknownPretrainedError,
  type Vgg16Param,
  writeNpz,
} from '@chaingrad/weights';
import { expect } from 'chai';
import { rejection } from '../support/errors.ts';

const { SSD300, SSD512, VGG16 } = pretrainedModels;
const ssd = (nFgClass: number | null = null): SsdParam => ({ nFgClass });
const vgg = (nClass: number | null = null, mean: Vgg16Param['mean'] = null): Vgg16Param => ({ nClass, mean });
const imagenetMean = [123.68, 116.779, 103.939];
const weights = writeNpz([['conv/W', { shape: [2], dtype: 'float32', data: new Float32Array([1, 2]) }]]);

describe('pretrainedModels', () => {
  it("is ChainerCV's table", () => {
    const files = Object.entries(pretrainedModels).flatMap(([model, table]) =>
      Object.entries(table).map(([name, { file, param }]) => [model, name, file, param]),
    );
    const imagenet = 'ssd_vgg16_imagenet_converted_2017_06_09.npz';
    expect(files).to.deep.equal([
      ['SSD300', 'voc0712', 'ssd300_voc0712_converted_2017_06_06.npz', { nFgClass: 20 }],
      ['SSD300', 'imagenet', imagenet, {}],
      ['SSD512', 'voc0712', 'ssd512_voc0712_converted_2017_06_06.npz', { nFgClass: 20 }],
      ['SSD512', 'imagenet', imagenet, {}],
      ['VGG16', 'imagenet', 'vgg16_imagenet_converted_2017_07_18.npz', { nClass: 1000, mean: imagenetMean }],
    ]);
  });
});

describe('resolveModel', () => {
  it('takes from the table what is missing, and lets the same be said', () => {
    expect(resolveModel(ssd(), 'voc0712', SSD300).param).to.deep.equal({ nFgClass: 20 });
    expect(resolveModel(ssd(20), 'voc0712', SSD512).param).to.deep.equal({ nFgClass: 20 });
    expect(resolveModel(ssd(3), 'imagenet', SSD300).param).to.deep.equal({ nFgClass: 3 });
    expect(resolveModel(vgg(), 'imagenet', VGG16).param).to.deep.equal({ nClass: 1000, mean: imagenetMean });
  });

  it('lets an overwritable argument differ', () => {
    expect(resolveModel(vgg(null, [1, 2, 3]), 'imagenet', VGG16).param).to.deep.equal({
      nClass: 1000,
      mean: [1, 2, 3],
    });
  });

  it('compares lists by their values', () => {
    const models = { a: { file: 'a.npz', param: { mean: [1, 2, 3] as const } } };
    expect(resolveModel({ mean: [1, 2, 3] as const }, 'a', models).param.mean).to.deep.equal([1, 2, 3]);
    expect(() => resolveModel<{ mean: readonly number[] }>({ mean: [1, 2, 4] }, 'a', models)).to.throw(
      PretrainedArgumentError,
      'mean must be (1, 2, 3), got (1, 2, 4)',
    );
  });

  it('refuses a contradiction', () => {
    const attempt = () => resolveModel(ssd(21), 'voc0712', SSD300);
    expect(attempt).to.throw(PretrainedArgumentError, 'nFgClass must be 20, got 21').that.includes({
      argument: 'nFgClass',
      expected: 20,
      got: 21,
    });
    expect(() => resolveModel(vgg(10), 'imagenet', VGG16)).to.throw(
      PretrainedArgumentError,
      'nClass must be 1000',
    );
  });

  it('takes defaults when no weights fix the argument, and else asks for it', () => {
    const defaults = { nClass: 1000, mean: [1, 2, 3] as const };
    expect(resolveModel(vgg(10), null, VGG16, defaults).param).to.deep.equal({ nClass: 10, mean: [1, 2, 3] });
    expect(() => resolveModel(vgg(), './x.npz', VGG16)).to.throw(
      PretrainedArgumentError,
      'nClass must be specified',
    );
    for (const pretrained of [null, undefined, '', 'imagenet', './file.npz']) {
      expect(() => resolveModel(ssd(), pretrained, SSD300)).to.throw(
        PretrainedArgumentError,
        'nFgClass must be specified. Give it, or choose pretrained weights that imply it: voc0712.',
      );
    }
  });
});

describe('prepareModel and the cache of Chainer', () => {
  const names = ['CHAINER_DATASET_ROOT', 'CHAINGRAD_CACHE'] as const;
  const saved = names.map((name) => process.env[name]);
  let root: string;
  let server: Server;
  let baseUrl: string;
  let requests: string[];
  const models = () => join(root, 'pfnet', 'chainercv', 'models');

  before(async () => {
    server = createServer((request, response) => {
      requests.push(request.url!);
      if (request.url!.includes('ssd512')) response.writeHead(404).end();
      else if (request.url!.includes('vgg16_imagenet'))
        response.writeHead(200).end('<html>please log in</html>');
      else response.writeHead(200, { 'content-length': weights.length }).end(weights);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/weights/`;
  });

  after(() => {
    server.closeAllConnections();
    server.close();
  });

  beforeEach(async () => {
    requests = [];
    root = await mkdtemp(join(tmpdir(), 'chaingrad-'));
    process.env['CHAINER_DATASET_ROOT'] = root;
    process.env['CHAINGRAD_CACHE'] = join(root, 'cache');
  });

  afterEach(async () => {
    for (const [i, name] of names.entries()) {
      if (saved[i] === undefined) delete process.env[name];
      else process.env[name] = saved[i];
    }
    await rm(root, { recursive: true });
  });

  it('looks where ChainerCV does', () => {
    expect(chainerCachePath('x.npz')).to.equal(join(models(), 'x.npz'));
    delete process.env['CHAINER_DATASET_ROOT'];
    expect(chainerCachePath('x.npz')).to.match(/\.chainer.dataset.pfnet.chainercv.models.x\.npz$/);
  });

  it('uses a file that is there, as it is, without any download', async () => {
    const file = join(models(), SSD300.voc0712.file);
    await mkdir(models(), { recursive: true });
    await writeFile(file, 'whatever');
    const { param, source } = await prepareModel(ssd(), 'voc0712', SSD300, {}, { baseUrl });
    expect(param).to.deep.equal({ nFgClass: 20 });
    expect(source).to.equal(file);
    expect(requests).to.deep.equal([]);
  });

  it('downloads once into the cache, tells the progress, and finds it there under any mirror', async () => {
    const seen: ReadProgress[] = [];
    const options = { baseUrl, onProgress: (progress: ReadProgress) => seen.push(progress) };
    const first = await prepareModel(ssd(), 'voc0712', SSD300, {}, options);
    expect(openNpz(new Uint8Array(await readFile(first.source as string))).keys()).to.deep.equal(['conv/W']);
    expect(seen.at(-1)).to.deep.equal({ loaded: weights.length, total: weights.length });
    const mirrored = { ...options, baseUrl: 'http://127.0.0.1:9/gone/' };
    const second = await prepareModel(ssd(), 'voc0712', SSD300, {}, mirrored);
    expect(second.source).to.equal(first.source);
    expect(requests).to.deep.equal([`/weights/${SSD300.voc0712.file}`]);
  });

  it('keeps nothing of a failed download, nor a page in place of a file', async () => {
    const missing = await rejection(prepareModel(ssd(), 'voc0712', SSD512, {}, { baseUrl }));
    expect(missing).to.be.instanceOf(DownloadError).with.property('status', 404);
    const page = await rejection(prepareModel(vgg(), 'imagenet', VGG16, {}, { baseUrl }));
    expect(page).to.be.instanceOf(FormatError);
    const aborted = rejection(
      fetchModel('x.npz', { baseUrl, signal: AbortSignal.abort(new Error('enough')) }),
    );
    expect(await aborted).to.have.property('message', 'enough');
    expect(
      (await openCache()!.list()).length + (await readdir(join(root, 'cache', 'partial'))).length,
    ).to.equal(0);
  });

  it('gives the weights, with a warning, where they cannot be kept', async () => {
    await writeFile(join(root, 'cache'), 'a file in the way of the folder');
    const warnings: string[] = [];
    const { warn } = console;
    console.warn = (text: string) => warnings.push(text);
    try {
      expect(await fetchModel('x.npz', { baseUrl })).to.deep.equal(weights);
    } finally {
      console.warn = warn;
    }
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include('CHAINGRAD_CACHE');
  });

  it('checks the arguments before it downloads', async () => {
    const error = await rejection(prepareModel(ssd(7), 'voc0712', SSD300, {}, { baseUrl }));
    expect(error).to.be.instanceOf(PretrainedArgumentError);
    expect(requests).to.deep.equal([]);
  });

  it('hands paths, addresses and bytes on, and null where no weights are asked for', async () => {
    for (const source of [
      './mine.npz',
      'mine.npz',
      'folder/mine',
      'https://x.org/a',
      new Blob([]),
      new Uint8Array(3),
    ]) {
      expect((await prepareModel(ssd(3), source, SSD300)).source).to.equal(source);
    }
    for (const none of [null, undefined, '']) {
      expect((await prepareModel(ssd(3), none, SSD300)).source).to.equal(null);
    }
    expect(requests).to.deep.equal([]);
  });

  it('tells the names that it knows when one is misspelt', async () => {
    for (const name of ['voc07', 'toString', 'VOC0712']) {
      const error = await rejection(prepareModel(ssd(3), name, SSD300));
      expect(error).to.be.instanceOf(UnknownPretrainedError).with.property('pretrained', name);
      expect((error as Error).message).to.include('voc0712, imagenet');
    }
  });
});
