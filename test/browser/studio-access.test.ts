/** The studio by fingers, wheel and keyboard alone, enlarged, in dark and in forced colours, and for those who hear it. */
import axe from 'axe-core';
import { expect } from 'chai';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import type { ElementHandle, Page as FirefoxPage } from 'puppeteer-core';
import type { StaticServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium, startFirefox } from './support/browsers.ts';
import { drag, openStudio, picture, removeStudio, said, serveStudio } from './support/studio.ts';

type Place = readonly [x: number, y: number];

/** A box in pixels of the picture, as the page tells it. */
interface Told {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function toldBox(text: string): Told {
  const [, width, height, left, top] = /(\d+) by (\d+) pixels, (\d+) from the left and (\d+) from the top/
    .exec(text)!
    .map(Number);
  return { left: left!, top: top!, width: width!, height: height! };
}

/** Which pixel of the picture is at a place of the screen, and how many pixels of the screen it takes: of a box that was drawn there. */
function seen([x0, y0]: Place, [x1]: Place, { left, top, width }: Told) {
  const scale = (x1 - x0) / width;
  return { scale, at: ([x, y]: Place): Place => [left + (x - x0) / scale, top + (y - y0) / scale] };
}

describe('the studio for every hand and eye, in Chromium', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let session: CDPSession;
  let server: StaticServer;
  const problems: string[] = [];

  removeStudio();
  before(async function () {
    requireBrowser('chromium', this);
    server = await serveStudio();
    browser = await startChromium([], false);
    context = await browser.newContext({ viewport: { width: 1200, height: 850 }, hasTouch: true });
    page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    session = await context.newCDPSession(page);
    await openStudio(page, server.url);
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(() => {
    expect(problems.splice(0), 'errors in the page').to.deep.equal([]);
  });

  const says = async () => (await page.textContent('#editor-says'))!;
  const count = () => page.locator('#boxes select').count();
  /** What has the keyboard: its id, or its name. */
  const focused = () =>
    page.evaluate(() => document.activeElement!.id || document.activeElement!.getAttribute('aria-label'));
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', points: readonly Place[]) =>
    session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y]) => ({ x, y })) });
  const middle = async (): Promise<Place> => {
    await page.locator('#editor').scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await page.locator('#editor').boundingBox())!;
    return [Math.round(x + width / 2), Math.round(y + height / 2)];
  };

  /** Draws a box around a place and takes it away again: what the picture's scale is, and what lies where. */
  async function look([x, y]: Place) {
    const [from, to] = [[x - 60, y - 60] as const, [x + 60, y + 60] as const];
    await drag(page, from, to);
    const told = toldBox(await says());
    await page.keyboard.press('Delete');
    return seen(from, to, told);
  }

  /** Two fingers from some places to others. */
  async function fingers(from: readonly [Place, Place], to: readonly [Place, Place]): Promise<void> {
    await touch('touchStart', [from[0]]);
    await touch('touchStart', from);
    for (let k = 1; k <= 8; k++)
      await touch(
        'touchMove',
        from.map(([x, y], i) => [x + ((to[i]![0] - x) * k) / 8, y + ((to[i]![1] - y) * k) / 8] as const),
      );
    await touch('touchEnd', []);
  }

  it('is used with the keyboard alone: a class, a picture, boxes, and none of the places is lost', async () => {
    await page.focus('#tab-detect');
    await page.keyboard.press('ArrowRight');
    expect(await focused()).to.equal('tab-train');
    await page.keyboard.press('Tab');
    expect(await focused()).to.equal('class-name');
    for (const name of ['cup', 'spoon', 'face']) {
      await page.keyboard.type(name);
      await page.keyboard.press('Enter');
    }
    // Choosing files is the browser's own dialog.
    await page.setInputFiles('#train-files', [picture('coffee'), picture('astronaut')]);
    await page.waitForSelector('#editor:visible');
    await page.waitForFunction(() => document.querySelectorAll('#train-strip button').length === 2);

    // Arrows go through a group, which is one stop of Tab for what is chosen.
    await page.focus('#classes [aria-checked=true]');
    const chosen = () => page.textContent('#classes [aria-checked=true]');
    for (const [key, name] of [
      ['ArrowRight', 'cup1'],
      ['End', 'face3'],
      ['ArrowLeft', 'spoon2'],
      ['Home', 'cup1'],
    ] as const) {
      await page.keyboard.press(key);
      expect(await chosen()).to.equal(name);
      expect(await page.evaluate(() => document.activeElement!.textContent)).to.equal(name);
    }
    await page.focus('#train-strip [aria-current=true]');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    expect(await focused()).to.match(/^astronaut\.png/);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#editor[data-picture="coffee.png"]');

    // Two boxes: the first is made smaller and moved, the second is another class.
    await page.focus('#editor');
    await page.keyboard.press('Enter');
    const { left, top, width, height } = toldBox(await says());
    await page.keyboard.press('Shift+Alt+ArrowLeft');
    await page.keyboard.press('Alt+ArrowDown');
    expect(toldBox(await says())).to.deep.equal({ left, top: top + 1, width: width - 1, height });
    await page.keyboard.press('Enter');
    await page.keyboard.press('2');
    expect(await says()).to.match(/^Box 2 of 2, spoon, /);
    // Tab goes through the boxes, and out of the editor behind the last; Shift and Tab likewise.
    await page.keyboard.press('Escape');
    expect(await says()).to.equal('');
    await page.keyboard.press('Tab');
    expect(await says()).to.match(/^Box 1 of 2, cup, /);
    await page.keyboard.press('Tab');
    expect(await says()).to.match(/^Box 2 of 2, spoon, /);
    expect(await focused()).to.equal('editor');
    await page.keyboard.press('Tab');
    expect(await focused()).not.to.equal('editor');
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).to.equal('editor');

    // What is deleted takes no place with it.
    await page.keyboard.press('Delete');
    expect([await count(), await focused()]).to.deep.equal([1, 'editor']);
    await page.keyboard.press('Control+z');
    expect(await count()).to.equal(2);
    await page.getByLabel('Remove box 1').focus();
    await page.keyboard.press('Enter');
    expect(await focused()).to.equal('Remove box 1');
    await page.keyboard.press('Enter');
    expect([await count(), await focused()]).to.deep.equal([0, 'editor']);
    await page.focus('#undo');
    while (await page.locator('#undo').isEnabled()) await page.keyboard.press('Enter');
    expect(await focused()).not.to.equal('undo');
    expect(await page.evaluate(() => document.activeElement === document.body)).to.equal(false);
    while (await page.locator('#redo').isEnabled()) await page.locator('#redo').press('Enter');
    expect(await page.evaluate(() => document.activeElement === document.body)).to.equal(false);
  });

  it('gives the place of the last class and of the last picture to what comes next', async () => {
    expect(await page.locator('#classes [role=radio]').count()).to.equal(3);
    for (const name of ['cup', 'spoon', 'face']) {
      await page.getByLabel(`Delete ${name}`).focus();
      await page.keyboard.press('Enter');
    }
    expect(await focused()).to.equal('editor');
    await page.focus('#remove-picture');
    await page.keyboard.press('Enter');
    expect(await focused()).to.equal('remove-picture');
    await page.keyboard.press('Enter');
    expect(await focused()).to.equal('class-name');
    for (let i = 0; i < 5; i++) await page.click('#undo');
    expect(await page.locator('#train-strip button').count()).to.equal(2);
    expect(await page.locator('#classes [role=radio]').count()).to.equal(3);
  });

  it('is zoomed by two fingers around their middle, and draws no box', async () => {
    const [x, y] = await middle();
    const before = await look([x, y]);
    const at: Place = [x + 40, y - 20];
    await fingers(
      [
        [at[0] - 50, at[1]],
        [at[0] + 50, at[1]],
      ],
      [
        [at[0] - 125, at[1]],
        [at[0] + 125, at[1]],
      ],
    );
    expect(await count()).to.equal(0);
    const after = await look([x, y]);
    expect(after.scale / before.scale).to.be.closeTo(2.5, 0.1);
    for (const k of [0, 1] as const) expect(after.at(at)[k]).to.be.closeTo(before.at(at)[k], 3);
    // And back, as far as the whole picture.
    await fingers(
      [
        [at[0] - 125, at[1]],
        [at[0] + 125, at[1]],
      ],
      [
        [at[0] - 10, at[1]],
        [at[0] + 10, at[1]],
      ],
    );
    expect((await look([x, y])).scale).to.be.closeTo(before.scale, 0.05);
  });

  it('is moved by two fingers when it is zoomed; a third one draws nothing', async () => {
    const [x, y] = await middle();
    await page.keyboard.press('0');
    for (let i = 0; i < 3; i++) await page.keyboard.press('+');
    const before = await look([x, y]);
    const pair = (dx: number, dy: number): [Place, Place] => [
      [x - 40 + dx, y + dy],
      [x + 40 + dx, y + dy],
    ];
    await fingers(pair(0, 0), pair(56, -32));
    const after = await look([x, y]);
    expect(after.scale).to.be.closeTo(before.scale, 0.1);
    const [was, is] = [before.at([x, y]), after.at([x + 56, y - 32])];
    for (const k of [0, 1] as const) expect(is[k]).to.be.closeTo(was[k], 3);
    const three: Place[] = [...pair(0, 0), [x, y + 60]];
    await touch('touchStart', pair(0, 0));
    await touch('touchStart', three);
    await touch(
      'touchMove',
      three.map(([u, v]) => [u + 70, v + 70]),
    );
    await touch('touchEnd', []);
    await page.mouse.move(x - 90, y - 90);
    await page.mouse.move(x + 90, y + 90);
    expect(await count()).to.equal(0);
    await page.keyboard.press('0');
  });

  it('is zoomed by the wheel with Ctrl where the pointer is, and moved by the wheel alone', async () => {
    // The whole picture in view: the wheel is the page's.
    await page.setViewportSize({ width: 1200, height: 500 });
    await page.mouse.move(...(await middle()));
    const top = await page.evaluate(() => scrollY);
    await page.mouse.wheel(0, top === 0 ? 60 : -60);
    await page.waitForFunction((was) => scrollY !== was, top);
    await page.setViewportSize({ width: 1200, height: 850 });
    const [x, y] = await middle();
    const before = await look([x, y]);
    const at: Place = [x + 60, y + 30];
    await page.mouse.move(...at);
    await page.keyboard.down('Control');
    for (let i = 0; i < 4; i++) await page.mouse.wheel(0, -100);
    await page.keyboard.up('Control');
    const zoomed = await look([x, y]);
    expect(zoomed.scale / before.scale).to.be.closeTo(Math.E, 0.1);
    for (const k of [0, 1] as const) expect(zoomed.at(at)[k]).to.be.closeTo(before.at(at)[k], 3);
    // Down, and sideways as a touchpad does it or with Shift.
    await page.mouse.move(...at);
    await page.mouse.wheel(0, 50);
    await page.mouse.wheel(-30, 0);
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, -20);
    await page.keyboard.up('Shift');
    const moved = await look([x, y]);
    expect(moved.scale).to.be.closeTo(zoomed.scale, 0.1);
    const [was, is] = [zoomed.at([x, y]), moved.at([x + 50, y - 50])];
    for (const k of [0, 1] as const) expect(is[k]).to.be.closeTo(was[k], 3);
    await page.keyboard.press('0');
  });

  it('moves a zoomed picture with Space and the pointer', async () => {
    const [x, y] = await middle();
    await page.focus('#editor');
    for (let i = 0; i < 3; i++) await page.keyboard.press('+');
    const before = await look([x, y]);
    await page.keyboard.down(' ');
    await drag(page, [x, y], [x + 40, y + 25]);
    await page.keyboard.up(' ');
    expect(await count()).to.equal(0);
    const after = await look([x, y]);
    const [was, is] = [before.at([x, y]), after.at([x + 40, y + 25])];
    for (const k of [0, 1] as const) expect(is[k]).to.be.closeTo(was[k], 3);
    await page.keyboard.press('0');
  });

  const views = ['detect', 'train', 'inspect'] as const;

  /** Controls that are cut by the edge of the window, or reach over it. */
  const cut = () =>
    page.evaluate(() => {
      const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
      const controls = [...document.querySelectorAll('button, select, input, summary, canvas')].filter(
        (each) => each.checkVisibility() && each.closest('.strip, .tree') === null,
      );
      return [
        ...(wide > 0 ? [`the page is ${wide} pixels too wide`] : []),
        ...controls
          .map((each) => ({ each, box: each.getBoundingClientRect() }))
          .filter(({ box }) => box.left < 0 || box.right > document.documentElement.clientWidth)
          .map(({ each }) => each.id || each.outerHTML.slice(0, 80)),
      ];
    });

  it('fits at 200 % of a small window, and at 400 %, and is labelled there', async () => {
    // What the zoom of a browser does: fewer and larger pixels of CSS.
    for (const [width, height, deviceScaleFactor] of [
      [640, 400, 2],
      [320, 256, 4],
    ] as const) {
      await session.send('Emulation.setDeviceMetricsOverride', {
        width,
        height,
        deviceScaleFactor,
        mobile: false,
      });
      for (const view of views) {
        await page.click(`#tab-${view}`);
        expect(await cut(), `${view} at ${width} pixels`).to.deep.equal([]);
      }
      await page.click('#tab-train');
      const [x, y] = await middle();
      await drag(page, [x - 30, y - 20], [x + 30, y + 20]);
      const { width: w, height: h } = toldBox(await says());
      expect(w / h).to.be.closeTo(1.5, 0.1);
      await page.keyboard.press('Delete');
    }
    await session.send('Emulation.clearDeviceMetricsOverride');
    await page.setViewportSize({ width: 1200, height: 850 });
  });

  it('shows in forced colours what is chosen, and the curve', async () => {
    await page.emulateMedia({ forcedColors: 'active' });
    try {
      await page.focus('#editor');
      await page.keyboard.press('Enter');
      const outlines = await page.evaluate(() =>
        [
          '#tab-train',
          '#classes .chip:has([aria-checked=true])',
          '#train-strip [aria-current=true]',
          '#boxes li.hot',
        ].map((selector) => getComputedStyle(document.querySelector(selector)!).outlineStyle),
      );
      expect(outlines).to.deep.equal(['solid', 'solid', 'solid', 'solid']);
      // Classes are told apart by their colours, which stay.
      const swatches = await page
        .locator('#classes .swatch')
        .evaluateAll((list) => list.map((each) => getComputedStyle(each).backgroundColor));
      expect(new Set(swatches).size).to.equal(3);
      const lines = await page.evaluate(() => {
        const style = getComputedStyle(document.querySelector('#curve')!);
        return { line: style.outlineColor, ground: getComputedStyle(document.body).backgroundColor };
      });
      expect(lines.line).not.to.equal(lines.ground);
      await page.keyboard.press('Delete');
    } finally {
      await page.emulateMedia({ forcedColors: null });
    }
  });

  it('has names for all sliders, and nothing that axe finds, in light and in dark', async () => {
    await page.click('#tab-detect');
    await page.click('[data-picture=coffee]');
    await page.waitForSelector('#save-json:enabled');
    for (const details of ['#knows', '#take-model']) await page.click(`${details} summary`);
    await page.click('#tab-train');
    for (const details of ['#project-menu', '#editor-help']) await page.click(`${details} summary`);
    await page.focus('#editor');
    await page.keyboard.press('Enter');
    await page.click('#tab-inspect');
    await page.waitForSelector('#maps[data-drawn]');
    await page.evaluate(axe.source);
    const found: string[] = [];
    const sliders: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const view of views) {
        await page.click(`#tab-${view}`);
        const violations = await page.evaluate(async () => {
          const { axe: tool } = globalThis as unknown as { axe: { run(): Promise<axe.AxeResults> } };
          return (await tool.run()).violations.flatMap(({ id, nodes }) =>
            nodes.map(({ html }) => `${id}: ${html}`),
          );
        });
        found.push(...violations.map((each) => `${colorScheme}, ${view}: ${each}`));
        const tree = await page.locator('main').ariaSnapshot();
        sliders.push(...tree.split('\n').filter((line) => /- slider/.test(line)));
      }
    }
    await page.emulateMedia({ colorScheme: null });
    expect(found).to.deep.equal([]);
    expect(sliders).to.have.length(4);
    for (const slider of sliders) expect(slider).to.match(/slider "(Show finds above|Steps)"/);
  });

  it('keeps the keyboard where a training begins and ends', async () => {
    await page.click('#tab-train');
    await page.focus('#train-start');
    await page.keyboard.press('Enter');
    await said(page, '#train-state', /^Step/);
    expect(await focused()).to.equal('train-pause');
    await page.focus('#train-stop');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#trained:visible');
    expect(await focused()).to.equal('train-start');
  });
});

