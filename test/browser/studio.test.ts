/** The studio of examples/web, used as a person would, in a real Chromium. */
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import axe from 'axe-core';
import { expect } from 'chai';
import { unzipSync } from 'fflate';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { StaticServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium } from './support/browsers.ts';
import {
  builtStudio,
  drag,
  editorPlace,
  openStudio,
  picture,
  removeStudio,
  said,
  saved,
  serveStudio,
} from './support/studio.ts';

/** Bytes that the page's own scripts, style and WASM binary may have, gzipped; the detector's weights come on top. */
const FIRST_LOAD_BUDGET = 838_000;

describe('the studio in Chromium', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let server: StaticServer;
  let folder: string;
  let files: string[];
  const foreign: string[] = [];
  const problems: string[] = [];

  removeStudio();
  before(async function () {
    requireBrowser('chromium', this);
    ({ folder, files } = await builtStudio());
    server = await serveStudio();
    // The camera shows a moving test picture.
    const camera = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream'];
    browser = await startChromium(camera, false);
    context = await browser.newContext({
      viewport: { width: 1200, height: 850 },
      acceptDownloads: true,
      permissions: ['camera'],
    });
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
    await openStudio(page, server.url);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(() => {
    expect(foreign.splice(0), 'requests that leave the machine').to.deep.equal([]);
    expect(problems.splice(0), 'errors in the page').to.deep.equal([]);
  });

  const open = () => openStudio(page, server.url);

  /** Drops files on an element, as from a file manager. */
  async function drop(
    target: string,
    list: readonly { name: string; bytes: Uint8Array; type?: string }[],
  ): Promise<void> {
    const dropped = list.map(({ name, bytes, type = '' }) => ({
      name,
      type,
      base64: Buffer.from(bytes).toString('base64'),
    }));
    const transfer = await page.evaluateHandle((entries) => {
      const data = new DataTransfer();
      for (const { name, type, base64 } of entries) {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        data.items.add(new File([bytes], name, { type }));
      }
      return data;
    }, dropped);
    await page.dispatchEvent(target, 'drop', { dataTransfer: transfer });
  }
  const png = (name: string) => ({
    name: `${name}.png`,
    bytes: readFileSync(picture(name)),
    type: 'image/png',
  });

  /** What a person with a screen reader would stumble over. */
  async function violations(): Promise<string[]> {
    // A script in the page's own world: its policy allows none from elsewhere.
    await page.evaluate(axe.source);
    return page.evaluate(async () => {
      const { axe: tool } = globalThis as unknown as { axe: { run(): Promise<axe.AxeResults> } };
      const { violations: found } = await tool.run();
      return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    });
  }

  it('fetches everything once on the first visit, the weights too', async () => {
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
    const sizes = new Map(files.map((file) => [file, readFileSync(join(folder, file)).length]));
    const all = [...sizes].filter(([file]) => !file.startsWith('library/'));
    const whole = all.reduce((sum, [, size]) => sum + size, 0);
    console.log(`      ${server.sent} bytes sent on the first visit, ${whole} in all files`);
    expect(server.sent).to.be.at.most(whole);
    expect(server.requests.filter((path) => /\.(data|bin)$/.test(path))).to.have.length(1);
  });

  it('finds the cat in a dropped picture', async () => {
    await drop('#drop', [png('chelsea')]);
    await page.waitForSelector('#save-json:enabled');
    expect(await page.textContent('#found')).to.match(/^cat0\.\d\d$/);
    const { objects } = JSON.parse(new TextDecoder().decode(await saved(page, '#save-json')));
    expect(objects).to.have.length(1);
    expect(objects[0].label).to.equal('cat');
    expect([...(await saved(page, '#save-png')).subarray(1, 4)]).to.deep.equal([0x50, 0x4e, 0x47]);
    expect(await page.locator('#class-list li').count()).to.equal(80);
    expect(await violations()).to.deep.equal([]);
  });

  it('names each file that it cannot read, and takes the others', async () => {
    await drop('#drop', [
      { name: 'broken.png', bytes: new Uint8Array(9), type: 'image/png' },
      { name: 'IMG_1.HEIC', bytes: new Uint8Array(9) },
      png('coffee'),
      { name: 'letter.pdf', bytes: new Uint8Array(9), type: 'application/pdf' },
    ]);
    await said(page, '#notice-text', /letter\.pdf/);
    const notice = await page.textContent('#notice-text');
    expect(notice).to.match(/broken\.png cannot be read.*\nIMG_1\.HEIC.*Most Compatible.*\nletter\.pdf/);
    expect(await page.locator('#strip img').count()).to.equal(2);
    await page.click('#notice-close');
  });

  it('shows white through a transparent picture, not the one before', async () => {
    const clear = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(100, 80);
      canvas.getContext('2d')!.clearRect(0, 0, 100, 80);
      const blob = await canvas.convertToBlob({ type: 'image/png' });
      return [...new Uint8Array(await blob.arrayBuffer())];
    });
    await drop('#drop', [{ name: 'clear.png', bytes: Uint8Array.from(clear), type: 'image/png' }]);
    await page.waitForFunction(() => document.querySelector<HTMLCanvasElement>('#view')!.width === 100);
    const pixel = await page.evaluate(() => [
      ...document.querySelector<HTMLCanvasElement>('#view')!.getContext('2d')!.getImageData(50, 60, 1, 1)
        .data,
    ]);
    expect(pixel).to.deep.equal([255, 255, 255, 255]);
    await page.click('#strip button:first-child');
    await said(page, '#found', /^cat/);
  });

  it('shows fewer boxes when the threshold rises, and offers the weaker ones', async () => {
    await page.fill('#threshold', '0.95');
    expect(await page.textContent('#found')).to.equal('Nothing above the threshold.');
    expect(await page.textContent('#weaker')).to.match(/weaker find.*cat, 0\.\d\d/);
    await page.click('#show-weaker');
    expect(await page.textContent('#found')).to.match(/^cat0\.\d\d$/);
    await page.fill('#threshold', '0.4');
  });

  it('shows why it found the cat, the layers and their switches, filters and maps', async () => {
    await page.click('#tab-inspect');
    await page.waitForSelector('#maps[data-drawn]');
    await page.click('#why');
    await said(page, '#why-caption', /the score of “cat” falls by up to 0\.\d\d/);
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
    expect(await violations()).to.deep.equal([]);
  });

  it('edits boxes with pointer and keyboard, with a way back', async () => {
    await page.click('#tab-train');
    expect(await page.textContent('#next')).to.equal('Name the first thing it shall find.');
    for (const name of ['face', 'shuttle']) {
      await page.fill('#class-name', name);
      await page.press('#class-name', 'Enter');
    }
    await page.setInputFiles('#train-files', [picture('astronaut'), picture('chelsea')]);
    await page.waitForFunction(() => document.querySelectorAll('#train-strip button').length === 2);
    const at = await editorPlace(page, [512, 512]);
    const boxes = () =>
      page
        .locator('#boxes select')
        .evaluateAll((list) =>
          list.map((each) => (each as HTMLSelectElement).selectedOptions[0]!.textContent),
        );
    await drag(page, at(300, 20), at(400, 300));
    expect(await boxes()).to.deep.equal(['shuttle']);
    // A number key makes it a face; a handle resizes it, and the whole is moved.
    await page.keyboard.press('1');
    expect(await boxes()).to.deep.equal(['face']);
    await drag(page, at(400, 300), at(420, 260));
    await drag(page, at(350, 100), at(240, 140));
    // What the project holds, to a pixel of the screen.
    const project = async () => {
      await page.waitForTimeout(0);
      const bytes = await saved(page, page.locator('#export-project'));
      return JSON.parse(new TextDecoder().decode(unzipSync(bytes)['project.json']));
    };
    await page.click('#project-menu summary');
    const [box] = (await project()).pictures[0].boxes;
    expect(box.label).to.equal(0);
    for (const [k, value] of [60, 190, 300, 310].entries()) expect(box.box[k]).to.be.closeTo(value, 4);
    // Undone, redone, removed with the keyboard.
    await page.click('#undo');
    await page.click('#undo');
    await page.click('#redo');
    await page.focus('#editor');
    await page.keyboard.press('Delete');
    await page.keyboard.press('Tab');
    await page.click('#undo');
    expect(await boxes()).to.deep.equal(['face']);
    await page.focus('#editor');
    await page.keyboard.press('c');
    expect(await page.textContent('#task')).to.equal('2 boxes of 1 class on 2 pictures.');
    await page.keyboard.press('PageUp');
    // Renaming to another class joins the two.
    await page.getByLabel('Rename shuttle').click();
    await page.fill('#ask-input', 'face');
    await page.click('#ask-yes');
    await page.waitForFunction(() => document.querySelectorAll('#classes [role=radio]').length === 1);
    expect(await violations()).to.deep.equal([]);
  });

  /** Deletes everything, as a user can. */
  async function forget(): Promise<void> {
    if (!(await page.locator('#train').isVisible())) await page.click('#tab-train');
    if (!(await page.locator('#delete-all').isVisible())) await page.click('#project-menu summary');
    await page.click('#delete-all');
    await page.click('#ask-yes');
    await said(page, '#task', /^Name the first thing/);
  }

  it('keeps labels, classes and pictures over a reload, and carries them in one file', async () => {
    await page.waitForTimeout(400);
    await open();
    expect(await page.textContent('#task')).to.equal('2 boxes of 1 class on 2 pictures.');
    await page.click('#project-menu summary');
    const project = await saved(page, '#export-project');
    await forget();
    await open();
    await page.click('#tab-train');
    expect(await page.textContent('#task')).to.equal('Name the first thing it shall find.');
    await page.click('#project-menu summary');
    await page.setInputFiles('#import-project', {
      name: 'project.zip',
      mimeType: 'application/zip',
      buffer: Buffer.from(project),
    });
    await said(page, '#task', /^2 boxes of 1 class on 2 pictures/);
  });

  it('takes bursts from the camera, and lets the detector suggest boxes that are then accepted', async () => {
    await forget();
    await page.setInputFiles('#train-files', [picture('chelsea')]);
    await page.waitForFunction(() => document.querySelectorAll('#train-strip button').length === 1);
    await page.click('#suggest');
    await page.waitForSelector('#accept:visible');
    expect(await page.textContent('#advice')).to.include('suggested boxes are not accepted yet');
    expect(await page.locator('#train-start').isDisabled()).to.equal(true);
    await page.click('#accept');
    expect(await page.textContent('#task')).to.match(/^\d+ box(es)? of \d class/);
    await page.click('#burst');
    await page.click('#burst-take');
    await page.waitForFunction(() => document.querySelectorAll('#train-strip button').length === 6);
    await page.click('#burst');
    expect(await page.locator('#burst-video').isVisible()).to.equal(false);
  });

  it('reads a Pascal VOC folder with its classes and boxes', async () => {
    const voc = await mkdtemp(join(tmpdir(), 'chaingrad-voc-'));
    await mkdir(join(voc, 'Annotations'), { recursive: true });
    await mkdir(join(voc, 'JPEGImages'));
    await copyFile(picture('chelsea'), join(voc, 'JPEGImages/one.png'));
    const object = (name: string, xmax: number) =>
      `<object><name>${name}</name><bndbox><xmin>11</xmin><ymin>21</ymin><xmax>${xmax}</xmax><ymax>91</ymax></bndbox></object>`;
    // The last has no area, as some of real data sets.
    const objects = object('ear', 101) + object('eye', 61) + object('nose', 11);
    await writeFile(join(voc, 'Annotations/one.xml'), `<annotation>${objects}</annotation>`);
    try {
      await forget();
      await page.setInputFiles('#voc', voc);
      await page.waitForSelector('#problems:visible');
      expect(await page.textContent('#problems')).to.match(
        /one\.xml: object 3 \(nose\): the box .* has no area/,
      );
      expect(await page.textContent('#task')).to.match(/^2 boxes of 2 classes on 1 picture/);
      expect(await page.locator('#classes [role=radio]').allTextContents()).to.deep.equal([
        'ear1',
        'eye2',
        'nose3',
      ]);
    } finally {
      await rm(voc, { recursive: true });
    }
  });

  it('goes on with WASM when the GPU is lost, and says so', async () => {
    const withGpu = await startChromium();
    try {
      const other = await withGpu.newContext({ serviceWorkers: 'block' });
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
      await tab.waitForSelector('html[data-ready]');
      // By itself the page would not take a GPU that is emulated.
      expect(await tab.textContent('#status')).to.match(/Runs on WASM/);
      await tab.selectOption('#backend', 'webgpu');
      await said(tab, '#status', /Runs on WebGPU/);
      const worker = tab.workers().find((each) => each.url().endsWith('worker.js'))!;
      await worker.evaluate(() =>
        (globalThis as unknown as { deviceOfTest: GPUDevice }).deviceOfTest.destroy(),
      );
      await said(tab, '#status', /Runs on WASM/);
      expect(await tab.textContent('#notice-text')).to.match(/^The GPU was lost.*WASM is used now\.$/);
      await tab.click('[data-picture=chelsea]');
      await tab.waitForSelector('#save-json:enabled');
      expect(await tab.textContent('#found')).to.match(/^cat0\.\d\d$/);
    } finally {
      await withGpu.close();
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
      await page.click('#tab-detect');
      await page.click('[data-picture=chelsea]');
      await page.waitForSelector('#save-json:enabled');
      expect(await page.textContent('#found')).to.match(/^cat0\.\d\d$/);
    } finally {
      await context.setOffline(false);
    }
  });

  it('keeps its first load small', () => {
    const size = files
      .filter((file) => /\.(js|css|html|svg|wasm)$/.test(file) && !file.startsWith('library/'))
      .reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
    console.log(`      ${size} bytes gzipped, without the weights`);
    expect(size).to.be.below(FIRST_LOAD_BUDGET);
  });
});
