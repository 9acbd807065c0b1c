import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError } from '@chaingrad/core';
import {
  chainerCachePath,
  DownloadError,
  openCache,
  openWeights,
  pretrained,
  type ReadProgress,
} from '@chaingrad/weights';
import { expect } from 'chai';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { chainercvFile } from '../../../packages/weights/src/sources/chainercv.ts';
import { rejection } from '../../support/errors.ts';
import { floats } from '../support.ts';
import { WeightsServer } from '../weights-server.ts';

const ssd300 = pretrained.SSD300.voc0712.source;
const ssd512 = pretrained.SSD512.voc0712.source;
const vgg16 = pretrained.VGG16.imagenet.source;
const weights = writeNpz([['conv/W', floats([2])]]);

describe("ChainerCV's files and the cache of Chainer", () => {
  const names = ['CHAINER_DATASET_ROOT', 'CHAINGRAD_CACHE'] as const;
  const saved = names.map((name) => process.env[name]);
  let root: string;
  let server: WeightsServer;
  let baseUrl: string;
  const models = () => join(root, 'pfnet', 'chainercv', 'models');

  before(async () => {
    server = await WeightsServer.start();
    baseUrl = `${server.url}weights/`;
  });
  after(() => server.stop());

  beforeEach(async () => {
    server.reset();
    for (const file of [ssd300.file, 'x.npz']) server.serve(`weights/${file}`, { body: weights });
    const page = new TextEncoder().encode('<html>please log in</html>');
    server.serve(`weights/${vgg16.file}`, { body: page });
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
    const file = join(models(), ssd300.file);
    await mkdir(models(), { recursive: true });
    await writeFile(file, 'whatever');
    expect(await chainercvFile(ssd300, { baseUrl })).to.equal(file);
    const error = await rejection(openWeights('SSD300/voc0712', { baseUrl }), FormatError);
    expect(error.file).to.include(ssd300.file);
    expect(server.requests).to.deep.equal([]);
  });

  it('downloads once into the cache, tells the progress, and finds it there under any mirror', async () => {
    const seen: ReadProgress[] = [];
    const options = { baseUrl, onProgress: (progress: ReadProgress) => seen.push(progress) };
    const first = await chainercvFile(ssd300, options);
    await using file = await openWeights(new Uint8Array(await readFile(first as string)));
    expect(file.keys()).to.deep.equal(['conv/W']);
    expect(seen.at(-1)).to.deep.equal({ loaded: weights.length, total: weights.length });
    const mirrored = { ...options, baseUrl: 'http://127.0.0.1:9/gone/' };
    expect(await chainercvFile(ssd300, mirrored)).to.equal(first);
    expect(server.requests.map(({ path }) => path)).to.deep.equal([`/weights/${ssd300.file}`]);
  });

  it('keeps nothing of a failed download, nor a page in place of a file', async () => {
    const missing = await rejection(chainercvFile(ssd512, { baseUrl }), DownloadError);
    expect(missing.status).to.equal(404);
    await rejection(chainercvFile(vgg16, { baseUrl }), FormatError);
    const signal = AbortSignal.abort(new Error('enough'));
    const aborted = rejection(chainercvFile({ file: 'x.npz' }, { baseUrl, signal }));
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
      expect(await chainercvFile({ file: 'x.npz' }, { baseUrl })).to.deep.equal(weights);
    } finally {
      console.warn = warn;
    }
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.include('CHAINGRAD_CACHE');
  });
});
