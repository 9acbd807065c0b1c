import '@tensorflow/tfjs-backend-cpu';
import { Chain, FormatError, Linear, readArray } from '@chaingrad/core';
import { DownloadError, load, openHttpRanges, openWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { writeSafetensors } from '../../../packages/weights/src/formats/safetensors.ts';
import { rejection } from '../../support/errors.ts';
import { floats } from '../support.ts';
import { WeightsServer } from '../weights-server.ts';

/** The heads of a model whose body is a hundred times larger. */
class Head extends Chain {
  readonly fc = new Linear(50, 10);
}
const arrays = [
  ['body/W', floats([1000, 1000], (i) => i % 251)],
  ['fc/W', floats([10, 50])],
  ['fc/b', floats([10])],
  ['tail/W', floats([500, 500], (i) => i % 13)],
] as const;

describe('a file on a server by ranges', () => {
  let server: WeightsServer;
  before(async () => {
    await tf.setBackend('cpu');
    server = await WeightsServer.start();
  });
  after(() => server.stop());
  beforeEach(() => server.reset());

  const files = {
    'stored npz': () => writeNpz(arrays, { compression: false }),
    'deflated npz': () => writeNpz(arrays),
    safetensors: () => writeSafetensors(arrays),
  };
  for (const [name, make] of Object.entries(files)) {
    it(`${name}: loads what a model needs, and fetches little else`, async () => {
      const body = make();
      const url = server.serve('w', { body });
      const model = new Head();
      const report = await load(model, url, { fetch: 'ranges', match: 'common' });
      expect(report.copied).to.deep.equal(['/fc/W', '/fc/b']);
      expect(report.unusedInSrc).to.deep.equal(['/body/W', '/tail/W']);
      expect([...model.fc.W.tensor.dataSync()]).to.deep.equal(Array.from({ length: 500 }, (_, i) => i));
      const needed = 510 * 4;
      // The first look, and the end of a zip archive, are of one size for all files.
      expect(server.sent).to.be.lessThan(4096 + (name.endsWith('npz') ? 8192 : 0) + needed + 2000);
      expect(server.requests.every(({ range }) => range !== null)).to.equal(true);
      if (name === 'stored npz') expect(server.sent / body.length).to.be.lessThan(0.004);
    });
  }

  it('downloads the whole where the server has no ranges', async () => {
    const url = server.serve('w', { body: files.safetensors(), ranges: false });
    await using file = await openWeights(url, { fetch: 'ranges', cache: false });
    expect((await readArray(file, 'fc/b')).shape).to.deep.equal([10]);
  });

  it('goes on after broken connections, in the middle of a range', async () => {
    const url = server.serve('w', { body: files.safetensors(), dropAfter: 1_500_000 });
    await using file = await openWeights(url, { fetch: 'ranges', retryDelay: 1 });
    const W = (await readArray(file, 'body/W')).data as Float32Array;
    expect(W).to.have.length(1_000_000);
    expect(W.every((value, i) => value === i % 251)).to.equal(true);
  });

  it('notices that the file was replaced meanwhile', async () => {
    const url = server.serve('w', { body: files.safetensors(), etag: '"1"' });
    await using file = await openWeights(url, { fetch: 'ranges', retryDelay: 1 });
    server.serve('w', { body: files.safetensors(), etag: '"2"' });
    const error = await rejection(readArray(file, 'body/W'));
    expect(error)
      .to.be.instanceOf(DownloadError)
      .and.match(/same file as before.*replaced/);
  });

  it('refuses a server that sends another part than asked for', async () => {
    const body = files.safetensors();
    const url = server.serve('w', {
      handle(_, response) {
        response
          .writeHead(206, { 'content-range': `bytes 7-4102/${body.length}` })
          .end(body.subarray(7, 4103));
      },
    });
    expect(await rejection(openHttpRanges(url, { retryDelay: 1 })))
      .to.be.instanceOf(DownloadError)
      .and.match(/bytes 7-/);
  });

  it('says that a page is none', async () => {
    const url = server.serve('w', { body: new TextEncoder().encode('<!doctype html><title>Log in</title>') });
    const error = await rejection(openWeights(url, { fetch: 'ranges' }));
    expect(error).to.be.instanceOf(FormatError).with.property('file', url);
  });
});
