import { BatchNormalization, Chain, InvalidArgumentError, Linear, type Tensor2D } from '@chaingrad/core';
import {
  ExponentialMovingAverage,
  MemoryStore,
  SerialIterator,
  StandardUpdater,
  snapshot,
  Trainer,
} from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { expectClose, useTestBackend } from '../../support/backends.ts';
import { buildTraining, clouds } from '../support.ts';

class Net extends Chain {
  readonly fc = new Linear(2, 2, { initialW: 1 });
  readonly bn = new BatchNormalization<Tensor2D>(2);
}

describe('ExponentialMovingAverage', () => {
  before(() => useTestBackend('cpu'));

  it('averages parameters and running statistics in a model of its own', async () => {
    const before = tf.memory().numTensors;
    {
      using model = new Net();
      const ema = new ExponentialMovingAverage(model, { decay: 0.75, warmup: false });
      using average = ema.model;
      tf.tidy(() => {
        model.fc.W.array = tf.fill([2, 2], 5);
        model.bn.avg_mean.value = tf.fill([2], 8);
      });
      ema.call();
      ema.call();
      expectClose(await average.fc.W.tensor.data(), Array(4).fill(5 - 4 * 0.75 ** 2));
      expectClose(await average.bn.avg_mean.value!.data(), Array(2).fill(8 - 8 * 0.75 ** 2));
      expect(average.updateEnabled).to.equal(false);
    }
    expect(tf.memory().numTensors).to.equal(before);
    expect(() => new ExponentialMovingAverage(new Net(), { decay: 1 })).to.throw(
      InvalidArgumentError,
      'below 1',
    );
  });

  it('is kept by snapshots, bit for bit', async () => {
    const run = async (stop: number, store: MemoryStore) => {
      const training = buildTraining({ stop: [stop, 'epoch'], store });
      const ema = new ExponentialMovingAverage(training.model, { decay: 0.9 });
      training.trainer.extend(ema).extend(snapshot({ autoload: true, log: () => {} }));
      await training.trainer.run();
      return Promise.all([...ema.model.params()].map(({ tensor }) => tensor.data()));
    };
    const whole = await run(3, new MemoryStore());
    const store = new MemoryStore();
    await run(2, store);
    expect(await run(3, store)).to.deep.equal(whole);
  });
});

describe('StandardUpdater accumulate', () => {
  before(() => useTestBackend('cpu'));

  /** The same examples an update, in one batch or several. */
  async function train(batchSize: number, accumulate: number) {
    using training = buildTraining({ batchSize });
    const { model, optimizer } = training;
    const iterator = new SerialIterator(clouds(48), batchSize, { shuffle: false });
    const updater = new StandardUpdater(iterator, optimizer, { accumulate });
    const losses: number[] = [];
    const epochs: number[] = [];
    const trainer = new Trainer(updater, [2, 'epoch'], { out: new MemoryStore() });
    trainer.extend(
      async (t) => {
        losses.push((await (t.observation.get('main/loss') as tf.Tensor).data())[0]!);
      },
      { name: 'losses' },
    );
    trainer.extend(() => void epochs.push(updater.iteration), { name: 'epochs', trigger: [1, 'epoch'] });
    // Without dropout, whose masks differ.
    model.predictor.forward = (x) => model.predictor.l2.call(tf.relu(model.predictor.l1.call(x)));
    await trainer.run();
    return { losses, epochs, t: optimizer.t, W: await model.predictor.l1.W.tensor.data() };
  }

  it('makes the steps and the losses of larger batches, and counts epochs', async () => {
    const [large, parts] = [await train(24, 1), await train(8, 3)];
    expect(parts.epochs).to.deep.equal([2, 4]);
    expect(parts).to.deep.include({ t: large.t, epochs: large.epochs });
    expectClose(parts.losses, large.losses, 1e-5);
    expectClose(parts.W, large.W, 1e-5);
  });

  it('refuses other numbers', () => {
    using training = buildTraining();
    const { iterator, optimizer } = training;
    expect(() => new StandardUpdater(iterator, optimizer, { accumulate: 0 })).to.throw(
      InvalidArgumentError,
      'accumulate',
    );
  });
});
