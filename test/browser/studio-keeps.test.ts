/** What the studio keeps, and what it says and does where it can keep nothing. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { useBackend } from '@chaingrad/core';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import { expect } from 'chai';
import { unzipSync } from 'fflate';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { ElementHandle } from 'puppeteer-core';
import sharp from 'sharp';
import { type StaticServer, startServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium, startFirefox } from './support/browsers.ts';
import { openStudio, picture, removeStudio, said, saved, serveStudio } from './support/studio.ts';

/** A name that is no secure context, on this machine. */
const HOST = 'studio.test';

describe('what the studio keeps', () => {
  let browser: Browser;
  let context: BrowserContext;
  let server: StaticServer;

  removeStudio();
  before(async function () {
    requireBrowser('chromium', this);
    server = await serveStudio();
    browser = await startChromium([`--host-resolver-rules=MAP ${HOST} 127.0.0.1`], false);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  beforeEach(async () => {
    context = await browser.newContext();
  });
  afterEach(() => context.close());

  /** One picture with one box, drawn with the keyboard. */
  async function label(page: Page): Promise<void> {
    await page.click('#tab-train');
    await page.fill('#class-name', 'thing');
    await page.press('#class-name', 'Enter');
    await page.setInputFiles('#train-files', picture('coffee'));
    await page.waitForSelector('#editor:visible');
    await page.focus('#editor');
    await page.keyboard.press('Enter');
    await said(page, '#task', /^1 box/);
  }

  /** What the menu says is used. */
  const uses = (page: Page, text: string) =>
    page.waitForFunction(
      (wanted) => document.querySelector<HTMLSelectElement>('#model')!.selectedOptions[0]?.text === wanted,
      text,
    );

  /** A few steps: stopped, what was learnt is kept as it is after the last. */
  async function train(page: Page): Promise<void> {
    await page.click('#train-start');
    await said(page, '#train-state', /^Step/);
    await page.click('#train-stop');
    await page.waitForSelector('#trained:visible');
  }

  it('works under plain http, where a phone in the network is, and keeps labels there too', async () => {
    const page = await context.newPage();
    const url = `http://${HOST}:${server.port}/`;
    await openStudio(page, url);
    expect(await page.evaluate(() => [isSecureContext, navigator.storage === undefined])).to.deep.equal([
      false,
      true,
    ]);
    expect(await page.textContent('#status')).to.match(/^Runs on WASM, 1 thread.*https/);
    await page.click('[data-picture=chelsea]');
    await said(page, '#found', /^cat/);
    await label(page);
    await page.waitForTimeout(500);
    await openStudio(page, url);
    expect(await page.textContent('#task')).to.match(/^1 box/);
  });

  it('says that nothing is kept where storage is refused, and works', async () => {
    const page = await context.newPage();
    await page.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('storage is switched off', 'SecurityError');
      };
    });
    await openStudio(page, server.url);
    expect(await page.textContent('#notice-text')).to.match(/keeps nothing more: storage is switched off/);
    await label(page);
    await train(page);
    await uses(page, 'thing (1)');
  });

  it('goes on training where the quota is full, and says so', async () => {
    // The offline copy would fill it.
    await using own = await browser.newContext({ serviceWorkers: 'block' });
    const page = await own.newPage();
    const session = await own.newCDPSession(page);
    // Room for a picture, none for a model; set before the page has a database, whose room Chromium looks up rarely.
    await session.send('Storage.overrideQuotaForOrigin', {
      origin: new URL(server.url).origin,
      quotaSize: 3e6,
    });
    await openStudio(page, server.url);
    expect(await page.locator('#notice').isVisible()).to.equal(false);
    await label(page);
    await train(page);
    await said(page, '#notice-text', /keeps nothing more/);
    // It is there until the page is left, and the menu says what is used.
    await uses(page, 'thing (1)');
  });

  it('keeps trained models by name; the menu tells the truth; the backend waits', async () => {
    const page = await context.newPage();
    await openStudio(page, server.url);
    await label(page);
    await page.fill('#run-name', 'My cups');
    await page.click('#train-start');
    await said(page, '#train-state', /^Step/);
    expect(await page.locator('#backend').isDisabled()).to.equal(true);
    await page.click('#train-stop');
    await page.waitForSelector('#trained:visible');
    expect(await page.locator('#backend').isDisabled()).to.equal(false);
    await uses(page, 'My cups (1)');
    // What one training froze is not frozen in the next.
    expect(await page.textContent('#report-text')).to.match(/(\d+) are frozen/);
    const frozen = await page.textContent('#report-text');
    await page.click('#tab-inspect');
    await page.waitForSelector('#filters[data-drawn]');
    expect(await page.locator('#tree input:checked').count()).to.equal(0);
    await page.click('#tab-train');
    await page.uncheck('#freeze-early');
    await page.fill('#run-name', '');
    await train(page);
    expect(await page.textContent('#report-text')).to.match(/, 0 are frozen/);
    expect(frozen).not.to.match(/, 0 are frozen/);
    await uses(page, 'thing (1)');

    await openStudio(page, server.url);
    await uses(page, 'thing (1)');
    await page.click('#tab-detect');
    await page.selectOption('#model', { label: 'My cups (1)' });
    // At once: what was chosen is renamed, not what was used before.
    await page.click('#rename-model');
    await page.fill('#ask-input', 'Cups');
    await page.click('#ask-yes');
    await uses(page, 'Cups (1)');
    await page.click('#remove-model');
    await page.click('#ask-yes');
    await page.waitForFunction(() => !/Cups/.test(document.querySelector('#model')!.textContent!));
    await uses(page, 'Everyday things (80)');
  });

  it('hands out a trained detector: it finds the same opened again, in Node, and in a page of its own', async () => {
    const page = await context.newPage();
    await openStudio(page, server.url);
    await label(page);
    await train(page);
    await uses(page, 'thing (1)');
    await page.click('#tab-detect');
    await page.fill('#threshold', '0.3');
    await page.click('[data-picture=coffee]');
    const found = async (): Promise<{ label: string; score: number; bbox: number[] }[]> => {
      await page.waitForSelector('#save-json:enabled');
      return JSON.parse(new TextDecoder().decode(await saved(page, '#save-json'))).objects;
    };
    const first = await found();
    expect(first).to.have.length.above(0);
    await page.click('#take-model summary');
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const format of ['npz', 'safetensors', 'onnx']) {
      const bytes = await saved(page, `[data-save=${format}]`);
      files.set(format, bytes);
      await page.setInputFiles('#open-model', {
        name: `my ${format}.${format}`,
        mimeType: 'application/octet-stream',
        buffer: Buffer.from(bytes),
      });
      await uses(page, `my ${format} (1)`);
      expect(await found(), format).to.deep.equal(first);
    }

    await useBackend('cpu');
    const { data, info } = await sharp(picture('coffee'))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const image = { data: new Uint8Array(data), shape: [info.height, info.width, 3] as const };
    for (const format of ['npz', 'safetensors']) {
      using model = await SSDMobileNetV2.fromPretrained(files.get(format)!);
      const { bboxes, scores } = await model.predict([image], { scoreThresh: 0.3 });
      expect(model.labelNames).to.deep.equal(['thing']);
      expect(scores[0]).to.have.length(first.length);
      for (const [i, { score, bbox }] of first.entries()) {
        // The page scales the picture by the browser's own means.
        expect(scores[0]![i]).to.be.closeTo(score, 0.02);
        for (const [k, value] of bbox.entries()) expect(bboxes[0]![i * 4 + k]).to.be.closeTo(value, 3);
      }
    }

    // The page of twenty lines draws what the studio found.
    const folder = await mkdtemp(join(tmpdir(), 'chaingrad-page-'));
    const zip = unzipSync(await saved(page, '#save-page'));
    for (const [name, bytes] of Object.entries(zip)) await writeFile(join(folder, name), bytes);
    const own = await startServer({ '/': folder });
    try {
      const used = await context.newPage();
      const problems: string[] = [];
      used.on('pageerror', (error) => problems.push(error.message));
      await used.goto(own.url);
      await used.waitForFunction(() => document.querySelector<HTMLInputElement>('#file')!.onchange !== null);
      await used.setInputFiles('#file', picture('coffee'));
      // The box has one colour on its upper and left edge, in the middle of each.
      await used.waitForFunction((box) => {
        const canvas = document.querySelector('canvas')!;
        const [yMin, xMin, yMax, xMax] = box as [number, number, number, number];
        const edges = [
          [(xMin + xMax) / 2, yMin],
          [xMin, (yMin + yMax) / 2],
        ] as const;
        const context = canvas.getContext('2d')!;
        const [top, left] = edges.map(([x, y]) => context.getImageData(x, y, 1, 1).data.join());
        return canvas.width === 600 && top === left;
      }, first[0]!.bbox);
      expect(problems).to.deep.equal([]);
    } finally {
      await own.close();
      await rm(folder, { recursive: true });
    }
  });

  it('lets one tab have the project, and hands it over', async () => {
    const first = await context.newPage();
    await openStudio(first, server.url);
    await label(first);
    await first.waitForTimeout(500);
    const second = await context.newPage();
    await openStudio(second, server.url);
    await second.click('#tab-train');
    expect(await second.textContent('#elsewhere')).to.include('open in another tab');
    expect(await second.locator('#train-start').isVisible()).to.equal(false);
    await second.click('#take-over');
    await second.waitForFunction(() => /^1 box/.test(document.querySelector('#task')?.textContent ?? ''));
    await first.waitForSelector('#elsewhere:visible');
    expect(await first.locator('#train-start').isVisible()).to.equal(false);
  });
});

