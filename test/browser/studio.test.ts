/** The studio of examples/web, used as a person would, in a real Chromium. */
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { openWeights, readAbout } from '@chaingrad/weights';
import { expect } from 'chai';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { buildStudio } from '../../examples/web/build.ts';
import { studioHeaders } from '../../examples/web/serve.ts';
import { type StaticServer, startServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium } from './support/browsers.ts';

const picture = (name: string) =>
  fileURLToPath(new URL(`../../examples/images/${name}.png`, import.meta.url));

/** Bytes that the page's own scripts, style and WASM binary may have, gzipped; the detector's weights come on top. */
const FIRST_LOAD_BUDGET = 650_000;

describe('the studio in Chromium', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let server: StaticServer;
  let folder: string;
  let files: string[];
  const foreign: string[] = [];
  const problems: string[] = [];

  before(async function () {
    requireBrowser('chromium', this);
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-studio-'));
    files = await buildStudio(folder);
    server = await startServer({ '/': folder }, { headers: await studioHeaders(folder) });
    browser = await startChromium();
    context = await browser.newContext({ viewport: { width: 1200, height: 850 }, acceptDownloads: true });
    page = await context.newPage();
    // Workers and the service worker included: whatever leaves this page.
    context.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(server.url) && !/^(blob|data):/.test(url)) foreign.push(url);
      if (request.method() !== 'GET') foreign.push(`${request.method()} ${url}`);
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await open();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });
  afterEach(() => {
    expect(foreign.splice(0), 'requests that leave the machine').to.deep.equal([]);
    expect(problems.splice(0), 'errors in the page').to.deep.equal([]);
  });

  /** On WASM: SwiftShader takes a second for each shader. */
  async function open(): Promise<void> {
    await page.goto(server.url);
    await page.waitForSelector('html[data-ready]');
    await page.selectOption('#backend', 'wasm');
    await page.waitForFunction(() => /Runs on WASM/.test(document.querySelector('#status')!.textContent!));
  }

  async function saved(button: string): Promise<Uint8Array<ArrayBuffer>> {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(button)]);
    return new Uint8Array(await readFile(await download.path()));
  }

  /** Drops files on an element, as from a file manager. */
  async function drop(target: string, paths: readonly string[]): Promise<void> {
    const dropped = paths.map((path) => ({
      name: path.slice(path.lastIndexOf('/') + 1),
      base64: readFileSync(path).toString('base64'),
    }));
    const transfer = await page.evaluateHandle((list) => {
      const data = new DataTransfer();
      for (const { name, base64 } of list) {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        data.items.add(new File([bytes], name, { type: 'image/png' }));
      }
      return data;
    }, dropped);
    await page.dispatchEvent(target, 'drop', { dataTransfer: transfer });
  }

  const iteration = async () =>
    Number(/Step (\d+)/.exec((await page.textContent('#train-state')) ?? '')?.[1] ?? 0);

  it('finds the cat in a dropped picture', async () => {
    await drop('#drop', [picture('chelsea')]);
    await page.waitForSelector('#save-json:enabled');
    expect(await page.textContent('#found')).to.match(/^Cat0\.\d\d$/);
    const { objects } = JSON.parse(new TextDecoder().decode(await saved('#save-json')));
    expect(objects).to.have.length(1);
    expect(objects[0].label).to.equal('Cat');
    expect([...(await saved('#save-png')).subarray(1, 4)]).to.deep.equal([0x50, 0x4e, 0x47]);
  });

  it('shows fewer boxes when the threshold rises, without looking again', async () => {
    await page.fill('#threshold', '0.95');
    expect(await page.textContent('#found')).to.equal('Nothing above the threshold.');
    await page.fill('#threshold', '0.5');
  });

  it('shows the tree of links, freezes one, draws filters and maps', async () => {
    await page.click('#tab-inspect');
    await page.waitForSelector('#maps[data-drawn]');
    expect(await page.textContent('#tree')).to.include('conv0 Convolution2D896W (32, 3, 3, 3), b (32)');
    const toggle = page.getByLabel('Freeze /extractor/conv0', { exact: true });
    await toggle.check();
    await page.waitForFunction(
      () => document.querySelector<HTMLInputElement>('[aria-label="Freeze /extractor"]')!.indeterminate,
    );
    await toggle.uncheck();
    await page.waitForFunction(
      () => !document.querySelector<HTMLInputElement>('[aria-label="Freeze /extractor"]')!.indeterminate,
    );
    expect(await page.textContent('#maps-caption')).to.match(/32 maps of 150 x 150/);
  });

  it('learns from boxes that are drawn, goes on after a reload, and finds the thing', async function () {
    this.timeout(240_000);
    await page.click('#tab-train');
    await page.fill('#class-name', 'face');
    await page.press('#class-name', 'Enter');
    await page.setInputFiles('#train-files', [picture('astronaut'), picture('chelsea')]);
    await page.waitForSelector('#editor:visible');
    // The astronaut's face: x 170 to 280, y 60 to 180 of 512 x 512.
    const box = (await page.locator('#editor').boundingBox())!;
    const at = (x: number, y: number) =>
      [box.x + (x / 512) * box.width, box.y + (y / 512) * box.height] as const;
    await page.mouse.move(...at(170, 60));
    await page.mouse.down();
    await page.mouse.move(...at(280, 180), { steps: 4 });
    await page.mouse.up();
    // The cat's with the keyboard.
    await page.click('#train-strip button:nth-child(2)');
    await page.focus('#editor');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Shift+ArrowRight');
    expect(await page.textContent('#task')).to.equal('2 boxes of 1 class on 2 pictures.');

    await page.fill('#steps', '60');
    await page.evaluate(() => {
      const tasks: number[] = [];
      Object.assign(globalThis, { longTasks: tasks });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) tasks.push(duration);
      }).observe({ entryTypes: ['longtask'] });
    });
    await page.click('#train-start');
    await page.waitForFunction(() =>
      /saved at step/.test(document.querySelector('#train-state')!.textContent!),
    );
    expect(await page.textContent('#report-text')).to.match(/arrays .* were copied.*12 were not/);
    expect(await page.textContent('#report-rows')).to.include('/multibox/conf/0/W');
    // Pausing holds it, between two steps.
    await page.click('#train-pause');
    await page.waitForFunction(() => document.querySelector('#train-state')!.textContent === 'Paused.');
    await page.click('#train-pause');
    await page.waitForFunction(() => /^Step/.test(document.querySelector('#train-state')!.textContent!));

    const longest = await page.evaluate(() =>
      Math.max(0, ...(globalThis as unknown as { longTasks: number[] }).longTasks),
    );
    console.log(
      `      longest task of the page while training: ${longest === 0 ? 'under 50' : longest.toFixed(0)} ms`,
    );

    await open();
    await page.click('#tab-train');
    await page.click('#train-resume');
    await page.waitForFunction(() => /^Step/.test(document.querySelector('#train-state')!.textContent!));
    expect(await iteration()).to.be.above(0);
    const losses: number[] = [];
    const read = setInterval(async () => {
      const text = await page.textContent('#train-state').catch(() => '');
      const loss = /loss ([\d.]+)/.exec(text ?? '')?.[1];
      if (loss !== undefined) losses.push(Number(loss));
    }, 200);
    await page.waitForSelector('#trained:visible', { timeout: 150_000 });
    clearInterval(read);
    expect(losses.at(-1), 'the last loss').to.be.below(losses[0]!);

    for (const button of ['#save-npz', '#save-safetensors']) {
      await using file = await openWeights(await saved(button));
      expect((await file.info('multibox/conf/0/W')).shape[0]).to.equal(3 * 2);
      expect(readAbout(file)?.labelNames).to.deep.equal(['face']);
    }

    await page.click('#use-tuned');
    await page.click('[data-picture=astronaut]');
    await page.waitForSelector('#save-json:enabled');
    await page.fill('#threshold', '0.3');
    expect(await page.textContent('#found')).to.match(/^face0\.\d\d/);
  });

  it('reads a Pascal VOC folder with its classes and boxes', async () => {
    const voc = `${folder}-voc`;
    await mkdir(join(voc, 'Annotations'), { recursive: true });
    await mkdir(join(voc, 'JPEGImages'));
    await copyFile(picture('chelsea'), join(voc, 'JPEGImages/one.png'));
    const object = (name: string, xmax: number) =>
      `<object><name>${name}</name><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>${xmax}</xmax><ymax>91</ymax></bndbox></object>`;
    // The last has no area, as some of real data sets.
    const objects = object('ear', 101) + object('eye', 61) + object('nose', 11);
    await writeFile(join(voc, 'Annotations/one.xml'), `<annotation>${objects}</annotation>`);
    try {
      await open();
      await page.click('#tab-train');
      await page.setInputFiles('#voc', voc);
      await page.waitForFunction(() => document.querySelectorAll('#boxes li').length === 2);
      expect(await page.textContent('#task')).to.equal('2 boxes of 2 classes on 1 picture.');
      expect(await page.locator('#classes button').allTextContents()).to.deep.equal(['ear', 'eye']);
    } finally {
      await rm(voc, { recursive: true });
    }
  });

  it('goes on with WASM when the GPU is lost, and says so', async () => {
    const other = await browser.newContext({ serviceWorkers: 'block' });
    try {
      const tab = await other.newPage();
      // The page hands its device to nobody: it is noted where the browser gives it out.
      const keepDevice = `{
        const { requestDevice } = GPUAdapter.prototype;
        GPUAdapter.prototype.requestDevice = async function (...args) {
          return (globalThis.deviceOfTest = await requestDevice.apply(this, args));
        };
      }\n`;
      await tab.route('**/worker.js', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: keepDevice + (await response.text()) });
      });
      await tab.goto(server.url);
      await tab.waitForFunction(() => /Runs on WebGPU/.test(document.querySelector('#status')!.textContent!));
      const worker = tab.workers().find((each) => each.url().endsWith('worker.js'))!;
      await worker.evaluate(() =>
        (globalThis as unknown as { deviceOfTest: GPUDevice }).deviceOfTest.destroy(),
      );
      await tab.waitForFunction(() => /Runs on WASM/.test(document.querySelector('#status')!.textContent!));
      expect(await tab.textContent('#notice')).to.match(/^The GPU was lost.*WASM is used now\.$/);
      await tab.click('[data-picture=chelsea]');
      await tab.waitForSelector('#save-json:enabled');
      expect(await tab.textContent('#found')).to.match(/^Cat0\.\d\d$/);
    } finally {
      await other.close();
    }
  });

  it('works offline after the first load', async () => {
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
    await context.setOffline(true);
    await server.close();
    try {
      await open();
      await page.click('[data-picture=chelsea]');
      await page.waitForSelector('#save-json:enabled');
      expect(await page.textContent('#found')).to.match(/^Cat0\.\d\d$/);
    } finally {
      await context.setOffline(false);
    }
  });

  it('keeps its first load small', () => {
    const size = files
      .filter((file) => /\.(js|css|html|svg|wasm)$/.test(file))
      .reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
    console.log(`      ${size} bytes gzipped, without the weights`);
    expect(size).to.be.below(FIRST_LOAD_BUDGET);
  });
});