describe('the editor of the studio in Firefox', () => {
  let browser: Awaited<ReturnType<typeof startFirefox>>;
  let server: StaticServer;
  let page: FirefoxPage;

  removeStudio();
  before(async function () {
    requireBrowser('firefox', this);
    server = await serveStudio();
    browser = await startFirefox({ 'dom.w3c_touch_events.enabled': 1 });
    page = await browser.newPage();
    await page.goto(server.url);
    await page.waitForSelector('html[data-ready]');
    await page.click('#tab-train');
    await page.type('#class-name', 'thing');
    await page.keyboard.press('Enter');
    const input = (await page.$('#train-files')) as ElementHandle<HTMLInputElement> | null;
    await input!.uploadFile(picture('coffee'));
    await page.waitForSelector('#editor', { visible: true });
  });
  after(async () => {
    await browser?.close();
    await server?.close();
  });

  const middle = () =>
    page.$eval('#editor', (editor): [number, number] => {
      editor.scrollIntoView({ block: 'center' });
      const { x, y, width, height } = editor.getBoundingClientRect();
      return [Math.round(x + width / 2), Math.round(y + height / 2)];
    });
  const boxes = () => page.$$eval('#boxes select', (list) => list.length);

  async function look([x, y]: Place) {
    const [from, to] = [[x - 60, y - 60] as const, [x + 60, y + 60] as const];
    await page.mouse.move(...from);
    await page.mouse.down();
    await page.mouse.move(...to, { steps: 4 });
    await page.mouse.up();
    const told = toldBox((await page.$eval('#editor-says', ({ textContent }) => textContent))!);
    await page.keyboard.press('Delete');
    return seen(from, to, told);
  }

  it('is zoomed by the wheel with Ctrl, and moved by the wheel alone', async () => {
    const [x, y] = await middle();
    const before = await look([x, y]);
    const at: Place = [x + 60, y + 30];
    await page.mouse.move(...at);
    await page.keyboard.down('Control');
    for (let i = 0; i < 4; i++) await page.mouse.wheel({ deltaY: -100 });
    await page.keyboard.up('Control');
    const zoomed = await look([x, y]);
    expect(zoomed.scale / before.scale).to.be.closeTo(Math.E, 0.1);
    for (const k of [0, 1] as const) expect(zoomed.at(at)[k]).to.be.closeTo(before.at(at)[k], 3);
    await page.mouse.move(...at);
    await page.mouse.wheel({ deltaX: -40, deltaY: 50 });
    const moved = await look([x, y]);
    const [was, is] = [zoomed.at([x, y]), moved.at([x + 40, y - 50])];
    for (const k of [0, 1] as const) expect(is[k]).to.be.closeTo(was[k], 3);
    await page.keyboard.press('0');
  });

  it('is zoomed and moved by two fingers', async () => {
    const [x, y] = await middle();
    const before = await look([x, y]);
    const one = await page.touchscreen.touchStart(x - 40, y);
    const two = await page.touchscreen.touchStart(x + 40, y);
    for (let k = 1; k <= 8; k++) {
      await one.move(x - 40 - 7.5 * k, y + 5 * k);
      await two.move(x + 40 + 7.5 * k, y + 5 * k);
    }
    await one.end();
    await two.end();
    expect(await boxes()).to.equal(0);
    const after = await look([x, y]);
    expect(after.scale / before.scale).to.be.closeTo(2.5, 0.1);
    const [was, is] = [before.at([x, y]), after.at([x, y + 40])];
    for (const k of [0, 1] as const) expect(is[k]).to.be.closeTo(was[k], 3);
    await page.keyboard.press('0');
  });

  it('is labelled with the keyboard alone, and keeps its place', async () => {
    await page.focus('#editor');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Delete');
    const focused = () => page.evaluate(() => document.activeElement!.id);
    expect([await boxes(), await focused()]).to.deep.equal([0, 'editor']);
    await page.focus('#undo');
    await page.keyboard.press('Enter');
    expect([await boxes(), await focused()]).to.deep.equal([1, 'undo']);
  });
});
