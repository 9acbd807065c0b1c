/**
 * A whole training that is gone on with, on a disk that fails, tears, fills up or stops at one of its writes: what is left is whole, the
 * best model and its result belong together, and the next run makes the same as one without a fault.
 *
 * There are some forty writes in four ways, and two trainings for each: a few of them here, all with CHAINGRAD_FAULTS=all.
 */
import '@tensorflow/tfjs-backend-cpu';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readArray } from '@chaingrad/core';
import { openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import sharp from 'sharp';
import { main } from '../../packages/cli/src/program.ts';
import { writeVocFolder } from '../cli/generated-data.ts';
import { everyFault, ways } from '../support/failing-disk.ts';

const every = process.env['CHAINGRAD_FAULTS'] === 'all' ? 1 : 15;

describe('attacks: faults at every write of a training', function () {
  this.timeout(3_600_000);
  let base: string;
  let writes = 0;
  const run = async (out: string, ...more: string[]): Promise<{ code: number; told: string }> => {
    const [stderr, stdout] = [process.stderr.write, process.stdout.write];
    let told = '';
    process.stderr.write = process.stdout.write = ((text: string) => {
      told += text;
      return true;
    }) as typeof stderr;
    try {
      return { code: await main(['finetune', '--out', out, ...more]), told };
    } finally {
      process.stderr.write = stderr;
      process.stdout.write = stdout;
      process.exitCode = 0;
    }
  };
  const goOn = (out: string) => run(out, '--resume', '--updates', '2', '--backend', 'wasm');
  const finished = async (out: string, ...more: string[]) => {
    const { code, told } = await run(out, ...more);
    expect(code, told).to.equal(0);
  };
  const text = (file: string) => fs.readFile(file, 'utf8').catch(() => null);
  /** The best model and what tells of it. */
  const state = async (out: string) => ({
    best: createHash('sha256')
      .update(await fs.readFile(join(out, 'best.npz')))
      .digest('hex'),
    result: await text(join(out, 'result.json')),
  });
  let old: Awaited<ReturnType<typeof state>>;
  let whole: Awaited<ReturnType<typeof state>>;

  before(async () => {
    base = await fs.mkdtemp(join(tmpdir(), 'chaingrad-training-'));
    const data = join(base, 'data');
    await writeVocFolder(data, 3, { trainval: [0], test: [1] });
    const how = ['--batch', '1', '--size', '128', '--augment', 'none', '--lr', '0.05', '--backend', 'wasm'];
    const out = join(base, 'old');
    await finished(out, '--data', data, '--updates', '1', '--freeze', 'extractor', ...how);
    old = await state(out);
    const copy = join(base, 'whole');
    await fs.cp(out, copy, { recursive: true });
    await finished(copy, '--resume', '--updates', '2', '--backend', 'wasm');
    whole = await state(copy);
    expect(whole.best).not.to.equal(old.best);
    expect(whole.result).not.to.equal(old.result);
  });
  after(() => fs.rm(base, { recursive: true }));

  for (const [i, way] of ways.entries()) {
    it(`a write that ${way}`, async () => {
      const count = await everyFault(
        way,
        {
          before: (folder) => fs.cp(join(base, 'old'), join(folder, 'out'), { recursive: true }),
          async work(folder) {
            const { code, told } = await goOn(join(folder, 'out'));
            if (code !== 0) expect(told).to.match(/error: /);
            writes++;
          },
          async look(folder) {
            const out = join(folder, 'out');
            await isWhole(out);
            const { best, result } = await state(out);
            expect([old.best, whole.best]).to.include(best);
            if (result !== null) expect(result).to.equal(best === whole.best ? whole.result : old.result);
            // The lock of a process that has stopped, which the next one sees; here it is the same.
            if (way === 'stops') await fs.rm(join(out, 'run.lock'), { force: true });
          },
          again: async (folder) => expect(await state(join(folder, 'out'))).to.deep.equal(whole),
        },
        { first: i * 4, every },
      );
      expect(writes).to.be.greaterThan(2);
      if (every === 1) console.info(`${way}: ${count} writes`);
    });
  }
});

/** Opens every file of a run. */
async function isWhole(folder: string): Promise<void> {
  for (const entry of await fs.readdir(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) await isWhole(file);
    else if (entry.name.endsWith('.part') || entry.name === 'run.lock') continue;
    else if (entry.name.endsWith('.npz') || entry.name.startsWith('snapshot_iter_')) {
      await using weights = await openWeights(file);
      for (const key of weights.keys()) await readArray(weights, key);
    } else if (entry.name.endsWith('.png')) await sharp(await fs.readFile(file)).stats();
    else if (entry.name.endsWith('.svg')) expect(await fs.readFile(file, 'utf8')).to.match(/<\/svg>\s*$/);
    else JSON.parse(await fs.readFile(file, 'utf8'));
  }
}
