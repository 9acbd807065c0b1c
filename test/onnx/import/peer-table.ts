/**
 * `npm run onnx-tests [backend]`: ONNX' own tests (Debian's libonnx-testdata), folder by folder, and the largest differences, as tables of
 * Markdown. The exit code is 1 where a test fails that is not listed in peer-unsupported.json, or passes although it is.
 */
import { readFileSync } from 'node:fs';
import { useBackend } from '@chaingrad/core';
import { peerFolders, peerIsThere, peerTests, runPeerTest } from './peer.ts';

if (!peerIsThere) {
  console.error('The tests are not there: apt-get install libonnx-testdata.');
  process.exit(1);
}
const backend = (process.argv[2] ?? 'cpu') as 'cpu' | 'wasm' | 'webgpu';
await useBackend(backend);
console.warn = () => {};
const reasons = Object.entries(
  JSON.parse(readFileSync(new URL('./peer-unsupported.json', import.meta.url), 'utf8')) as Record<
    string,
    string[]
  >,
);
const listed = new Set(reasons.flatMap(([, tests]) => tests));
const [rows, differences, surprises] = [
  [] as string[],
  [] as [name: string, worst: number][],
  [] as string[],
];
let [tests, passed] = [0, 0];
for (const folder of peerFolders) {
  const names = peerTests(folder);
  const own: number[] = [];
  for (const test of names) {
    const name = `${folder}/${test}`;
    try {
      const worst = await runPeerTest(folder, test);
      own.push(worst);
      differences.push([name, worst]);
      if (listed.has(name)) surprises.push(`${name} is listed and passes`);
    } catch (error) {
      if (!listed.has(name)) surprises.push(`${name}: ${(error as Error).message}`);
    }
  }
  tests += names.length;
  passed += own.length;
  own.sort((a, b) => a - b);
  const middle = own[own.length >> 1] ?? 0;
  rows.push(
    `| ${folder} | ${names.length} | ${own.length} | ${names.length - own.length} | ${middle.toExponential(1)} | ${(own.at(-1) ?? 0).toExponential(1)} |`,
  );
}
console.log(`On ${backend}: ${passed} of ${tests} tests pass.\n`);
console.log(
  '| folder | tests | pass | listed with a reason | difference: median | worst |\n|---|---:|---:|---:|---:|---:|',
);
console.log(rows.join('\n'));
console.log('\n| left out because of | tests |\n|---|---:|');
console.log(reasons.map(([reason, names]) => `| ${reason} | ${names.length} |`).join('\n'));
console.log('\n| worst differences, relative to the largest value | |\n|---|---:|');
differences.sort(([, a], [, b]) => b - a);
console.log(
  differences
    .slice(0, 12)
    .map(([name, worst]) => `| ${name} | ${worst.toExponential(1)} |`)
    .join('\n'),
);
for (const line of surprises) console.error(line);
process.exit(surprises.length > 0 ? 1 : 0);
