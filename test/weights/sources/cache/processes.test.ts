import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { sourceFlags } from '../../../support/program.ts';
import { WeightsServer } from '../../weights-server.ts';

const child = fileURLToPath(new URL('./download-child.ts', import.meta.url));
const body = Uint8Array.from({ length: 4_000_000 }, (_, i) => (i * 31 + (i >> 9)) & 255);
const sha256 = createHash('sha256').update(body).digest('hex');

describe('the cache, used by several processes', () => {
  let server: WeightsServer;
  let cacheDir: string;
  before(async () => {
    server = await WeightsServer.start();
  });
  after(() => server.stop());
  beforeEach(async () => {
    server.reset();
    cacheDir = await mkdtemp(join(tmpdir(), 'chaingrad-processes-'));
  });
  afterEach(() => rm(cacheDir, { recursive: true, force: true }));

  const start = (url: string): { process: ChildProcess; output: Promise<string> } => {
    const process = spawn(globalThis.process.execPath, [...sourceFlags, child, url, cacheDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    process.stdout!.on('data', (chunk) => {
      text += chunk;
    });
    return { process, output: new Promise((resolve) => process.on('close', () => resolve(text))) };
  };

  it('at the same time: one downloads, the others wait', async () => {
    const url = server.serve('w', { body, drip: { bytes: 40_000, every: 20 } });
    const outputs = await Promise.all([start(url), start(url), start(url)].map(({ output }) => output));
    expect(outputs).to.deep.equal([sha256, sha256, sha256]);
    expect(server.requests).to.have.length(1);
  });

  it('one is killed in the middle: the next begins where it stopped, once its lock has grown old', async () => {
    const url = server.serve('w', { body, drip: { bytes: 100_000, every: 20 } });
    const first = start(url);
    while (server.sent < 1_500_000) await new Promise((resolve) => setTimeout(resolve, 10));
    first.process.kill('SIGKILL');
    await first.output;
    expect((await readdir(join(cacheDir, 'partial'))).some((name) => name.endsWith('.lock'))).to.equal(true);
    server.serve('w', { body });
    expect(await start(url).output).to.equal(sha256);
    const last = server.requests.at(-1)!;
    expect(Number(/^bytes=(\d+)-$/.exec(last.range ?? '')?.[1])).to.be.greaterThan(200_000);
    const partial = await readdir(join(cacheDir, 'partial'));
    expect(partial).to.deep.equal([]);
  });
});
