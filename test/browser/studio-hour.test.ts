/** An hour of use, compressed: a phone, twelve photos, three classes, a training with a reload in its middle, and the way out. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { useBackend } from '@chaingrad/core';
import { findLayout, memoryFiles, SSDMobileNetV2 } from '@chaingrad/vision';
import { expect } from 'chai';
import { unzipSync } from 'fflate';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import sharp from 'sharp';
import { type StaticServer, startServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium } from './support/browsers.ts';
import {
  editorPlace,
  openStudio,
  picture,
  removeStudio,
  said,
  saved,
  serveStudio,
} from './support/studio.ts';

const [WIDTH, HEIGHT] = [3000, 4000];
const CLASSES = ['disc', 'square', 'bar'] as const;
const COLOURS = ['#d22', '#22d', '#2a2'] as const;

/** One thing of each class, at places of its own; in shares of the sides. */
const thingsOf = (i: number) =>
  CLASSES.map((_, label) => {
    const [w, h] = label === 2 ? [0.5, 0.12] : [0.3, 0.225];
    const left = 0.08 + 0.05 * ((i + label) % 6);
    const top = 0.05 + 0.3 * ((i + label) % 3);
    return { label, left, top, right: left + w, bottom: top + h };
  });

async function photo(i: number): Promise<Buffer> {
  const shapes = thingsOf(i).map(({ label, left, top, right, bottom }) => {
    const [x, y, w, h] = [left * WIDTH, top * HEIGHT, (right - left) * WIDTH, (bottom - top) * HEIGHT];
    return label === 0
      ? `<ellipse cx="${x + w / 2}" cy="${y + h / 2}" rx="${w / 2}" ry="${h / 2}" fill="${COLOURS[0]}"/>`
      : `<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${COLOURS[label]}"/>`;
  });
  const ground = `hsl(${i * 30}, 20%, 80%)`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}"><rect width="100%" height="100%" fill="${ground}"/>${shapes.join('')}</svg>`;
  return sharp(Buffer.from(svg), { unlimited: true }).jpeg({ quality: 80 }).toBuffer();
}

/** Memory of a browser, in MB: of the process whose command line has a marker, and of all that come from it. */
function memoryOf(marker: string): number {
  const processes = new Map<string, { parent: string; pages: number; isRoot: boolean }>();
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const [, parent] = /^\d+ \(.*\) \w (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))!;
      // Resident pages without those shared between the processes.
      const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
      const isRoot = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(marker);
      processes.set(pid, { parent: parent!, pages: resident! - shared!, isRoot });
    } catch {
      // It has ended meanwhile.
    }
  }
  const isOurs = (pid: string): boolean => {
    const found = processes.get(pid);
    return found !== undefined && (found.isRoot || isOurs(found.parent));
  };
  const pages = [...processes].reduce((sum, [pid, found]) => sum + (isOurs(pid) ? found.pages : 0), 0);
  return (pages * 4096) / 1e6;
}

