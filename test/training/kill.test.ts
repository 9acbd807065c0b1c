/** The process is killed at all kinds of moments: the training is not lost, and ends as if nothing had happened. */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { sourceFlags } from '../support/program.ts';
import type { KillPoint } from './kill-child.ts';

interface Line {
  readonly message?: string;
  readonly resumed?: number | null;
  readonly iteration?: number;
  readonly hash?: string;
}

interface Outcome {
  readonly signal: string | null;
  readonly lines: readonly Line[];
}

/** Runs the training in a folder, until it ends or is killed: by itself at a point, or from here after an iteration. */
function train(folder: string, point: KillPoint | null = null, killAfter = Infinity): Promise<Outcome> {
  const child = spawn(
    process.execPath,
    [
      ...sourceFlags,
      ...['test/training/kill-child.ts', folder, ...(point === null ? [] : [JSON.stringify(point)])],
    ],
    { cwd: fileURLToPath(new URL('../..', import.meta.url)), stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
    if (stdout.includes(`"iteration":${killAfter}}`)) child.kill('SIGKILL');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code !== 0 && signal === null) reject(new Error(stderr));
      const whole = stdout.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
      resolve({ signal, lines: whole.map((line) => JSON.parse(line) as Line) });
    });
  });
}

const newestSnapshot = async (folder: string): Promise<number | null> => {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith('snapshot_iter_'));
  return names.length === 0 ? null : Math.max(...names.map((name) => Number(name.slice(14))));
};

const resumedOf = ({ lines }: Outcome) => lines.find((line) => 'resumed' in line)?.resumed;
const hashOf = ({ lines }: Outcome) => lines.at(-1)?.hash;

describe('training that is killed', () => {
  let root: string;
  let expected: string | undefined;

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'chaingrad-kill-'));
    const whole = await train(join(root, 'whole'));
    expect(resumedOf(whole)).to.equal(null);
    expect(whole.lines.find(({ message }) => message)?.message).to.match(
      /^No snapshot in .*: training begins anew\.$/,
    );
    expected = hashOf(whole);
    expect(expected).to.match(/^[0-9a-f]{64}$/);
  });
  after(() => rm(root, { recursive: true }));

  it('at every moment of its work on files', async () => {
    const folder = join(root, 'points');
    const points: KillPoint[] = [
      { operation: 'writeFile', file: 'snapshot', phase: 'half', count: 1 },
      { operation: 'rename', file: 'snapshot', phase: 'before', count: 1 },
      { operation: 'rename', file: 'snapshot', phase: 'after', count: 1 },
      { operation: 'writeFile', file: 'log', phase: 'half', count: 1 },
      { operation: 'rename', file: 'log', phase: 'after', count: 1 },
      { operation: 'writeFile', file: 'snapshot', phase: 'half', count: 2 },
      { operation: 'rm', file: 'snapshot', phase: 'before', count: 1 },
      { operation: 'rm', file: 'snapshot', phase: 'after', count: 1 },
      { operation: 'writeFile', file: 'snapshot', phase: 'after', count: 2 },
    ];
    let before: number | null = null;
    for (const point of points) {
      const outcome = await train(folder, point);
      expect(outcome.signal, JSON.stringify(point)).to.equal('SIGKILL');
      expect(resumedOf(outcome)).to.equal(before);
      const done =
        outcome.lines.findLast(({ iteration }) => iteration !== undefined)?.iteration ?? before ?? 0;
      before = await newestSnapshot(folder);
      // What lies there is at most one interval old.
      expect(done - (before ?? 0)).to.be.within(0, 2);
    }
    expect(before).to.be.at.least(8);
    const names = await readdir(folder);
    expect(names.some((name) => name.endsWith('.part'))).to.equal(true);

    const last = await train(folder);
    expect(resumedOf(last)).to.equal(before);
    const { message } = last.lines.find((line) => line.message)!;
    expect(message).to.include(`Resumed from ${folder}/snapshot_iter_${before}: iteration ${before}, epoch `);
    expect(hashOf(last)).to.equal(expected);
    // Nothing that was half-written is left.
    expect((await readdir(folder)).sort()).to.deep.equal(['log', 'snapshot_iter_14', 'snapshot_iter_16']);
  });

  it('from outside, at any moment', async () => {
    const folder = join(root, 'outside');
    for (const iteration of [1, 5, 10, 15]) {
      const outcome = await train(folder, null, iteration);
      expect(outcome.signal).to.equal('SIGKILL');
      const done = outcome.lines.findLast((line) => line.iteration !== undefined)!.iteration!;
      expect(done - ((await newestSnapshot(folder)) ?? 0)).to.be.within(0, 2);
    }
    expect(hashOf(await train(folder))).to.equal(expected);
  });
});
