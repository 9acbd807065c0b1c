/**
 * Programs that know nothing of this package give the same answers with it: they run in processes of their own, as they are,
 * and once more with the four lines of third-party/fast.mjs loaded before them.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { HANG } from '../../support/hang.ts';
import { sourceFlags } from '../../support/program.ts';
import { worst } from './support.ts';

interface Answers {
  /** Numbers by name. */
  readonly values: Readonly<Record<string, readonly number[]>>;
  /** What must be the very same. */
  readonly found: readonly unknown[];
}

interface Ran extends Answers {
  /** How often each job of our binary ran. */
  readonly jobs: Readonly<Record<string, number>>;
}

const url = (file: string) => new URL(`third-party/${file}`, import.meta.url).href;

async function run(program: string, preload: readonly string[], ...args: string[]): Promise<Ran> {
  const imports = [...preload.map(url), url('count-jobs.ts')].flatMap((file) => ['--import', file]);
  const options = [...sourceFlags, ...imports, new URL(url(program)).pathname, ...args];
  const settings = { timeout: HANG, maxBuffer: 2 ** 26 };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, options, settings);
  const jobs = JSON.parse(/^jobs (.*)$/m.exec(stderr)![1]!);
  return { ...(JSON.parse(stdout.slice(stdout.indexOf('{"values"'))) as Answers), jobs };
}

function compare(fast: Ran, plain: Ran, tolerance: number): void {
  expect(plain.jobs).to.deep.equal({});
  expect(fast.found).to.deep.equal(plain.found);
  expect(Object.keys(fast.values)).to.deep.equal(Object.keys(plain.values));
  for (const [name, expected] of Object.entries(plain.values)) {
    expect(expected.length, name).to.be.greaterThan(0);
    expect(worst(fast.values[name]!, expected), name).to.be.below(tolerance);
  }
}

describe('wasm: programs of others, unchanged', () => {
  it('tfjs-layers recognizes the same', async () => {
    const plain = await run('layers-predict.ts', []);
    const fast = await run('layers-predict.ts', ['fast.mjs']);
    compare(fast, plain, 1e-4);
    for (const job of ['winograd', 'conv', 'depthwise', 'maxPool', 'avgPool', 'addRows'])
      expect(fast.jobs, job).to.have.property(job);
  });

  it('tfjs-layers trains, which it cannot without: as on plain JavaScript', async () => {
    let failure: unknown;
    await run('layers-train.ts', [], 'wasm').catch((error: unknown) => {
      failure = error;
    });
    expect(String(failure)).to.include("Kernel 'Conv2DBackpropFilter' not registered");
    const plain = await run('layers-train.ts', [], 'cpu');
    const fast = await run('layers-train.ts', ['fast.mjs'], 'wasm');
    compare(fast, plain, 1e-4);
    for (const job of ['multiplyGradient', 'depthwiseFilter', 'depthwise', 'maxPoolGradient'])
      expect(fast.jobs, job).to.have.property(job);
    // With a stride of 1 the gradient of the input is the forward job once more.
    expect(fast.jobs.depthwise).to.equal(2 * fast.jobs.depthwiseFilter!);
  });

  it('face-api.js sees the same faces: boxes, landmarks, expressions, age, descriptors', async () => {
    const plain = await run('faces.ts', []);
    expect(plain.found[0]).to.deep.equal([['female', 'happy']]);
    const fast = await run('faces.ts', ['fast.mjs']);
    compare(fast, plain, 1e-4);
    for (const job of ['winograd', 'conv', 'depthwise', 'maxPool', 'avgPool', 'addRows'])
      expect(fast.jobs, job).to.have.property(job);
  });
});
