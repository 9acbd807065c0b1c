/**
 * What a budget for prepared filters costs and saves: computing time of a forward pass and peak memory of the process, by `cacheBytes`.
 *
 *     npm run bench:filter-cache -- [networks, default ssd300,ssd-mobilenet-v2] [rounds, default 2]
 *
 * A process loads the network from its file, and computes on one thread. Three passes come before the clock counts: in the second all is kept
 * that finds room, in the third it is all in its place. Budgets take turns; times are the least of a budget's processes, peaks the largest.
 */
import { cpus, loadavg } from 'node:os';
import { bundleForNode } from '../driver/bundle.ts';
import { runInNode } from '../driver/node-process.ts';
import { prepareModel } from '../driver/prepare.ts';

const MIB = 2 ** 20;
/** MiB; the last is more than the heap can have. */
const budgets = [0, 64, 128, 192, 256, 320, 384, 4096];

const [models = 'ssd300,ssd-mobilenet-v2', rounds = '2'] = process.argv.slice(2);
await bundleForNode();
console.log(
  `${cpus()[0]?.model}, load ${loadavg()[0]!.toFixed(1)}, Node ${process.versions.node}, ${rounds} processes a budget\n`,
);
console.log(
  '| network | cacheBytes | computing time | of that without a limit | peak memory |\n|---|---:|---:|---:|---:|',
);
for (const model of models.split(',')) {
  prepareModel(model);
  const times = budgets.map(() => Infinity);
  const peaks = budgets.map(() => 0);
  for (let round = 0; round < Number(rounds); round++)
    for (const [i, budget] of budgets.entries()) {
      const { result } = await runInNode(process.execPath, {
        ...{ side: 'chaingrad', model, tasks: ['forward'], batch: 1, threads: 1, drawn: false },
        ...{ warmup: 3, minRuns: 5, seconds: 0, cacheBytes: budget * MIB },
      });
      times[i] = Math.min(times[i]!, result.tasks.forward!.cpuMs!);
      peaks[i] = Math.max(peaks[i]!, result.peakBytes!);
    }
  for (const [i, budget] of budgets.entries()) {
    const cells = [
      budget === budgets.at(-1) ? 'no limit' : `${budget} MiB`,
      `${times[i]!.toPrecision(3)} ms`,
      `${(times[i]! / times.at(-1)!).toFixed(2)}x`,
      `${(peaks[i]! / MIB).toFixed(0)} MiB`,
    ];
    console.log(`| ${[model, ...cells].join(' | ')} |`);
  }
}
