/**
 * A long run: `npx tsx --conditions=chaingrad-source test/weights/fuzz/run.ts 50000 [seed] [target]`.
 * Prints a line for each reader; whatever is no FormatError is printed with its seed, and makes the exit code 1.
 */
import { fuzz } from './fuzz.ts';
import { fuzzTargets } from './targets.ts';

const [count = '1000', seed = '1', only = ''] = process.argv.slice(2);
let failed = false;
for (const target of fuzzTargets.filter(({ name }) => name.includes(only))) {
  const start = performance.now();
  const { accepted, refused, failures, slowest, largest } = await fuzz(target, Number(count), Number(seed));
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(
    `${target.name}: ${count} inputs, ${refused} refused, ${accepted} read, ${failures.length} failures, ` +
      `slowest ${slowest.milliseconds.toFixed(0)} ms (seed ${slowest.seed}), largest ${(largest / 1e6).toFixed(1)} MB, ${seconds} s, ` +
      `memory ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`,
  );
  for (const { seed: at, error } of failures.slice(0, 5)) console.log(`  seed ${at}:`, error);
  failed ||= failures.length > 0;
}
process.exit(failed ? 1 : 0);
