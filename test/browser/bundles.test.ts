/** The built packages in Vite, webpack and Rollup projects and in plain pages, in a real Chromium. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import commonjs from '@rollup/plugin-commonjs';
import nodeResolve from '@rollup/plugin-node-resolve';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { rollup } from 'rollup';
import { build as viteBuild } from 'vite';
import webpack from 'webpack';
import { isolationHeaders, startServer } from '../../examples/web/server.ts';
import { requirePresent } from '../support/present.ts';
import { requireBrowser, startChromium } from './support/browsers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'test/browser/fixtures');
const wasmFile = 'tfjs-backend-wasm-simd.wasm';

/** What a fixture leaves in `globalThis.result`. */
interface Result {
  readonly error?: string;
  readonly backend?: string;
  readonly wasm?: { readonly relaxedSimd: boolean; readonly threads: number } | null;
  readonly notes?: readonly string[];
  readonly losses?: readonly number[];
  readonly boxes?: number;
  readonly zoo?: string;
}

async function buildWithVite(out: string): Promise<void> {
  await viteBuild({
    root: join(fixtures, 'vite'),
    base: './',
    logLevel: 'silent',
    build: { outDir: out, emptyOutDir: true },
  });
}

async function buildWithWebpack(out: string): Promise<void> {
  const compiler = webpack({
    mode: 'production',
    context: join(fixtures, 'webpack'),
    entry: './main.js',
    output: { path: out, filename: 'main.js' },
    performance: { hints: false },
    optimization: { minimize: false },
  });
  const stats = await new Promise<webpack.Stats>((resolve, reject) => {
    compiler.run((error, result) => (error || !result ? reject(error) : resolve(result)));
  });
  await new Promise((resolve) => compiler.close(resolve));
  const { errors = [], warnings = [] } = stats.toJson({ all: false, errors: true, warnings: true });
  expect(
    [...errors, ...warnings].map(({ message }) => message),
    'messages of webpack',
  ).to.deep.equal([]);
  await copyFile(join(fixtures, 'webpack/index.html'), join(out, 'index.html'));
}

/** Rollup itself copies no files: the WASM binary is copied by hand, as docs/browser.md says. */
async function buildWithRollup(out: string): Promise<void> {
  const bundle = await rollup({
    input: join(fixtures, 'rollup/main.js'),
    plugins: [nodeResolve({ browser: true }), commonjs()],
    onwarn: ({ code, message }) => {
      if (code === 'UNRESOLVED_IMPORT') throw new Error(message);
    },
  });
  await bundle.write({ dir: out, format: 'es' });
  await copyFile(join(root, 'packages/kernels/dist', wasmFile), join(out, wasmFile));
  await copyFile(join(fixtures, 'rollup/index.html'), join(out, 'index.html'));
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
      await Promise.race([
        page.waitForFunction(() => 'result' in globalThis, undefined, { timeout: 90_000 }),
        failed,
      ]);
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

  for (const [name, build] of [
    ['Vite', buildWithVite],
    ['webpack', buildWithWebpack],
    ['Rollup', buildWithRollup],
  ] as const) {
    it(`${name} builds an app that trains and detects, on threads`, async () => {
      const out = join(folder, name);
      await mkdir(out);
      await build(out);
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
