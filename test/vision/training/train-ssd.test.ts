/** An SSD learns from real iterators, updaters and trainers: the loss falls, nothing is left behind, a resumed run is the same. */
import { MomentumSGD, Random, setSeed, useBackend } from '@chaingrad/core';
import {
  LogReport,
  MemoryStore,
  SerialIterator,
  StandardUpdater,
  snapshot,
  Trainer,
  TransformDataset,
} from '@chaingrad/training';
import {
  DetectionVOCEvaluator,
  MultiboxTrainChain,
  type SSDTrainExample,
  ssdBatch,
  ssdTransform,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose, useTestBackend } from '../../support/backends.ts';
import { TinySSD } from '../models/tiny-ssd.ts';
import { squares } from '../squares.ts';

const examples = squares(6);

interface Run {
  readonly losses: number[];
  readonly trainer: Trainer;
  readonly map: number;
  /** Tensors after the 5th update and after the last. */
  readonly tensors: number[];
}

/** Trains up to `iterations` updates in all; goes on from `store` if it holds a snapshot. */
async function train(iterations: number, store = new MemoryStore(), lr = 3e-3): Promise<Run> {
  setSeed(1);
  using model = new TinySSD().initialize([1, 32, 32, 3]);
  using optimizer = new MomentumSGD({ lr }).setup(new MultiboxTrainChain(model));
  const rng = new Random(2);
  const transform = ssdTransform(model, { rng, iouThresh: 0.4, augment: { maxExpand: 1.3, crop: null } });
  const iterator = new SerialIterator<SSDTrainExample>(new TransformDataset(examples, transform), 4);
  const updater = new StandardUpdater<SSDTrainExample>(iterator, optimizer, { converter: ssdBatch });
  const trainer = new Trainer(updater, [iterations, 'iteration'], { out: store, random: { rng } });
  const log = new LogReport({ trigger: [1, 'iteration'] });
  const tensors: number[] = [];
  trainer.extend(log);
  trainer.extend(snapshot({ autoload: true, log() {} }), { trigger: [iterations, 'iteration'] });
  trainer.extend((self) => {
    if ([5, iterations].includes(self.updater.iteration)) tensors.push(tf.memory().numTensors);
  });
  await trainer.run();
  const evaluator = new DetectionVOCEvaluator(
    new SerialIterator(examples, 4, { repeat: false, shuffle: false }),
    model,
  );
  const { map } = await evaluator.evaluate().then(() => evaluator.result!);
  return { losses: log.log.map((entry) => entry['main/loss']!), trainer, map, tensors };
}

describe('training an SSD on images with boxes', () => {
  before(() => useTestBackend('cpu'));

  it('lowers the loss in 30 steps and leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const { losses, tensors } = await train(30);
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    expect(losses.length).to.equal(30);
    expect(mean(losses.slice(-6))).to.be.lessThan(0.7 * mean(losses.slice(0, 6)));
    expect(tensors[1]).to.equal(tensors[0]);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('resumes to the bit: orders, augmentation, momentum', async () => {
    const whole = await train(12);
    const store = new MemoryStore();
    const first = await train(7, store);
    const second = await train(12, store);
    expect(first.losses).to.deep.equal(whole.losses.slice(0, 7));
    // The log goes on from the snapshot's.
    expect(second.losses).to.deep.equal(whole.losses);
    expect(second.map).to.equal(whole.map);
  });
});

let reference: number[] | undefined;
describeBackends('training an SSD', (backend) => {
  it('has the same losses everywhere', async () => {
    // A GPU in software compiles its shaders for a minute.
    // With our kernels, as a user has them.
    if (backend === 'wasm') await useBackend('wasm');
    const { losses } = await train(4);
    reference ??= losses;
    expectClose(losses, reference, 1e-3);
  });
});
