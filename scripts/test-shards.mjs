/**
 * Runs all tests as two processes side by side: most tests keep one core busy, and a machine has several. Prints what each says when it has
 * ended, and closes with the plain line `N passed, N failed, N skipped` of both.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { root } from './packages.mjs';

/** The folders of the first process, which take about half of the time; all others are the second's. */
const first = ['core', 'kernels', 'package', 'docs', 'attacks', 'weights'];

const folders = readdirSync(`${root}test`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const names = folders.map(({ name }) => name).filter((name) => name !== 'fixtures');
const shards = [names.filter((name) => first.includes(name)), names.filter((name) => !first.includes(name))];

/** Runs the tests of some folders. @returns what was printed, and the counts of its last line. */
function run(shard) {
  const files = shard.map((name) => `test/${name}/**/*.test.ts`);
  const child = spawn('npx', ['--no-install', 'mocha', ...files], { cwd: root });
  const printed = [];
  child.stdout.on('data', (data) => printed.push(data));
  child.stderr.on('data', (data) => printed.push(data));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const text = Buffer.concat(printed).toString();
      console.log(`\n== ${shard.join(', ')}\n${text}`);
      const counts = [...text.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1);
      // A process that ends without its last line has not run all its tests.
      resolve({ code, counts: counts?.slice(1).map(Number) ?? [0, 1, 0] });
    });
  });
}

const results = await Promise.all(shards.map(run));
const [passed, failed, skipped] = [0, 1, 2].map((i) =>
  results.reduce((sum, { counts }) => sum + counts[i], 0),
);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed === 0 && results.every(({ code }) => code === 0) ? 0 : 1;
