/** The detector that `chaingrad finetune` begins with takes the same steps on WASM and on a GPU. */

import { createRequire } from 'node:module';
import { MomentumSGD, Random, setSeed, transferParams, useBackend } from '@chaingrad/core';
import {
  LogReport,
  MemoryStore,
  SerialIterator,
  StandardUpdater,
  Trainer,
  TransformDataset,
} from '@chaingrad/training';
import {
  MultiboxTrainChain,
  SSDMobileNetV2,
  type SSDTrainExample,
  ssdBatch,
  ssdTransform,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { squares } from '../squares.ts';

const file = createRequire(import.meta.url).resolve(
  '@mediapipe/objectron/objectron_solution_packed_assets.data',
);

/** Losses and parts of them, of new heads for two classes on trained layers; those on the large maps are frozen, to save time. */
async function train(steps: number): Promise<number[]> {
  setSeed(1);
  using model = new SSDMobileNetV2({ nFgClass: 2, scoreFunction: 'softmax' }).initialize([1, 300, 300, 3]);
  using source = await SSDMobileNetV2.fromPretrained(file);
  transferParams(source, model, { ignore: /^\/multibox\/conf\// });
  for (const [path, param] of model.namedparams()) {
    if (/^\/extractor\/(conv0|blocks\/([0-9]|1[0-3]))\//.test(path)) param.frozen = true;
  }
  using optimizer = new MomentumSGD({ lr: 1e-3 }).setup(new MultiboxTrainChain(model));
  const transform = ssdTransform(model, { rng: new Random(2), augment: { crop: null } });
  const examples = new TransformDataset(squares(1, 240, 320), transform);
  const iterator = new SerialIterator<SSDTrainExample>(examples, 1, { shuffle: false });
  const updater = new StandardUpdater<SSDTrainExample>(iterator, optimizer, { converter: ssdBatch });
  const trainer = new Trainer(updater, [steps, 'iteration'], { out: new MemoryStore() });
  const log = new LogReport({ trigger: [1, 'iteration'], filename: null });
  trainer.extend(log);
  await trainer.run();
  return log.log.flatMap((entry) => [entry['main/loss']!, entry['main/loss/loc']!, entry['main/loss/conf']!]);
}

let reference: number[] | undefined;
describeBackends(
  'training an SSDMobileNetV2',
  (backend) => {
    it('has the same losses on both, and they move', async () => {
      // A GPU in software takes half a minute a step.
      if (backend === 'wasm') await useBackend('wasm');
      const before = tf.memory().numTensors;
      const losses = await train(2);
      expect(tf.memory().numTensors, 'tensors left').to.equal(before);
      expect(losses).to.have.length(6);
      expect(Math.abs(losses[3]! / losses[0]! - 1), 'change of the loss').to.be.above(0.01);
      reference ??= losses;
      for (const [i, loss] of losses.entries()) expectClose([loss], [reference[i]!], 1e-3, `loss ${i}`);
    });
  },
  ['wasm', 'webgpu'],
);
