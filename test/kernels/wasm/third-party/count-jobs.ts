/** Loaded before a program: tells at its end, on stderr, how often each job of our binary ran. */
import { Runtime } from '../../../../packages/kernels/src/wasm/runtime.ts';

const counts: Record<string, number> = {};
const { run } = Runtime.prototype;
Runtime.prototype.run = function (job, ...rest) {
  counts[job] = (counts[job] ?? 0) + 1;
  run.call(this, job, ...rest);
};
process.on('exit', () => process.stderr.write(`\njobs ${JSON.stringify(counts)}\n`));