describe('an hour with the studio on a phone', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let touch: CDPSession;
  let server: StaticServer;
  let folder: string;
  const marker = '--chaingrad-hour-of-use';

  removeStudio();
  before(async function () {
    requireBrowser('chromium', this);
    server = await serveStudio();
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-hour-'));
    browser = await startChromium([marker], false);
    context = await browser.newContext({
      viewport: { width: 390, height: 844 },
      deviceScaleFactor: 2,
      isMobile: true,
      hasTouch: true,
      acceptDownloads: true,
    });
    context.setDefaultTimeout(60_000);
    page = await context.newPage();
    touch = await context.newCDPSession(page);
    await openStudio(page, server.url);
    await page.tap('#tab-train');
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function drawByTouch(from: readonly [number, number], to: readonly [number, number]): Promise<void> {
    const send = (type: 'touchStart' | 'touchMove' | 'touchEnd', point?: readonly [number, number]) =>
      touch.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: point === undefined ? [] : [{ x: point[0], y: point[1] }],
      });
    await send('touchStart', from);
    await send('touchMove', [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]);
    await send('touchMove', to);
    await send('touchEnd');
  }

  it('takes twelve phone-sized photos in little memory, and boxes by touch', async function () {
    this.timeout(300_000);
    const photos = [];
    for (let i = 0; i < 12; i++)
      photos.push({ name: `photo-${i}.jpg`, mimeType: 'image/jpeg', buffer: await photo(i) });
    const before = memoryOf(marker);
    await page.setInputFiles('#train-files', photos);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, memoryOf(marker));
    }, 100);
    await page.waitForFunction(
      () => document.querySelectorAll('#train-strip button').length === 12,
      undefined,
      { timeout: 200_000 },
    );
    clearInterval(watch);
    console.log(
      `      memory of 12 photos of 12 MP: ${before.toFixed(0)} MB before, ${most.toFixed(0)} MB at most`,
    );
    // Decoded they are 576 MB.
    expect(most - before).to.be.below(400);
    for (const name of CLASSES) {
      await page.fill('#class-name', name);
      await page.press('#class-name', 'Enter');
    }
    for (let i = 0; i < 12; i++) {
      if (i > 0) await page.locator('#train-strip button').nth(i).tap();
      // It is decoded when it is looked at.
      await page.waitForSelector(`#editor[data-picture="photo-${i}.jpg"]`);
      for (const { label, left, top, right, bottom } of thingsOf(i)) {
        await page.locator('#classes [role=radio]').nth(label).tap();
        const at = await editorPlace(page, [WIDTH, HEIGHT]);
        await drawByTouch(at(left * WIDTH, top * HEIGHT), at(right * WIDTH, bottom * HEIGHT));
      }
    }
    await said(page, '#task', /^36 boxes of 3 classes on 12 pictures; 2 of them held out/);
  });

  it('learns, goes on after a reload, and measures on what was held out', async function () {
    this.timeout(400_000);
    await page.fill('#steps', '20');
    await page.tap('#train-start');
    await said(page, '#train-state', /saved at step/, 200_000);
    await openStudio(page, server.url);
    await said(page, '#task', /^36 boxes/);
    await page.tap('#train-resume');
    await page.waitForSelector('#trained:visible', { timeout: 300_000 });
    expect(await page.locator('#ap-rows tr').count()).to.equal(4);
    expect(await page.textContent('#results-note')).to.match(/the best, which is kept/);
    await page.tap('#compare');
    await page.waitForFunction(() => document.querySelectorAll('#comparison figure').length === 2);
  });

  it('finds the same in Node, and in a page of its own', async function () {
    this.timeout(300_000);
    await page.tap('#use-tuned');
    await page.setInputFiles('#files', picture('coffee'));
    await page.waitForSelector('#save-json:enabled');
    await page.fill('#threshold', '0.05');
    const json = JSON.parse(new TextDecoder().decode(await saved(page, '#save-json')));
    await page.tap('#take-model summary');
    const npz = await saved(page, '[data-save=npz]');
    await useBackend('wasm');
    using model = await SSDMobileNetV2.fromPretrained(npz);
    expect(model.labelNames).to.deep.equal([...CLASSES]);
    const { data, info } = await sharp(picture('coffee'))
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const image = { data: new Uint8Array(data), shape: [info.height, info.width, 3] as const };
    const { bboxes, labels, scores } = await model.predict([image], { scoreThresh: 0.05 });
    const found = Array.from(scores[0]!, (score, i) => ({
      label: CLASSES[labels[0]![i]!]!,
      score,
      bbox: [...bboxes[0]!.subarray(4 * i, 4 * i + 4)],
    })).sort((a, b) => b.score - a.score);
    expect(found.length).to.equal(json.objects.length);
    expect(found.length).to.be.above(0);
    for (const [i, { label, score, bbox }] of found.entries()) {
      expect(label).to.equal(json.objects[i].label);
      expect(score).to.be.closeTo(json.objects[i].score, 1e-3);
      for (const [k, value] of bbox.entries()) expect(value).to.be.closeTo(json.objects[i].bbox[k], 0.1);
    }

    const files = unzipSync(await saved(page, '#save-page'));
    for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
    const own = await startServer({ '/': folder });
    try {
      const other = await context.newPage();
      await other.goto(own.url);
      await other.setInputFiles('#file', picture('coffee'));
      // The boxes change the picture that is drawn first.
      await other.waitForFunction(
        () => document.querySelector<HTMLCanvasElement>('#canvas')!.width > 300,
        undefined,
        { timeout: 120_000 },
      );
      const pixels = () =>
        other.evaluate(() => document.querySelector<HTMLCanvasElement>('#canvas')!.toDataURL().length);
      const plain = await pixels();
      await other.waitForFunction(
        (length) => document.querySelector<HTMLCanvasElement>('#canvas')!.toDataURL().length !== length,
        plain,
        { timeout: 120_000, polling: 500 },
      );
      await other.close();
    } finally {
      await own.close();
    }
  });

  it('gives its labels as folders that the library reads', async () => {
    await page.tap('#tab-train');
    await page.tap('#project-menu summary');
    for (const [format, boxes] of [
      ['Pascal VOC', 10],
      ['COCO', 10],
      ['YOLO', 10],
    ] as const) {
      const files = unzipSync(await saved(page, `[data-folder="${format}"]`));
      const { parts, description } = await findLayout(
        memoryFiles(Object.entries(files) as [string, Uint8Array<ArrayBuffer>][]),
      );
      expect(description).to.include(format);
      expect(parts.map(({ name }) => name).sort()).to.deep.equal(['test', 'train']);
      expect(Object.keys(files).filter((path) => path.endsWith('.jpg'))).to.have.length(boxes + 2);
    }
  });
});
