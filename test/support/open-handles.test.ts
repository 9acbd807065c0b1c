import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../..', import.meta.url));
const mocha = join(dirname(createRequire(import.meta.url).resolve('mocha/package.json')), 'bin/mocha.js');

/** mocha as `npx mocha FILE` runs it, with so many milliseconds to end after the last test. */
const run = (file: string, patience: number) =>
  spawnSync(process.execPath, [mocha, file], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, CHAINGRAD_TEST_PATIENCE: String(patience) },
  });

describe('a run of one test file', () => {
  it('runs that file alone and ends by itself', () => {
    const { status, stdout, stderr } = run('test/core/summary.test.ts', 15_000);
    expect(stderr).to.not.include('still lives');
    expect(stdout).to.match(/\n4 passed, 0 failed, 0 skipped\n$/);
    expect(status).to.equal(0);
  });

  it('fails where something is left open, and says what', () => {
    const { status, stdout, stderr } = run('test/support/left-open.ts', 500);
    expect(stdout).to.include('1 passed, 0 failed, 0 skipped');
    expect(stderr).to.match(/still lives.*TCPServerWrap/);
    expect(status).to.equal(1);
  });
});
