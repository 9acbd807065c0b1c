/** The built site: every page opens without an error or a request to elsewhere, and the programs in it run. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { type StaticServer, startServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium } from '../browser/support/browsers.ts';
import { requirePresent } from '../support/present.ts';

const site = fileURLToPath(new URL('../../out/docs', import.meta.url));

describe('the site of the documentation', () => {
  let browser: Browser;
  let server: StaticServer;
  let page: Page;
  let problems: string[];

  before(async function () {
    requirePresent(existsSync(`${site}/api/index.html`), 'the built documentation: npm run docs', this);
    requireBrowser('chromium', this);
    server = await startServer({ '/': site });
    browser = await startChromium();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  beforeEach(async () => {
    page = await browser.newPage();
    problems = [];
    page.on('pageerror', ({ message }) => problems.push(message));
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(server.url) && !/^(data|blob):/.test(url)) problems.push(`a request to ${url}`);
    });
  });
  afterEach(() => page.close());

  it('has pages that open without an error, and lead to each other', async () => {
    const guide = (await readdir(`${site}/guide`)).filter((file) => file.endsWith('.html'));
    expect(guide.length).to.be.at.least(10);
    for (const path of [
      '',
      ...guide.map((file) => `guide/${file}`),
      'weights.html',
      'onnx.html',
      'api/index.html',
    ]) {
      await page.goto(server.url + path);
      await page.locator('h1').first().waitFor();
      expect(problems, path).to.deep.equal([]);
    }
  });

  it('has a reference of each package, and of the sources', async () => {
    await page.goto(`${server.url}api/index.html`);
    for (const name of ['core', 'kernels', 'onnx', 'training', 'vision', 'weights'])
      expect(await page.locator(`a[href*="_chaingrad_${name}"]`).count(), name).to.be.above(0);
    await page.goto(`${server.url}api/classes/_chaingrad_core.Linear.html`);
    const source = await page.locator('a[href*="/source/"]').first().getAttribute('href');
    const answer = await page.request.get(new URL(source!, page.url()).href);
    expect(await answer.text()).to.include('export class Linear');
  });

  for (const path of ['guide/start.html', 'guide/gradients.html']) {
    it(`runs the program of ${path} in the page`, async () => {
      await page.goto(server.url + path);
      await page.getByRole('button', { name: 'Run' }).click();
      const printed = page.getByRole('log');
      await printed.waitFor();
      await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
      expect(await printed.getAttribute('class'), (await printed.textContent())!).not.to.include('failed');
      expect((await printed.textContent())!.trim().split('\n').length).to.be.at.least(5);
      expect(problems).to.deep.equal([]);
    });
  }
});
