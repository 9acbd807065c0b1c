/**
 * What each published attack costs: `npm run attacks`. Time, and the memory that was taken for it and not yet collected, which is at least
 * the peak of what is live.
 */
import '@tensorflow/tfjs-backend-cpu';
import { published, readAll } from './published.ts';

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {});
const taken = () => {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
};
const kB = (bytes: number) => (bytes / 1000).toFixed(1);

for (const [kind, attacks] of Object.entries(published)) {
  console.log(`\n| ${kind} | bytes | ms | kB taken | ends with |\n| --- | ---: | ---: | ---: | --- |`);
  for (const { title, make } of attacks) {
    const bytes = await make();
    collect();
    const before = taken();
    const start = performance.now();
    const end = await readAll(bytes).then(
      (keys) => `${keys.length} arrays`,
      (error: Error) => error.name,
    );
    const time = performance.now() - start;
    console.log(
      `| ${title} | ${bytes.length} | ${time.toFixed(1)} | ${kB(Math.max(0, taken() - before))} | ${end} |`,
    );
  }
}
