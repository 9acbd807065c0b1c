/** An hour with the studio on a phone, in short: photos, labels by touch, a training with a reload in its middle, figures, the file in Node. */
import { setTimeout } from 'node:timers/promises';
import { useBackend } from '@chaingrad/core';
import { SSDMobileNetV2 } from '@chaingrad/vision';
import { expect } from 'chai';
import type { Browser, CDPSession, Page } from 'playwright-core';
import sharp from 'sharp';
import type { StaticServer } from '../../examples/web/server.ts';
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

const classes = ['cat', 'person', 'cup'] as const;
const sources = ['chelsea', 'astronaut', 'coffee'] as const;
/** Of the thing in a photo of class i: x0, y0, x1, y1, as shares of its sides. */
const places = [
  [0.02, 0.02, 0.9, 0.98],
  [0.03, 0.02, 0.72, 0.98],
  [0.28, 0.04, 0.7, 0.66],
] as const;

describe('the studio on a phone, from photos to a file', () => {
  let browser: Browser;
  let server: StaticServer;

  removeStudio();
  before(async function () {
    requireBrowser('chromium', this);
    server = await serveStudio();
    browser = await startChromium([], false);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** A photo as a phone makes it, of which every second one is stored lying on its side. */
  async function photo(i: number): Promise<{ name: string; mimeType: string; buffer: Buffer }> {
    const upright = sharp(picture(sources[i % 3]!))
      .removeAlpha()
      .resize(4032, 3024, { fit: 'fill' })
      .modulate({ brightness: 0.85 + (i % 5) * 0.07 });
    const lying = i % 2 === 1;
    const turned = lying ? sharp(await upright.png({ compressionLevel: 0 }).toBuffer()).rotate(270) : upright;
    const buffer = await turned
      .withMetadata({ orientation: lying ? 6 : 1 })
      .jpeg({ quality: 70 })
      .toBuffer();
    return { name: `IMG_${i}.jpg`, mimeType: 'image/jpeg', buffer };
  }

  /** Draws a box with a finger. */
  async function swipe(session: CDPSession, from: readonly number[], to: readonly number[]): Promise<void> {
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: readonly number[][]) =>
      session.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: points.map(([x, y]) => ({ x: x!, y: y! })),
      });
    await touch('touchStart', [[...from]]);
    for (let k = 1; k <= 4; k++)
      await touch('touchMove', [from.map((value, axis) => value + ((to[axis]! - value) * k) / 4)]);
    // The finger rests before it leaves: a tap after a flick would only end the flick.
    await setTimeout(150);
    await touch('touchMove', [[...to]]);
    await setTimeout(50);
    await touch('touchEnd', []);
  }

  it('learns three things from twelve photos, and finds them in Node', async () => {
    const context = await browser.newContext({
      viewport: { width: 390, height: 844 },
      deviceScaleFactor: 2,
      isMobile: true,
      hasTouch: true,
    });
    const page: Page = await context.newPage();
    const session = await context.newCDPSession(page);
    await openStudio(page, server.url);
    await page.tap('#tab-train');
    for (const name of classes) {
      await page.fill('#class-name', name);
      await page.press('#class-name', 'Enter');
    }
    const photos = await Promise.all(Array.from({ length: 12 }, (_, i) => photo(i)));
    await page.setInputFiles('#train-files', photos);
    const thumbnails = page.locator('#train-strip button');
    await page.waitForFunction(() => document.querySelectorAll('#train-strip button').length === 12);
    for (let i = 0; i < 12; i++) {
      await thumbnails.nth(i).tap();
      await page
        .locator('#classes [role=radio]')
        .nth(i % 3)
        .tap();
      const at = await editorPlace(page, [4032, 3024]);
      const [x0, y0, x1, y1] = places[i % 3]!;
      await swipe(session, at(x0 * 4032, y0 * 3024), at(x1 * 4032, y1 * 3024));
    }
    await said(page, '#task', /^12 boxes of 3 classes on 12 pictures; 2 of them held out/);

    // The page is closed in the middle of the training.
    await page.fill('#steps', '40');
    await page.tap('#train-start');
    await said(page, '#train-state', /saved at step/);
    await openStudio(page, server.url);
    await page.tap('#tab-train');
    await said(page, '#unfinished', /cat, person, cup on 12 pictures is unfinished/);
    await page.tap('#train-resume');
    await page.waitForSelector('#trained:visible');
    expect(await page.textContent('#results')).to.match(/On the pictures held out.*mean \(mAP\) [01]\.\d\d/s);
    await page.tap('#compare');
    // Truth and finds of each of the two held out.
    await page.waitForFunction(() => document.querySelectorAll('#comparison figure').length === 2);
    expect(await page.locator('#comparison canvas').count()).to.equal(4);

    // What it finds in a photo that it has not seen, here and in Node.
    await page.tap('#tab-detect');
    await page.setInputFiles('#files', await photo(14));
    await page.waitForSelector('#save-json:enabled');
    const { objects } = JSON.parse(new TextDecoder().decode(await saved(page, '#save-json')));
    expect(objects).to.have.length.above(0);
    await page.tap('#take-model summary');
    const bytes = await saved(page, '[data-save=npz]');
    await context.close();
    await useBackend('cpu');
    using model = await SSDMobileNetV2.fromPretrained(bytes);
    const { data, info } = await sharp((await photo(14)).buffer)
      .autoOrient()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const image = { data: new Uint8Array(data), shape: [info.height, info.width, 3] as const };
    const { bboxes, labels, scores } = await model.predict([image]);
    expect([...labels[0]!].map((label) => model.labelNames![label])).to.deep.equal(
      objects.map(({ label }: { label: string }) => label),
    );
    for (const [i, { score, bbox }] of objects.entries()) {
      expect(scores[0]![i]).to.be.closeTo(score, 0.02);
      // The page had made the photo smaller.
      for (const [k, value] of bbox.entries()) expect(bboxes[0]![4 * i + k]).to.be.closeTo(value, 25);
    }
  });
});
