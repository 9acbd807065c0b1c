import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError } from '@chaingrad/core';
import { type CacheOptions, cachedFile, DownloadError, openCache, SourceError } from '@chaingrad/weights';
import { expect } from 'chai';
import { rejection } from '../../../support/errors.ts';
import { type Behaviour, WeightsServer } from '../../weights-server.ts';

const body = Uint8Array.from({ length: 3_000_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const sha = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const sha256 = sha(body);

/** Where a request for the rest of a file begins: what had come before the connection broke, about 2 MB. */
const startOf = ({ range }: { range: string | null }) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]);

describe('cachedFile', () => {
  let server: WeightsServer;
  let cacheDir: string;
  let notices: string[];
  const options = (more: CacheOptions = {}): CacheOptions => ({
    cacheDir,
    retryDelay: 1,
    onNotice: (text) => notices.push(text),
    ...more,
  });
  /** What lies in the cache: whole files, and what is left of half ones. */
  const left = async () => {
    const names = await readdir(cacheDir);
    const partial = names.includes('partial') ? await readdir(join(cacheDir, 'partial')) : [];
    return {
      files: names.filter((name) => name !== 'partial').length,
      parts: partial.filter((name) => name.endsWith('.part')).length,
      other: partial.filter((name) => !/\.part(\.state)?$/.test(name)),
    };
  };
  const nothing = { files: 0, parts: 0, other: [] };
  const get = async (url: string, more: CacheOptions = {}) => {
    const file = await cachedFile(url, options(more));
    return typeof file === 'string' ? new Uint8Array(await readFile(file)) : file;
  };
  const same = (bytes: unknown) =>
    expect(Buffer.from(bytes as Uint8Array).equals(Buffer.from(body))).to.equal(true);

  before(async () => {
    server = await WeightsServer.start();
  });
  after(() => server.stop());
  beforeEach(async () => {
    server.reset();
    notices = [];
    cacheDir = await mkdtemp(join(tmpdir(), 'chaingrad-cache-'));
  });
  afterEach(() => rm(cacheDir, { recursive: true, force: true }));

  it('downloads once, tells the progress, records length and digest, and needs no server after that', async () => {
    const url = server.serve('w.npz', { body });
    const seen: { loaded: number; total: number | null }[] = [];
    same(await get(url, { onProgress: (progress) => seen.push(progress) }));
    expect(seen.at(-1)).to.deep.equal({ loaded: body.length, total: body.length });
    expect(seen.every(({ loaded }, i) => i === 0 || loaded >= seen[i - 1]!.loaded)).to.equal(true);
    const [entry] = await openCache(cacheDir)!.list();
    expect(entry).to.include({ url, bytes: body.length, sha256, known: false });
    server.serve('w.npz', { statuses: [500, 500, 500, 500, 500, 500] });
    same(await get(url));
    expect(server.requests).to.have.length(1);
    expect(await left()).to.deep.equal({ files: 1, parts: 0, other: [] });
  });

  it('finds a file of known digest, wherever it came from', async () => {
    same(await get(server.serve('a', { body }), { sha256, bytes: body.length }));
    same(await get(`${server.url}other`, { sha256 }));
    expect(server.requests).to.have.length(1);
    expect((await openCache(cacheDir)!.list())[0]).to.include({ known: true, key: `sha256-${sha256}` });
  });

  it('follows redirects', async () => {
    server.serve('b', { body });
    same(await get(server.serve('a', { redirect: '/b' })));
  });

  describe('goes on after', () => {
    const cases: [string, Behaviour, number][] = [
      ['a connection that breaks three times', { body, dropAfter: 700_000, drops: 3 }, 4],
      ['errors that pass', { body, statuses: [500, 503, 429] }, 4],
      [
        'a server that is busy, and says for how long',
        { body, statuses: [503], headers: { 'retry-after': '0' } },
        2,
      ],
      ['a break at a server without ranges', { body, dropAfter: 700_000, drops: 1, ranges: false }, 2],
      ['a break of a file without ETag', { body, dropAfter: 700_000, drops: 1, etag: null }, 2],
      ['a weak ETag', { body, dropAfter: 700_000, drops: 1, etag: 'W/"1"' }, 2],
    ];
    for (const [what, behaviour, requests] of cases) {
      it(what, async () => {
        same(await get(server.serve('w', behaviour)));
        expect(server.requests).to.have.length(requests);
      });
    }

    it('the death of the whole process: where it stopped, not from the beginning', async () => {
      const url = server.serve('w', { body, dropAfter: 2_000_000 });
      const error = await rejection(get(url, { retries: 0 }));
      expect(error).to.be.instanceOf(DownloadError);
      expect(await left()).to.deep.equal({ files: 0, parts: 1, other: [] });
      server.serve('w', { body });
      server.reset();
      server.serve('w', { body });
      same(await get(url));
      const start = startOf(server.requests[0]!);
      expect(start).to.be.within(1, 2_000_000);
      expect(server.sent).to.equal(body.length - start);
      expect(await left()).to.deep.equal({ files: 1, parts: 0, other: [] });
    });

    it('a change of the file in between: from the beginning', async () => {
      const url = server.serve('w', { body, dropAfter: 2_000_000, etag: '"old"' });
      await rejection(get(url, { retries: 0 }));
      const other = body.map((byte) => byte ^ 1);
      server.serve('w', { body: other, etag: '"new"' });
      const got = await get(url);
      expect(Buffer.from(got as Uint8Array).equals(Buffer.from(other))).to.equal(true);
      expect(startOf(server.requests[1]!)).to.be.within(1, 2_000_000);
      expect(server.requests[1]!.ifRange).to.equal('"old"');
    });

    it('a half download that was damaged, when the digest is known', async () => {
      const url = server.serve('w', { body, dropAfter: 2_000_000 });
      await rejection(get(url, { retries: 0, sha256 }));
      const [part] = (await readdir(join(cacheDir, 'partial'))).filter((name) => name.endsWith('.part'));
      const file = join(cacheDir, 'partial', part!);
      const bytes = await readFile(file);
      bytes[1000]! ^= 1;
      await writeFile(file, bytes);
      server.serve('w', { body });
      same(await get(url, { sha256 }));
    });

    it('a lock and a half download that a dead process left', async () => {
      const url = server.serve('w', { body, dropAfter: 2_000_000 });
      await rejection(get(url, { retries: 0 }));
      const partial = join(cacheDir, 'partial');
      const [name] = (await readdir(partial)).filter((each) => each.endsWith('.part'));
      const key = name!.split('.')[0]!;
      await writeFile(join(partial, `${key}.lock`), '');
      const old = new Date(Date.now() - 3_600_000);
      await utimes(join(partial, `${key}.lock`), old, old);
      server.serve('w', { body });
      same(await get(url));
      expect(startOf(server.requests.at(-1)!)).to.be.within(1, 2_000_000);
      // The clock may have been wrong when the process died.
      const ahead = new Date(Date.now() + 3_600_000);
      const again = server.serve('v', { body, dropAfter: 2_000_000 });
      await rejection(get(again, { retries: 0 }));
      const other = (await readdir(partial)).find((each) => each.endsWith('.part'))!.split('.')[0]!;
      await writeFile(join(partial, `${other}.lock`), '{"pid":1,"host":"another"}');
      await utimes(join(partial, `${other}.lock`), ahead, ahead);
      server.serve('v', { body });
      same(await get(again));
      expect(await readdir(partial)).to.deep.equal([]);
    });

    it('not where its lock is a folder: that is told', async () => {
      const url = server.serve('w', { body, dropAfter: 2_000_000 });
      await rejection(get(url, { retries: 0 }));
      const partial = join(cacheDir, 'partial');
      const key = (await readdir(partial)).find((each) => each.endsWith('.part'))!.split('.')[0]!;
      await mkdir(join(partial, `${key}.lock`));
      const error = await rejection(get(url), SourceError);
      expect(error.message).to.include(
        `${key}.lock: expected a file that locks its folder, got a folder. Remove it`,
      );
    });
  });

  describe('gives up with a DownloadError that names the file, and leaves', () => {
    const page = new TextEncoder().encode('<html>please log in</html>');
    const small = body.subarray(0, 1000);
    const cases: [string, Behaviour, CacheOptions, Partial<DownloadError>, RegExp, number][] = [
      ['404', { statuses: [404] }, {}, { status: 404 }, /404 Not Found/, 0],
      ['403', { statuses: [403] }, {}, { status: 403 }, /by hand/, 0],
      ['500 again and again', { statuses: Array(9).fill(500) }, {}, { status: 500 }, /after 5 attempts/, 0],
      [
        '429 for an hour',
        { statuses: [429], headers: { 'retry-after': '3600' } },
        {},
        { status: 429 },
        /3600 seconds/,
        0,
      ],
      ['redirects in a circle', { redirect: '/w' }, {}, { status: null }, /redirect/, 0],
      ['breaks without progress', { body, dropAfter: 0 }, {}, {}, /after 5 attempts/, 0],
      [
        'a break with a good beginning',
        { body, dropAfter: 900_000 },
        { retries: 0 },
        {},
        /terminated|closed/,
        1,
      ],
      [
        'a length that is more than comes',
        { body: small, claims: 2000, dropAfter: 1000 },
        { retries: 1 },
        {},
        /attempts/,
        0,
      ],
      [
        'less than the known length',
        { body: small },
        { bytes: 1001 },
        {},
        /expected 1001 bytes, got 1000/,
        0,
      ],
      ['more than the known length', { body }, { bytes: 1000 }, {}, /expected 1000 bytes, got 3000000/, 0],
      ['more than is allowed', { body }, { maxBytes: 1000 }, {}, /at most 1000 bytes/, 0],
      ['no end', { endless: true, etag: null }, { maxBytes: 10_000_000 }, {}, /at most 10000000 bytes/, 0],
      [
        'no end, where the length is known',
        { endless: true },
        { bytes: 1_000_000 },
        {},
        /more than 1000000/,
        0,
      ],
      [
        'a slow drip',
        { body, drip: { bytes: 10, every: 20 } },
        { stallTimeout: 150, retries: 0 },
        {},
        /bytes a second/,
        1,
      ],
      [
        'silence',
        { handle() {} },
        { stallTimeout: 100, retries: 1 },
        { status: null },
        /after 2 attempts/,
        0,
      ],
      ['another digest', { body: small }, { sha256 }, {}, /expected sha256 [0-9a-f]{64}, got/, 0],
    ];
    for (const [what, behaviour, more, fields, message, parts] of cases) {
      it(what, async () => {
        const url = server.serve('w', behaviour);
        const error = (await rejection(get(url, more))) as DownloadError;
        expect(error)
          .to.be.instanceOf(DownloadError)
          .and.include({ url, ...fields });
        expect(error.message).to.match(message);
        expect(await left()).to.deep.equal({ files: 0, parts, other: [] });
      });
    }

    it('a page in place of the file: the FormatError of the check, and nothing', async () => {
      const url = server.serve('w', { body: page });
      const check = async () => {
        throw new FormatError({ file: url }, 'a zip archive', 'a page');
      };
      expect(await rejection(get(url, { check }))).to.be.instanceOf(FormatError);
      expect(await left()).to.deep.equal(nothing);
    });

    it('no server at all', async () => {
      const closed = await WeightsServer.start();
      const url = `${closed.url}w`;
      await closed.stop();
      const error = (await rejection(get(url))) as DownloadError;
      expect(error).to.be.instanceOf(DownloadError).with.property('status', null);
      expect(error.message).to.match(/ECONNREFUSED.*after 5 attempts/);
    });

    it('an abort: the reason of the signal, at once, and the half that is there', async () => {
      const url = server.serve('w', { body, drip: { bytes: 200_000, every: 10 } });
      const controller = new AbortController();
      const onProgress = ({ loaded }: { loaded: number }) => {
        if (loaded > 500_000) controller.abort(new Error('enough'));
      };
      expect(await rejection(get(url, { signal: controller.signal, onProgress }))).to.have.property(
        'message',
        'enough',
      );
      expect(await left()).to.deep.equal({ files: 0, parts: 1, other: [] });
    });
  });

  describe('finds that a cached file', () => {
    const damage = async (change: (bytes: Buffer) => Buffer) => {
      const url = server.serve('w', { body });
      const file = (await cachedFile(url, options())) as string;
      await writeFile(file, change(await readFile(file)));
      return url;
    };

    it('has a flipped bit: tells it, and fetches it anew', async () => {
      const url = await damage((bytes) => {
        bytes[12345]! ^= 4;
        return bytes;
      });
      same(await get(url));
      expect(server.requests).to.have.length(2);
      expect(notices[0]).to.match(/is damaged \(sha256 .*fetched anew/);
      expect(await left()).to.deep.equal({ files: 1, parts: 0, other: [] });
    });

    it('is shorter, even without verifying its digest', async () => {
      const url = await damage((bytes) => bytes.subarray(0, 100));
      same(await get(url, { verify: false }));
      expect(notices[0]).to.match(/100 bytes, expected 3000000/);
    });

    it('has no record any more', async () => {
      const url = await damage((bytes) => bytes);
      const key = (await readdir(cacheDir)).find((name) => name !== 'partial');
      await writeFile(join(cacheDir, key!, 'entry.json'), '{"key": 1');
      same(await get(url));
      expect(server.requests).to.have.length(2);
    });
  });

  it('keeps nothing without a cache, or where nothing can be kept', async () => {
    const url = server.serve('w', { body, dropAfter: 2_000_000, drops: 1 });
    same(await cachedFile(url, { cache: false, retryDelay: 1, sha256 }));
    await writeFile(join(cacheDir, 'file'), '');
    same(await get(url, { cacheDir: join(cacheDir, 'file') }));
    expect(notices).to.have.length(1);
    expect(notices[0]).to.include('CHAINGRAD_CACHE');
    if (process.getuid?.() !== 0) {
      await chmod(cacheDir, 0o500);
      same(await get(url));
    }
  });

  it('a disk that is full in the middle: a warning, the file from memory, and nothing left in the way', async () => {
    const url = server.serve('w', { body });
    const cache = openCache(cacheDir)!;
    const partial = cache.partial.bind(cache);
    cache.partial = async (key) => {
      const part = await partial(key);
      const write = part.write.bind(part);
      part.write = async (chunk) => {
        if (part.length > 1_000_000)
          throw new SourceError(cache.location, 'room', 'no space left on the disk', 'Make some.');
        await write(chunk);
      };
      return part;
    };
    same(await get(url, { cache }));
    expect(notices).to.have.length(1);
    expect(notices[0]).to.match(/no space left on the disk.*downloaded each time/);
    expect(await left()).to.deep.equal(nothing);
  });

  it('is shared by calls at the same time: one download', async () => {
    const url = server.serve('w', { body, drip: { bytes: 300_000, every: 10 } });
    const files = await Promise.all(Array.from({ length: 5 }, () => cachedFile(url, options())));
    expect(new Set(files).size).to.equal(1);
    expect(server.requests).to.have.length(1);
  });

  it('lists, measures and clears', async () => {
    await get(server.serve('a', { body }));
    await rejection(get(server.serve('b', { body, dropAfter: 900_000 }), { retries: 0 }));
    const cache = openCache(cacheDir)!;
    expect(await cache.list()).to.have.length(1);
    expect(await cache.clear()).to.be.greaterThan(3_800_000);
    expect(await left()).to.deep.equal(nothing);
  });
});
