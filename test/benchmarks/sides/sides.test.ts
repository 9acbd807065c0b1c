import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { relativeDifference } from '../../../benchmarks/driver/stats.ts';
import { type Job, type Measurement, measure } from '../../../benchmarks/measure.ts';
import { graphOf } from '../../../benchmarks/models/index.ts';
import { drawInput } from '../../../benchmarks/models/weights.ts';
import type { Platform } from '../../../benchmarks/sides/side.ts';
import { runTfjs, tfjsParams, toTensors } from '../../../benchmarks/sides/tfjs-graph.ts';

const nothing = async () => {
  throw new Error('parameters are drawn here');
};
const platform: Platform = { kind: 'node', read: nothing, photo: nothing };

const run = (model: string, tasks: Job['tasks']): Promise<Measurement> =>
  measure(
    {
      ...{ side: 'chaingrad', model, tasks, batch: 1, threads: 1, drawn: true },
      ...{ warmup: 1, minRuns: 2, seconds: 0 },
    },
    platform,
  );

describe('benchmarks/sides', () => {
  for (const model of ['ssd-mobilenet-v2', 'small', 'vgg-convs-96'])
    it(`chaingrad and the tfjs program compute the same ${model}`, async () => {
      const { outputs, tasks } = await run(model, ['forward']);
      expect(tasks.forward!.runs).to.have.length(2);
      const graph = graphOf(model);
      const params = toTensors(await tfjsParams(graph, { batch: 1, threads: 1, drawn: true, platform }));
      const expected = tf.tidy(() =>
        runTfjs(graph, params, tf.tensor4d(drawInput(graph, 1), [1, ...graph.input])).map((output) =>
          output.dataSync<'float32'>(),
        ),
      );
      tf.dispose([...params.values()]);
      expect(relativeDifference(outputs!, expected)).to.be.within(0, 1e-4);
      // Activations neither vanish nor explode.
      expect(Math.max(...outputs![0]!.map(Math.abs))).to.be.within(0.1, 100);
    });

  it('trains: the loss falls', async () => {
    const { losses } = await run('small', ['train']);
    expect(losses).to.have.length(3);
    expect(losses![2]!).to.be.below(losses![0]!);
  });

  it('takes a network apart into its shapes', async () => {
    const { layers } = await run('small', ['layers']);
    const names = ['conv1', 'conv2', 'conv3', 'conv4', 'conv5', 'fc'];
    expect(layers!.map(({ name }) => name)).to.deep.equal(names);
    expect(layers!.every(({ ms, count }) => ms > 0 && count === 1)).to.equal(true);
    expect(layers![0]!.gflop).to.be.closeTo((2 * 32 * 32 * 32 * 27) / 1e9, 1e-9);
  });
});
