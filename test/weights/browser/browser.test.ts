import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { writeNpz } from '../../../packages/weights/src/formats/npz.ts';
import { requirePresent } from '../../support/present.ts';
import { floats } from '../support.ts';
import { WeightsServer } from '../weights-server.ts';

const executablePath = '/usr/bin/chromium';
const body = Uint8Array.from({ length: 20_000_000 }, (_, i) => (i * 31 + (i >> 9)) & 255);
const sha256 = createHash('sha256').update(body).digest('hex');
const got = `Blob ${sha256}`;

describe('weights in a browser page', () => {
  let server: WeightsServer;
  let browser: Browser;
  let page: Page;
  const serve: WeightsServer['serve'] = (path, behaviour) => server.serve(path, behaviour);
  const open = async () => {
    const tab = await browser.newPage();
    await tab.goto(`${server.url}page`);
    await tab.waitForFunction('globalThis.weightsPage !== undefined');
    return tab;
  };
  const get = (url: string, more: object = {}, tab = page) =>
    tab.evaluate((address, options) => globalThis.weightsPage.get(address, options), url, more);
  const files = () => server.requests.filter(({ path }) => path.startsWith('/w'));

  before(async function () {
    requirePresent(existsSync(executablePath), `the browser ${executablePath}`, this);
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL('./page.ts', import.meta.url))],
      bundle: true,
      write: false,
      format: 'esm',
      splitting: true,
      outdir: 'out',
      platform: 'browser',
      conditions: ['chaingrad-source'],
      logLevel: 'silent',
    });
    server = await WeightsServer.start();
    for (const { path, contents } of outputFiles) {
      const name = path.replace(/^.*\//, '');
      serve(name, { body: contents, headers: { 'content-type': 'text/javascript' } });
    }
    const html = '<!doctype html><script type="module" src="/page.js"></script>';
    serve('page', { body: new TextEncoder().encode(html), headers: { 'content-type': 'text/html' } });
    browser = await puppeteer.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-quic'],
      headless: true,
    });
    page = await open();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    await page.evaluate(() => globalThis.weightsPage.clear());
    server.requests.length = 0;
  });

  it('keeps a download, across tabs, and works offline', async () => {
    const url = serve('w1', { body });
    expect(await get(url)).to.equal(got);
    const entries = await page.evaluate(() => globalThis.weightsPage.list());
    expect(entries).to.have.length(1);
    expect(entries[0]).to.include({ url, bytes: body.length, sha256, known: false });
    serve('w1', { statuses: Array(9).fill(500) });
    const other = await open();
    expect(await get(url, {}, other)).to.equal(got);
    await other.close();
    expect(files()).to.have.length(1);
  });

  it('two tabs at the same time: one download', async () => {
    const url = serve('w2', { body, drip: { bytes: 2_000_000, every: 20 } });
    const other = await open();
    expect(await Promise.all([get(url), get(url, {}, other)])).to.deep.equal([got, got]);
    await other.close();
    expect(files()).to.have.length(1);
  });

  it('goes on after breaks, and in another tab where the first was closed', async () => {
    const url = serve('w3', { body, dropAfter: 9_000_000, drops: 1 });
    expect(await get(url)).to.equal(got);
    expect(files().at(-1)!.range).to.match(/^bytes=[1-9]/);
    await page.evaluate(() => globalThis.weightsPage.clear());
    server.requests.length = 0;
    serve('w3', { body, dropAfter: 18_000_000 });
    expect(await get(url, { retries: 0 })).to.match(/^DownloadError/);
    serve('w3', { body });
    const other = await open();
    expect(await get(url, { sha256 }, other)).to.equal(got);
    await other.close();
  });

  it('finds damage, tells it, and fetches the file anew', async () => {
    const url = serve('w4', { body });
    await get(url);
    await page.evaluate(() => globalThis.weightsPage.damage());
    expect(await page.evaluate(() => globalThis.weightsPage.damages())).to.satisfy(([text]: string[]) =>
      /^sha256/.test(text!),
    );
    expect(await get(url)).to.equal(got);
    expect((await page.evaluate(() => globalThis.weightsPage.notices()))[0]).to.match(
      /is damaged .*fetched anew/,
    );
    expect(files()).to.have.length(2);
  });

  it('says what is wrong as in Node', async () => {
    expect(await get(serve('w5', { statuses: [404] }))).to.match(/^DownloadError: .*404/);
    expect(await get(serve('w6', { body }), { sha256: '0'.repeat(64) })).to.match(
      /^DownloadError: .*expected sha256 0000/,
    );
    const html = serve('w7', { body: new TextEncoder().encode('<html>') });
    expect(await page.evaluate((url) => globalThis.weightsPage.refuse(url), html)).to.match(
      /^FormatError: .*page of a website/,
    );
    expect(await page.evaluate(() => globalThis.weightsPage.list())).to.deep.equal([]);
  });

  it('loads a model from an address, by ranges, from a File, a stream and bytes', async () => {
    const weights = writeNpz([
      ['W', floats([2, 3])],
      ['b', floats([2])],
    ]);
    const url = serve('w8.npz', { body: weights });
    const values = await page.evaluate((address) => globalThis.weightsPage.load(address), url);
    expect(values).to.deep.equal(Array(5).fill([0, 1, 2, 3, 4, 5]));
  });
});
