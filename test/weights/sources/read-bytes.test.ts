import { truncateSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { gzipSync } from 'fflate';
import { InvalidArgumentError } from '../../../packages/core/src/errors.ts';
import {
  type ByteSource,
  type ReadProgress,
  readBytes,
  sourceName,
} from '../../../packages/weights/src/sources/read-bytes.ts';
import { DownloadError, SourceError } from '../../../packages/weights/src/sources/source-error.ts';
import { rejection } from '../../support/errors.ts';

const content = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) & 255);
const slice = (start: number, end?: number) => [...content.subarray(start, end)];

/** How often a connection still breaks. */
let breaks = 1;

/** One way for a server to behave, per path. */
const behaviours: Record<string, (response: ServerResponse, range: string | undefined) => void> = {
  '/good': (response, range) => {
    const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    if (start === undefined)
      return response.writeHead(200, { 'content-length': content.length }).end(content);
    const last = end === '' ? content.length - 1 : Math.min(Number(end), content.length - 1);
    if (Number(start) >= content.length) return response.writeHead(416).end();
    const part = content.subarray(Number(start), last + 1);
    const headers = {
      'content-range': `bytes ${start}-${last}/${content.length}`,
      'content-length': part.length,
    };
    return response.writeHead(206, headers).end(part);
  },
  '/no-ranges': (response) => response.writeHead(200).end(content),
  '/missing': (response) => response.writeHead(404).end('<html>not here</html>'),
  '/broken': (response) => response.writeHead(503).end(),
  '/moved': (response) => response.writeHead(302, { location: '/good' }).end(),
  '/empty': (response) => response.writeHead(204).end(),
  '/other-range': (response) =>
    response.writeHead(206, { 'content-range': 'bytes 0-9/300000' }).end(content.subarray(0, 10)),
  '/short-range': (response) => response.writeHead(206).end(content.subarray(0, 5)),
  '/packed-range': (response) =>
    response.writeHead(206, { 'content-encoding': 'gzip' }).end(gzipSync(content.subarray(0, 10))),
  '/packed': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(content)),
  '/cut': (response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 1000), () => response.destroy());
  },
  '/breaking': (response) => behaviours[breaks-- > 0 ? '/cut' : '/good']!(response, undefined),
  '/slow': (response) => {
    response.writeHead(200, { 'content-length': content.length });
    response.write(content.subarray(0, 1000));
  },
};

