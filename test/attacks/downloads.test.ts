/** What a server, a cache or a folder of somebody else may put in the place of weights. */
import '@tensorflow/tfjs-backend-cpu';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FormatError } from '@chaingrad/core';
import { importOnnx } from '@chaingrad/onnx';
import { cachedFile, DownloadError, openCache, openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import { main } from '../../packages/cli/src/program.ts';
import { packagedFile } from '../../packages/weights/src/sources/npm.ts';
import { smallNetwork } from '../onnx/import/model-builder.ts';
import { rejection } from '../support/errors.ts';
import { fixturePath } from '../support/goldens.ts';
import { WeightsServer } from '../weights/weights-server.ts';

const page = new TextEncoder().encode('\n<!DOCTYPE html><html><form>password?</form></html>');
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('attacks: downloads', () => {
  let server: WeightsServer;
  let folder: string;
  const cached = async () => {
    const names = await readdir(join(folder, 'cache')).catch(() => []);
    const parts = await readdir(join(folder, 'cache', 'partial')).catch(() => []);
    return [...names.filter((name) => name !== 'partial'), ...parts];
  };
  const options = () => ({ cacheDir: join(folder, 'cache'), retries: 0, onNotice: () => {} });
  before(async () => {
    server = await WeightsServer.start();
  });
  after(() => server.stop());
  beforeEach(async () => {
    server.reset();
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-attacks-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('a login page in place of weights, or of a shard, is told and not kept', async () => {
    for (const name of ['w.npz', 'w.h5', 'w']) {
      const url = server.serve(name, { body: page });
      const error = await rejection(openWeights(url, options()), FormatError);
      expect(error.message).to.include('page of a website');
      await rejection(openWeights(url, { ...options(), format: 'tflite' }), FormatError);
    }
    const weights = [{ name: 'a', shape: [Math.floor(page.length / 4)], dtype: 'float32' }];
    const manifest = JSON.stringify([{ paths: ['a.bin'], weights }]);
    const url = server.serve('model.json', { body: new TextEncoder().encode(manifest) });
    server.serve('a.bin', { body: page });
    const error = await rejection(openWeights(url, options()), FormatError);
    expect(error.file).to.include('a.bin');
    expect(await cached()).to.have.length(1);
    // The password given, it goes on.
    server.serve('a.bin', { body: new Uint8Array(4 * weights[0]!.shape[0]!) });
    await using file = await openWeights(url, options());
    expect(file.keys()).to.deep.equal(['a']);
  });

  it('every command that takes weights by address has them from the downloader', async () => {
    const url = server.serve('w.npz', { body: page });
    const image = fixturePath('images/chelsea.png');
    const out = join(folder, 'out');
    const commands = [
      ['detect', image, '--weights', url, '--out', out, '--backend', 'cpu'],
      ['transfer', '--from', url, '--to', 'ssd300', '--out', join(out, 'x.npz')],
      ['convert', url, join(out, 'x.safetensors')],
      ['export', url, join(out, 'x.onnx')],
      ['export', url, join(out, 'x.onnx'), '--model', 'ssd300'],
      ['evaluate', '--data', folder, '--weights', url, '--backend', 'cpu'],
    ];
    const { write } = process.stderr;
    const cacheBefore = process.env['CHAINGRAD_CACHE'];
    process.env['CHAINGRAD_CACHE'] = join(folder, 'cache');
    try {
      for (const command of commands) {
        let told = '';
        process.stderr.write = ((text: string) => {
          told += text;
          return true;
        }) as typeof write;
        const code = await main(command).finally(() => {
          process.stderr.write = write;
        });
        expect(code, command.join(' ')).to.equal(1);
        expect(told).to.match(/page of a website/);
        expect(await cached()).to.deep.equal([]);
      }
    } finally {
      if (cacheBefore === undefined) delete process.env['CHAINGRAD_CACHE'];
      else process.env['CHAINGRAD_CACHE'] = cacheBefore;
    }
  });

  it('a body that unpacks on the way to many times its length ends early', async () => {
    const zeros = gzipSync(new Uint8Array(1 << 24));
    const url = server.serve('w.npz', {
      handle: (_, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': zeros.length }).end(zeros),
    });
    const error = await rejection(openWeights(url, options()), DownloadError);
    expect(error.message).to.match(/at most \d+ bytes.*unpacks to much/);
    expect(await cached()).to.deep.equal([]);
  });

  it('a network by its address has the same limits', async () => {
    const zeros = gzipSync(new Uint8Array(1 << 24));
    const packed = server.serve('packed.onnx', {
      handle: (_, response) =>
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': zeros.length }).end(zeros),
    });
    const retries = { retries: 0 };
    expect((await rejection(importOnnx(packed, retries), DownloadError)).message).to.match(/unpacks to much/);
    const url = server.serve('w.onnx', { body: smallNetwork() });
    const long = await rejection(importOnnx(url, { ...retries, maxBytes: 1000 }), DownloadError);
    expect(long.message).to.match(/at most 1000 bytes.*Raise maxBytes/);
    const silent = server.serve('silent.onnx', {
      handle: (_, response) => void response.writeHead(200, { 'content-length': 5000 }).write('x'),
    });
    const stalled = importOnnx(silent, { ...retries, stallTimeout: 50 });
    expect((await rejection(stalled, DownloadError)).message).to.match(/bytes a second/);
    expect(
      (await rejection(importOnnx(server.serve('page.onnx', { body: page })), FormatError)).file,
    ).to.include('page.onnx');
    using network = await importOnnx(url, retries);
    expect([...network.params()].length).to.be.greaterThan(5);
  });

  it('a cached file and its record changed together do not pass for the file of a known digest', async () => {
    const body = new TextEncoder().encode('the weights');
    const url = server.serve('w', { body });
    const file = await cachedFile(url, { ...options(), sha256: sha(body) });
    const forged = new TextEncoder().encode('the wrong 1');
    await writeFile(file as string, forged);
    const record = join(file as string, '..', 'entry.json');
    await writeFile(
      record,
      (await readFile(record, 'utf8')).replaceAll(`"sha256": "${sha(body)}"`, `"sha256": "${sha(forged)}"`),
    );
    expect((await openCache(join(folder, 'cache'))!.list())[0]!.sha256).to.equal(sha(forged));
    const again = await cachedFile(url, { ...options(), sha256: sha(body) });
    expect(await readFile(again as string, 'utf8')).to.equal('the weights');
    expect(server.requests).to.have.length(2);
  });

  it('a package in the current folder with other bytes of the same length is passed over', async () => {
    const body = new TextEncoder().encode('good');
    const root = join(folder, 'node_modules', 'weights-of-mine');
    await mkdir(root, { recursive: true });
    await writeFile(join(root, 'package.json'), '{"version":"1.0.0"}');
    await writeFile(join(root, 'w.bin'), 'evil');
    server.serve('weights-of-mine@1.0.0/w.bin', { body });
    const wanted = {
      package: 'weights-of-mine',
      version: '1.0.0',
      file: 'w.bin',
      bytes: 4,
      sha256: sha(body),
    };
    const notices: string[] = [];
    const cwd = process.cwd();
    process.chdir(folder);
    try {
      const more = { ...options(), npmUrl: server.url, onNotice: (text: string) => notices.push(text) };
      const file = await packagedFile(wanted, more);
      expect(await readFile(file as string, 'utf8')).to.equal('good');
      expect(notices.join()).to.include('is not the file of weights-of-mine@1.0.0');
      await writeFile(join(root, 'w.bin'), 'good');
      expect(await packagedFile(wanted, more)).to.include('weights-of-mine');
      expect(server.requests).to.have.length(1);
    } finally {
      process.chdir(cwd);
    }
  });
});
