/**
 * A program of its own for litert.test.ts: LiteRT.js takes Node for a worker once it finds what a worker has. Prints how far its outputs are
 * from ours, in parts of the largest, and what kind of code ran.
 */

import { exportTflite } from '@chaingrad/onnx';
import { relativeDifference } from '../../../benchmarks/driver/stats.ts';
import { type Job, measure } from '../../../benchmarks/measure.ts';
import { graphOf } from '../../../benchmarks/models/index.ts';
import { loadDrawn, modelOf } from '../../../benchmarks/sides/models.ts';
import type { Platform, SideName } from '../../../benchmarks/sides/side.ts';

const graph = graphOf('ssd-mobilenet-v2');

const platform: Platform = {
  kind: 'node',
  async read() {
    using model = modelOf(graph)!;
    await loadDrawn(model, graph);
    return await exportTflite(model, [[1, ...graph.input]], { outputNames: [...graph.outputs] });
  },
  photo: async () => {
    throw new Error('no photo is measured here');
  },
};

const run = (side: SideName, drawn: boolean) => {
  const job: Job = {
    ...{ side, model: graph.name, tasks: ['forward'], batch: 1, threads: 1, drawn },
    ...{ warmup: 1, minRuns: 1, seconds: 0 },
  };
  return measure(job, platform);
};

const ours = await run('chaingrad', true);
const theirs = await run('litert', false);
console.log(
  JSON.stringify({ difference: relativeDifference(theirs.outputs!, ours.outputs!), code: theirs.code }),
);
process.exit(0);
