/** The tests of kernels, functions, links, optimizers and SSD in real browsers, on the backends that they have. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isolationHeaders, type StaticServer, startServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium, startFirefox } from './support/browsers.ts';
import type { BrowserRun } from './support/run-tests.ts';
import { writeTestPages } from './support/test-page.ts';

const goldens = [
  'core/functions/goldens.test.ts',
  'core/optimizer/goldens.test.ts',
  'kernels/ops/goldens.test.ts',
];

/** On SwiftShader a shader takes about a second to compile: there the answers of the real Chainer have to do. */
const sets = {
  wasm: {
    backend: 'wasm',
    files: [
      ...goldens,
      'core/calibration.test.ts',
      'core/functions/convolution.test.ts',
      'core/functions/pooling.test.ts',
      'core/links/batch-normalization.test.ts',
      'core/links/convolution-2d.test.ts',
      'core/links/linear.test.ts',
      'core/links/pickable-small.test.ts',
      'core/optimizer/convnet.test.ts',
      'core/optimizer/optimizer.test.ts',
      'core/optimizer/rules.test.ts',
      'kernels/gradients/rules.test.ts',
      'kernels/ops/conv-2d.test.ts',
      'kernels/ops/pool-2d.test.ts',
      'vision/models/ssd/multibox.test.ts',
      'vision/models/ssd/ssd.test.ts',
      'vision/models/ssd/multibox-loss.test.ts',
    ],
  },
  webgpu: { backend: 'webgpu', files: [...goldens, 'vision/models/ssd/multibox.test.ts'] },
} as const;

describe('test files in real browsers', () => {
  let folder: string;
  let isolated: StaticServer;
  let plain: StaticServer;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-browser-'));
    await writeTestPages(folder, sets);
    isolated = await startServer({ '/': folder }, { headers: isolationHeaders });
    plain = await startServer({ '/': folder });
  });
  after(async () => {
    await isolated?.close();
    await plain?.close();
    await rm(folder, { recursive: true });
  });

  function check(run: BrowserRun | { error: string }, atLeast: number): BrowserRun {
    if ('error' in run) throw new Error(run.error);
    console.log(
      `      ${run.passed} passed, ${run.failures.length} failed, ${run.skipped} skipped; ${JSON.stringify(run.backend)}`,
    );
    expect(run.failures).to.deep.equal([]);
    expect(run.passed, 'tests that passed').to.be.at.least(atLeast);
    return run;
  }

  const isDone = () => 'chaingradRun' in globalThis;

  describe('Chromium', () => {
    let browser: Awaited<ReturnType<typeof startChromium>>;
    before(async function () {
      requireBrowser('chromium', this);
      browser = await startChromium();
    });
    after(() => browser?.close());

    async function open(server: StaticServer, name: string): Promise<BrowserRun | { error: string }> {
      const page = await browser.newPage();
      await page.goto(`${server.url}${name}.html`);
      await page.waitForFunction(isDone, undefined, { polling: 200 });
      const run = await page.evaluate('globalThis.chaingradRun');
      await page.close();
      return run as BrowserRun;
    }

    it('WASM', async () => {
      const run = check(await open(plain, 'wasm'), 150);
      expect(run.isolated).to.equal(false);
      expect(run.backend.wasm?.threads).to.equal(1);
    });

    it('WASM on threads', async () => {
      const run = check(await open(isolated, 'wasm'), 150);
      expect(run.isolated).to.equal(true);
    });

    it('WebGPU', async () => {
      expect(check(await open(isolated, 'webgpu'), 50).backend.name).to.equal('webgpu');
    });
  });

  describe('Firefox', () => {
    let browser: Awaited<ReturnType<typeof startFirefox>>;
    before(async function () {
      requireBrowser('firefox', this);
      browser = await startFirefox();
    });
    after(() => browser?.close());

    for (const [title, threads, relaxed] of [
      ['WASM without relaxed SIMD', false, false],
      ['WASM on threads', true, true],
    ] as const) {
      it(title, async () => {
        const page = await browser.newPage();
        await page.goto(`${(threads ? isolated : plain).url}wasm.html${relaxed ? '' : '#no-relaxed-simd'}`);
        await page.waitForFunction(isDone, { polling: 200 });
        const run = check((await page.evaluate('globalThis.chaingradRun')) as BrowserRun, 150);
        await page.close();
        expect(run.isolated).to.equal(threads);
        expect(run.backend.wasm?.relaxedSimd).to.equal(relaxed);
        if (!threads) expect(run.backend.wasm?.threads).to.equal(1);
      });
    }
  });
});