describe('readBytes', () => {
  let server: Server;
  let base: string;
  let folder: string;
  let path: string;

  before(async () => {
    server = createServer((request, response) => behaviours[request.url!]!(response, request.headers.range));
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-'));
    path = join(folder, 'a file.bin');
    await writeFile(path, content);
  });

  after(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });

  const sources: [string, () => ByteSource][] = [
    ['a Uint8Array', () => content],
    ['an ArrayBuffer', () => content.buffer],
    [
      'memory shared between threads',
      () => {
        const shared = new Uint8Array(new SharedArrayBuffer(content.length));
        shared.set(content);
        return shared;
      },
    ],
    ['a Blob', () => new Blob([content])],
    ['a File', () => new File([content], 'a.bin')],
    ['a stream', () => new Blob([content]).stream()],
    ['a path', () => path],
    ['a file: URL', () => pathToFileURL(path)],
    ['a file: URL as text', () => pathToFileURL(path).href],
    ['a data: URL', () => `data:;base64,${Buffer.from(content).toString('base64')}`],
    ['an http: URL', () => new URL('/good', base)],
    ['an address', () => `${base}/good`],
    ['a redirection', () => `${base}/moved`],
    ['a server that knows no ranges', () => `${base}/no-ranges`],
    ['a compressed transfer', () => `${base}/packed`],
  ];
  for (const [what, make] of sources) {
    it(`reads ${what}: all of it, and parts`, async () => {
      const all = await readBytes(make());
      expect(all.buffer).to.be.instanceOf(ArrayBuffer);
      expect(Buffer.from(all).equals(Buffer.from(content))).to.equal(true);
      for (const [start, end] of [
        [0, 10],
        [184, 299_999],
        [299_990, undefined],
        [70_000, 70_001],
      ] as const) {
        const part = await readBytes(make(), { range: { start, end } });
        expect([...part], `${start}..${end}`).to.deep.equal(slice(start, end));
      }
    });

    it(`tells the progress of ${what}, ending with all of it`, async () => {
      const seen: ReadProgress[] = [];
      await readBytes(make(), { onProgress: (progress) => seen.push(progress) });
      expect(seen.at(-1)!.loaded).to.equal(content.length);
      for (const { loaded, total } of seen) if (total !== null) expect(loaded).to.be.at.most(total);
    });

    it(`stops ${what} when told before`, async () => {
      const reason = new Error('enough');
      const error = await rejection(readBytes(make(), { signal: AbortSignal.abort(reason) }));
      expect(error).to.equal(reason);
    });

    it(`refuses a part beyond the end of ${what}`, async () => {
      const range = { start: 299_999, end: 300_001 };
      const error = await rejection(readBytes(make(), { range }));
      expect(error).to.be.instanceOf(SourceError);
    });
  }

  it('hands memory on without a copy', async () => {
    expect((await readBytes(content)).buffer).to.equal(content.buffer);
    expect((await readBytes(content, { range: { start: 8, end: 16 } })).byteOffset).to.equal(8);
  });

  it('reads an empty answer and an empty part', async () => {
    expect(await readBytes(`${base}/empty`)).to.have.length(0);
    expect(await readBytes(path, { range: { start: 5, end: 5 } })).to.have.length(0);
  });

  it('refuses what is no range', async () => {
    for (const range of [
      { start: -1 },
      { start: 0.5 },
      { start: 5, end: 4 },
      { start: 0, end: Number.NaN },
    ]) {
      expect(await rejection(readBytes(content, { range }))).to.be.instanceOf(InvalidArgumentError);
    }
  });

  it('tells what is wrong with a path', async () => {
    const missing = await rejection(readBytes(join(folder, 'nothing.npz')));
    expect(missing).to.be.instanceOf(SourceError).with.property('got', 'no such file');
    expect((missing as SourceError).message).to.include('nothing.npz');
    expect(await rejection(readBytes(folder)))
      .to.be.instanceOf(SourceError)
      .with.property('expected', 'a file');
    expect(await rejection(readBytes('http://'))).to.be.instanceOf(SourceError);
  });

  it('notices a file that becomes shorter while it is read', async () => {
    const shrinking = join(folder, 'shrinking.bin');
    await writeFile(shrinking, new Uint8Array(9_000_000));
    const error = await rejection(
      readBytes(shrinking, { onProgress: () => truncateSync(shrinking, 4_194_304) }),
    );
    expect(error).to.be.instanceOf(SourceError).with.property('expected', '9000000 bytes');
  });

  const refusals: [string, { start: number; end?: number } | undefined, number | null, RegExp][] = [
    ['/missing', undefined, 404, /404 Not Found/],
    ['/broken', undefined, 503, /503/],
    ['/good', { start: 300_000 }, 416, /shorter/],
    ['/other-range', { start: 10, end: 20 }, 206, /bytes 0-9\/300000/],
    ['/short-range', { start: 0, end: 10 }, 206, /expected 10 bytes, got 5/],
    ['/packed-range', { start: 0, end: 10 }, 206, /compressed/],
    ['/cut', undefined, 200, /whole file/],
  ];
  for (const [address, range, status, message] of refusals) {
    it(`throws a DownloadError for ${address} ${range ? JSON.stringify(range) : ''}`, async () => {
      const url = base + address;
      const error = (await rejection(readBytes(url, { range, retries: 0 }))) as DownloadError;
      expect(error).to.be.instanceOf(DownloadError);
      expect(error).to.include({ url, status });
      expect(error.message).to.match(message);
    });
  }

  it('throws a DownloadError when nobody answers', async () => {
    const error = (await rejection(readBytes('http://127.0.0.1:1/x', { retries: 0 }))) as DownloadError;
    expect(error).to.be.instanceOf(DownloadError).with.property('status', null);
  });

  it('stops in the middle of a download, with the reason of the signal', async () => {
    const control = new AbortController();
    const reason = new Error('enough');
    const reading = readBytes(`${base}/slow`, {
      signal: control.signal,
      onProgress: () => control.abort(reason),
    });
    expect(await rejection(reading)).to.equal(reason);
  });

  it('reads no more of an address, a stream or a compressed body than it may', async () => {
    for (const address of ['/good', '/no-ranges', '/packed']) {
      const error = await rejection(readBytes(base + address, { maxBytes: 1000, retries: 0 }), DownloadError);
      expect(error.message, address).to.match(/at most 1000 bytes/);
      const part = { range: { start: 5 }, maxBytes: 1000 };
      expect((await rejection(readBytes(base + address, part), DownloadError)).message).to.match(
        /at most 1000/,
      );
    }
    const stream = new Blob([content]).stream();
    expect(await rejection(readBytes(stream, { maxBytes: 1000 }))).to.match(/at most 1000 bytes/);
  });

  it('goes on after a broken connection', async () => {
    const reading = readBytes(`${base}/breaking`, { retryDelay: 1 });
    expect(Buffer.from(await reading).equals(Buffer.from(content))).to.equal(true);
  });

  it('lets a stream go that it need not read to its end', async () => {
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1000).fill(3)),
      cancel: () => {
        cancelled = true;
      },
    });
    expect(await readBytes(endless, { range: { start: 10, end: 20 } })).to.deep.equal(
      new Uint8Array(10).fill(3),
    );
    expect(cancelled).to.equal(true);
  });
});

describe('sourceName', () => {
  it('names every kind of source', () => {
    expect(sourceName('a/b.npz')).to.equal('a/b.npz');
    expect(sourceName(new URL('https://x.org/b.npz'))).to.equal('https://x.org/b.npz');
    expect(sourceName('data:;base64,AAAA')).to.equal('data:');
    expect(sourceName(new URL('data:;base64,AAAA'))).to.equal('data:');
    expect(sourceName(new File([], 'c.npz'))).to.equal('c.npz');
    expect(sourceName(new Blob([]))).to.equal('Blob');
    expect(sourceName(new Uint8Array(1))).to.equal('bytes');
    expect(sourceName(new ReadableStream())).to.equal('stream');
  });
});
