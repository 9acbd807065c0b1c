/** What `useBackend('auto')` takes in a page where there is WebGPU beside WASM. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BackendInfo } from '@chaingrad/core';
import { expect } from 'chai';
import type { BrowserContext } from 'playwright-core';
import { isolationHeaders, type StaticServer, startServer } from '../../examples/web/server.ts';
import { requireBrowser, startChromium } from './support/browsers.ts';
import { bundlePage } from './support/test-page.ts';

const program = `
import { memory, square, tensor1d, useBackend } from '@chaingrad/core';
const info = await useBackend('auto');
const { numTensors } = memory();
globalThis.result = { ...info, numTensors, values: [...(await square(tensor1d([1, 2])).data())] };
`;

type Answer = BackendInfo & { readonly numTensors: number; readonly values: number[] };

describe("useBackend('auto') in a page with WebGPU", () => {
  let folder: string;
  let server: StaticServer;
  let browser: Awaited<ReturnType<typeof startChromium>>;
  let context: BrowserContext;

  before(async function () {
    requireBrowser('chromium', this);
    folder = await mkdtemp(join(tmpdir(), 'chaingrad-auto-'));
    await writeFile(join(folder, 'program.js'), program);
    await bundlePage(folder, 'program.js');
    server = await startServer({ '/': folder }, { headers: isolationHeaders });
    browser = await startChromium();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    context = await browser.newContext();
  });
  afterEach(() => context.close());

  async function visit(): Promise<Answer> {
    const page = await context.newPage();
    await page.goto(server.url);
    await page.waitForFunction(() => 'result' in globalThis);
    const answer = await page.evaluate(() => (globalThis as unknown as { result: Answer }).result);
    expect(answer.values).to.deep.equal([1, 4]);
    expect(answer.numTensors).to.equal(0);
    await page.close();
    return answer;
  }

  /** The software GPU pretends to be another. */
  const pretend = `Object.defineProperty(GPUAdapter.prototype, 'info', {
    value: { vendor: 'acme', architecture: 'rocket', isFallbackAdapter: false },
  })`;

  it('never takes a GPU that is emulated on the processor', async () => {
    const { name, notes } = await visit();
    expect(name).to.equal('wasm');
    expect(notes.join()).to.match(/WebGPU would compute on the processor here \(.*swiftshader.*\)/i);
  });

  it('measures both and takes the faster; the next visit remembers it', async () => {
    await context.addInitScript({ content: pretend });
    const first = await visit();
    console.log(`      ${first.notes.join('; ')}`);
    const note = first.notes.find((text) => text.startsWith('Measured: '))!;
    const [, best, ms, other, otherMs] = /(\w+) ([\d.]+) ms, (\w+) ([\d.]+) ms.*acme rocket/.exec(note)!;
    expect(first.name).to.equal(best);
    expect([best, other]).to.have.members(['wasm', 'webgpu']);
    expect(Number(ms)).to.be.at.most(Number(otherMs));
    const second = await visit();
    expect(second.name).to.equal(best);
    expect(second.notes.join()).to.include('at an earlier visit (GPU: acme rocket)');
  });

  it('takes WebGPU where that was the faster', async () => {
    await context.addInitScript({ content: pretend });
    await visit();
    const page = await context.newPage();
    await page.goto(server.url);
    await page.evaluate(async () => {
      const cache = await caches.open('chaingrad-backend');
      for (const key of await cache.keys()) await cache.put(key, new Response('webgpu'));
    });
    await page.close();
    expect((await visit()).name).to.equal('webgpu');
  });
});
