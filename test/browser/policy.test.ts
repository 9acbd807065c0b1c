/** `useBackend` in pages whose Content-Security-Policy forbids some or all of what WASM needs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BackendInfo } from '@chaingrad/core';
import { expect } from 'chai';
import { isolationHeaders, type StaticServer, startServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium, startFirefox } from './support/browsers.ts';
import { bundlePage } from './support/test-page.ts';

const program = `
import { square, useBackend, tensor1d } from '@chaingrad/core';
const ask = async (name) => {
  try {
    const info = await useBackend(name);
    const x = tensor1d([1, 2]);
    return { ...info, values: [...(await square(x).data())] };
  } catch (error) {
    return { error: error.name, message: error.message };
  }
};
globalThis.result = { wasm: await ask('wasm'), auto: await ask('auto') };
`;

type Answer = BackendInfo & { readonly values: number[] };
type Result = {
  readonly wasm: Answer | { readonly error: string; readonly message: string };
  readonly auto: Answer;
};

const policies = {
  nothing: "default-src 'self'",
  wasm: "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
  threads: "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:",
} as const;

describe('useBackend under a Content-Security-Policy', () => {
  let folder: string;
  const servers = {} as Record<keyof typeof policies, StaticServer>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-policy-'));
    await writeFile(join(folder, 'program.js'), program);
    await bundlePage(folder, 'program.js');
    for (const [name, policy] of Object.entries(policies) as [keyof typeof policies, string][])
      servers[name] = await startServer(
        { '/': folder },
        { headers: { ...isolationHeaders, 'Content-Security-Policy': policy } },
      );
  });
  after(async () => {
    for (const server of Object.values(servers)) await server.close();
    await rm(folder, { recursive: true });
  });

  /** The same in each browser. */
  function check(open: (url: string) => Promise<Result>): void {
    it('goes on to plain JavaScript where WebAssembly is forbidden, and refuses WASM', async () => {
      const { wasm, auto } = await open(servers.nothing.url);
      expect(wasm).to.include({ error: 'WasmUnavailableError' });
      expect(auto.name).to.equal('cpu');
      expect(auto.notes.join()).to.include("'wasm-unsafe-eval'");
      expect(auto.values).to.deep.equal([1, 4]);
    });

    it('uses one thread where workers from blobs are forbidden, and says so', async () => {
      const { auto } = await open(servers.wasm.url);
      expect(auto.name).to.equal('wasm');
      expect(auto.wasm?.threads).to.equal(1);
      expect(auto.notes.join()).to.match(/1 thread/);
      expect(auto.values).to.deep.equal([1, 4]);
    });

    it('uses several threads where only these two are allowed', async () => {
      const { auto } = await open(servers.threads.url);
      expect(auto.wasm?.threads).to.be.above(1);
      expect(auto.notes.join()).not.to.match(/thread/);
    });
  }

  const hideGpu = () => Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined });

  describe('Chromium', () => {
    let browser: Awaited<ReturnType<typeof startChromium>>;
    before(async function () {
      requireBrowser('chromium', this);
      browser = await startChromium();
    });
    after(() => browser?.close());
    check(async (url) => {
      const page = await browser.newPage();
      await page.addInitScript(hideGpu);
      await page.goto(url);
      await page.waitForFunction(() => 'result' in globalThis);
      return page.evaluate(() => (globalThis as unknown as { result: Result }).result);
    });
  });

  describe('Firefox', () => {
    let browser: Awaited<ReturnType<typeof startFirefox>>;
    before(async function () {
      requireBrowser('firefox', this);
      browser = await startFirefox();
    });
    after(() => browser?.close());
    check(async (url) => {
      const page = await browser.newPage();
      await page.goto(url);
      // Puppeteer's own waiting makes a function of a text, which the policies forbid.
      while (!(await page.evaluate(() => 'result' in globalThis))) await setTimeout(100);
      return page.evaluate(() => (globalThis as unknown as { result: Result }).result);
    });
  });
});