describe('the studio in a private window of Firefox', () => {
  let browser: Awaited<ReturnType<typeof startFirefox>>;
  let server: StaticServer;

  removeStudio();
  before(async function () {
    requireBrowser('firefox', this);
    server = await serveStudio();
    browser = await startFirefox({ 'browser.privatebrowsing.autostart': true });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  it('detects, learns, and keeps labels and the detector as long as the window is open', async () => {
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push((error as Error).message));
    const open = async () => {
      await page.goto(server.url);
      await page.waitForSelector('html[data-ready]');
    };
    // Puppeteer's own waiting makes a function of a text, which the page's policy forbids.
    const reads = async (selector: string, pattern: RegExp) => {
      const text = () => page.$eval(selector, (element) => element.textContent ?? '');
      while (!pattern.test(await text())) await setTimeout(100);
    };
    await open();
    expect(await page.$eval('#status', (element) => element.textContent)).to.match(/^Runs on WASM/);
    await page.click('[data-picture=chelsea]');
    await reads('#found', /^cat/);
    await page.click('#tab-train');
    await page.type('#class-name', 'thing');
    await page.keyboard.press('Enter');
    const input = (await page.$('#train-files')) as ElementHandle<HTMLInputElement> | null;
    await input!.uploadFile(picture('coffee'));
    await page.waitForSelector('#editor', { visible: true });
    await page.focus('#editor');
    await page.keyboard.press('Enter');
    await reads('#task', /^1 box/);
    await page.click('#train-start');
    await reads('#train-state', /^Step/);
    await page.click('#train-stop');
    await page.waitForSelector('#trained', { visible: true });
    await open();
    await reads('#task', /^1 box/);
    await reads('#model', /thing \(1\)/);
    expect(problems).to.deep.equal([]);
  });
});
