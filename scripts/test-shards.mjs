/**
 * Runs all tests, some folders at a time: most tests keep one core busy, and a machine has several. A process of its own for each folder also
 * begins with an empty heap of the WASM backend, which never shrinks. Prints what each says when it has ended, then once more what failed,
 * and closes with the plain line `N passed, N failed, N skipped` of all.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { root } from './packages.mjs';

/** Folders that run apart from the one that they are in. */
const apart = ['core/functions', 'core/links', 'onnx/import', 'vision/models'];

/** What takes longest begins first, so that the processes end together; all others follow. */
const slowest = [
  'browser',
  'cli',
  'vision/models',
  'package',
  'kernels',
  'vision',
  'core/functions',
  'onnx/import',
  'weights',
];

/** Each process may keep the two threads of the WASM backend busy. */
const jobs = Math.max(2, Math.min(4, Math.floor(availableParallelism() / 2)));

const folders = readdirSync(`${root}test`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const names = [...folders.map(({ name }) => name).filter((name) => name !== 'fixtures'), ...apart];
const rank = (name) => (slowest.includes(name) ? slowest.indexOf(name) : slowest.length);
const queue = names.sort((a, b) => rank(a) - rank(b));

/** Runs the tests of a folder. @returns what its last line counts. */
function run(folder) {
  const started = performance.now();
  const elsewhere = apart.filter((name) => name.startsWith(`${folder}/`));
  const ignored = elsewhere.flatMap((name) => ['--ignore', `test/${name}/**`]);
  const child = spawn('npx', ['--no-install', 'mocha', ...ignored, `test/${folder}/**/*.test.ts`], {
    cwd: root,
  });
  const printed = [];
  child.stdout.on('data', (data) => printed.push(data));
  child.stderr.on('data', (data) => printed.push(data));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const text = Buffer.concat(printed).toString();
      const seconds = ((performance.now() - started) / 1000).toFixed();
      console.log(`\n== ${folder} (${seconds} s, exit code ${code})\n${text}`);
      const counts = [...text.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1);
      // A process that ends without its last line has not run all its tests.
      resolve({ folder, code, counts: counts?.slice(1).map(Number) ?? [0, 1, 0], text });
    });
  });
}

const results = [];
async function work() {
  for (let folder = queue.shift(); folder !== undefined; folder = queue.shift())
    results.push(await run(folder));
}
await Promise.all(Array.from({ length: jobs }, work));

/** What mocha says of the tests that failed: all behind the line that counts them; the end of what did not come to it. */
function failuresIn(text) {
  const lines = text.trimEnd().split('\n');
  const at = lines.findIndex((line) => /^\W*(\[\d+m)?\s*\d+ failing/.test(line));
  return (at < 0 ? lines.slice(-20) : lines.slice(at)).join('\n');
}

const failing = results.filter(({ code, counts }) => code !== 0 || counts[1] > 0);
for (const { folder, text } of failing) console.log(`\n== Failed: ${folder}\n${failuresIn(text)}`);
const [passed, failed, skipped] = [0, 1, 2].map((i) =>
  results.reduce((sum, { counts }) => sum + counts[i], 0),
);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failing.length === 0 ? 0 : 1;
