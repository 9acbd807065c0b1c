/** The built packages as each bundler builds them and in plain pages, in a real Chromium. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { isolationHeaders, startServer } from '../../examples/web/server.ts';
import { bundlers } from '../support/bundlers.ts';
import { requirePresent } from '../support/present.ts';
import { requireBrowser, startChromium, startFirefox } from './support/browsers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'test/browser/fixtures');
const wasmFile = 'tfjs-backend-wasm-simd.wasm';

/** What a fixture leaves in `globalThis.result`. */
interface Result {
  readonly error?: string;
  readonly backend?: string;
  readonly wasm?: { readonly relaxedSimd: boolean; readonly wide: boolean; readonly threads: number } | null;
  readonly notes?: readonly string[];
  readonly losses?: readonly number[];
  readonly boxes?: number;
  readonly zoo?: string;
}

describe('bundles in Chromium', () => {
  let browser: Browser;
  let folder: string;

  before(async function () {
    requireBrowser('chromium', this);
    const built = ['core/dist/index.js', 'vision/dist/chaingrad.js', `kernels/dist/${wasmFile}`];
    const present = built.every((file) => existsSync(join(root, 'packages', file)));
    requirePresent(present, 'the built packages: npm run build', this);
    browser = await startChromium();
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-bundles-'));
  });
  after(async () => {
    await browser?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  /** Opens a page and waits for its result; nothing may be asked of another server. */
  async function resultOf(
    folders: Readonly<Record<string, string>>,
    path: string,
    headers: Readonly<Record<string, string>> = isolationHeaders,
  ): Promise<Result> {
    const server = await startServer(folders, { headers });
    const page = await browser.newPage();
    const foreign: string[] = [];
    const problems: string[] = [];
    page.on('request', (request) => {
      if (!/^(http:\/\/localhost:|blob:|data:)/.test(request.url())) foreign.push(request.url());
    });
    page.on('pageerror', (error) => problems.push(String(error)));
    try {
      await page.goto(server.url + path);
      const failed = new Promise<never>((_, reject) => page.once('pageerror', reject));
      await Promise.race([page.waitForFunction(() => 'result' in globalThis), failed]);
      const result = (await page.evaluate('globalThis.result')) as Result;
      expect(result.error).to.equal(undefined);
      expect(problems, 'errors of the page').to.deep.equal([]);
      expect(foreign, 'requests to other servers').to.deep.equal([]);
      return result;
    } finally {
      await page.close();
      await server.close();
    }
  }

  function expectWorking({ backend, wasm, losses, boxes, zoo, notes }: Result): void {
    expect(backend).to.equal('wasm');
    expect(notes).to.deep.equal([]);
    expect(wasm, 'the fast kernels').to.not.equal(null);
    expect(losses!.length).to.equal(10);
    expect(losses!.at(-1)).to.be.below(losses![0]! / 2);
    expect(boxes).to.be.above(0);
    expect(zoo).to.equal('function');
  }

  for (const { bundler, bundle } of bundlers) {
    it(`${bundler} builds an app that trains and detects, on threads`, async () => {
      const out = join(folder, bundler);
      await mkdir(out);
      await bundle(fixtures, out);
      const result = await resultOf({ '/': out }, '');
      expectWorking(result);
      expect(result.wasm!.threads).to.be.at.least(1);
    });
  }

  const plain = {
    '/': join(fixtures, 'page'),
    '/fixtures/': fixtures,
    '/packages/': join(root, 'packages'),
    '/node_modules/': join(root, 'node_modules'),
  };

  it('a plain page with an import map trains and detects', async () => {
    expectWorking(await resultOf(plain, ''));
  });

  it('a page that is not isolated runs on one thread', async () => {
    const result = await resultOf(plain, '', {});
    expectWorking(result);
    expect(result.wasm!.threads).to.equal(1);
  });

  for (const backend of ['wasm', 'webgpu', 'cpu']) {
    it(`one file holds everything [${backend}]`, async () => {
      const { boxes, backend: used } = await resultOf(plain, `one-file.html?backend=${backend}`);
      expect(used).to.equal(backend);
      expect(boxes).to.be.above(0);
    });
  }
});

describe('the file for pages without a bundler in Firefox', () => {
  let browser: Awaited<ReturnType<typeof startFirefox>>;
  let folder: string;

  before(async function () {
    requireBrowser('firefox', this);
    const built = existsSync(join(root, 'packages/vision/dist/chaingrad.js'));
    requirePresent(built, 'the built packages: npm run build', this);
    browser = await startFirefox();
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-bundles-'));
  });
  after(async () => {
    await browser?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  it('loads a file, which is closed behind it, also where the browser knows no `using`', async () => {
    const page = await browser.newPage();
    await writeFile(
      join(folder, 'index.html'),
      `<!doctype html><body><script type="module">
        try {
          const { Linear, load, serialize, useBackend } = await import('/dist/chaingrad.js');
          await useBackend('cpu');
          const [from, to] = [new Linear(2, 3), new Linear(2, 3)];
          const { copied } = await load(to, await serialize(from));
          document.body.dataset.done = copied.length + ' copied';
        } catch (error) {
          document.body.dataset.done = String(error);
        }
      </script>`,
    );
    const server = await startServer(
      { '/': folder, '/dist/': join(root, 'packages/vision/dist') },
      { headers: isolationHeaders },
    );
    try {
      await page.goto(server.url);
      await page.waitForSelector('body[data-done]');
      expect(await page.$eval('body', (body) => body.dataset['done'])).to.equal('2 copied');
    } finally {
      await server.close();
    }
  });
});
