/**
 * A long run: `npm run fuzz -- 3600 [seed] [target]`, so many seconds for all targets together. Prints a line for each as JSON lines would
 * be too long: seed, inputs, what was reached, failures. Inputs that fail are written to ./out/fuzz; the exit code is 1 then.
 */
import '@tensorflow/tfjs-backend-cpu';
import { mkdirSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { fuzzByCoverage } from './coverage.ts';
import { targets } from './targets.ts';

const [seconds = '60', seed = '1', only = ''] = process.argv.slice(2);
const chosen = targets.filter(({ name }) => name.includes(only));
let failed = false;
await tf.setBackend('cpu');
console.warn = () => {};
for (const target of chosen) {
  const found = await fuzzByCoverage(target, {
    seconds: Number(seconds) / chosen.length,
    seed: Number(seed),
  });
  console.log(
    `${target.name}: seed ${seed}, ${found.inputs} inputs, ${found.refused} refused, ${found.reached} blocks, ` +
      `corpus ${found.corpus.length}, slowest ${found.slowest.toFixed(0)} ms, ${found.failures.length} failures, ` +
      `memory ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  );
  for (const [i, { input, error }] of found.failures.slice(0, 5).entries()) {
    mkdirSync('out/fuzz', { recursive: true });
    const file = `out/fuzz/${target.name.replace(/\W+/g, '-')}-${seed}-${i}`;
    writeFileSync(file, input);
    console.log(`  ${file}:`, error);
  }
  failed ||= found.failures.length > 0;
}
process.exit(failed ? 1 : 0);
