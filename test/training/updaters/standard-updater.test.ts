import {
  InvalidArgumentError,
  MomentumSGD,
  OptimizerNotSetUpError,
  SGD,
  softmaxCrossEntropy,
  UnknownNameError,
} from '@chaingrad/core';
import { LogReport, type ReportScope, SerialIterator, StandardUpdater, Trainer } from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose, useTestBackend } from '../../support/backends.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { channelsLast, readJson, readNpz } from '../../support/goldens.ts';
import { ConvNet, fillParams, type ParamRow } from '../../support/models.ts';
import { valuesOf } from '../../support/serializable.ts';
import { buildTraining, clouds } from '../support.ts';

describeBackends('a trainer', (backend) => {
  it('follows Chainer for ten steps: losses in the log, parameters, running statistics', async () => {
    const before = tf.memory().numTensors;
    const golden = readJson<{ convnet: { losses: number[]; params: ParamRow[] } }>(
      'goldens/training.json',
    ).convnet;
    const arrays = readNpz('goldens/training.npz');
    const { data, shape } = arrays.get('convnet/x')!;
    const [n, c, h, w] = shape as [number, number, number, number];
    const images = channelsLast(data as Float32Array, shape);
    const labels = arrays.get('convnet/t')!.data as Int32Array;
    // The whole batch each time, example by example.
    const dataset = Array.from({ length: n }, (_, i) => [
      { data: images.subarray(i * h * w * c, (i + 1) * h * w * c), shape: [h, w, c] },
      labels[i]!,
    ]);
    {
      using model = new ConvNet();
      model.initialize([1, h, w, c]);
      fillParams(model, golden.params);
      using optimizer = new MomentumSGD({ lr: 0.02, momentum: 0.9 }).setup(model);
      const lossFunc = (x: tf.Tensor4D, t: tf.Tensor1D) => {
        const loss = softmaxCrossEntropy(model.call(x), t);
        trainer.reporter.report({ loss }, model);
        return loss;
      };
      const iterator = new SerialIterator(dataset, n, { shuffle: false });
      const trainer = new Trainer(new StandardUpdater(iterator, optimizer, { lossFunc }), [10, 'epoch']);
      const log = new LogReport({ filename: null });
      trainer.extend(log);
      await trainer.run();
      expect(optimizer).to.include({ t: 10, epoch: 10 });
      const losses = log.log.map((entry) => entry['main/loss']!);
      expectClose(losses, golden.losses, 2e-5, 'losses');
      for (const [path, param] of model.namedparams()) {
        expectClose(await param.tensor.data(), arrays.get(`convnet/after10${path}`)!.data, 2e-4, path);
      }
      for (const name of ['avg_mean', 'avg_var'] as const) {
        expectClose(
          await model.bn[name].value!.data(),
          arrays.get(`convnet/after10/bn/${name}`)!.data,
          2e-4,
          name,
        );
      }
    }
    expect(tf.memory().numTensors, 'tensors left').to.equal(before);
  });

  // The GPU of the tests is made of software, and slow.
  const iterations = backend === 'webgpu' ? 20 : 500;
  it(`leaks nothing in ${iterations} iterations`, async () => {
    const before = tf.memory().numTensors;
    {
      using training = buildTraining({ stop: [iterations, 'iteration'] });
      const { trainer } = training;
      trainer.extend(new LogReport({ trigger: [iterations / 10, 'iteration'], filename: null }));
      const counts: number[] = [];
      trainer.extend(() => void counts.push(tf.memory().numTensors), {
        trigger: [iterations / 10, 'iteration'],
        priority: 0,
      });
      await trainer.run();
      expect(counts).to.have.length(10);
      expect(Math.max(...counts.slice(1)) - Math.min(...counts.slice(1))).to.be.at.most(2);
    }
    expect(tf.memory().numTensors, 'tensors left').to.equal(before);
  });
});

describe('StandardUpdater', () => {
  before(() => useTestBackend('cpu'));

  it('takes batches, updates, counts iterations and epochs', async () => {
    using training = buildTraining();
    const { updater, optimizer } = training;
    for (let i = 0; i < 13; i++) await updater.update();
    expect(updater).to.include({ iteration: 13, epoch: 2, isNewEpoch: true });
    expect(updater.epochDetail).to.equal(2.08);
    expect(updater.previousEpochDetail).to.equal(1.92);
    expect(optimizer).to.include({ t: 13, epoch: 2 });
    expect(updater.getOptimizer('main')).to.equal(optimizer);
    expect(updater.getIterator('main')).to.equal(training.iterator);
    thrown(() => updater.getOptimizer('other'), UnknownNameError);
    thrown(() => updater.getIterator('other'), UnknownNameError);
    expect(() => optimizer.newEpoch()).to.throw(InvalidArgumentError);
    await updater.finalize();
  });

  it('leaves the epochs of the optimizer alone where it is told to', async () => {
    using training = buildTraining();
    const { iterator, optimizer } = training;
    const updater = new StandardUpdater(iterator, optimizer, { autoNewEpoch: false });
    for (let i = 0; i < 7; i++) await updater.update();
    expect(optimizer.epoch).to.equal(0);
    optimizer.newEpoch();
    expect(optimizer.epoch).to.equal(1);
    await updater.finalize();
  });

  it('gives the loss its arguments as the converter makes them, and frees them', async () => {
    using training = buildTraining();
    const { iterator, optimizer, model } = training;
    const before = tf.memory().numTensors;
    const made: tf.Tensor[] = [];
    const keep = <T extends tf.Tensor>(tensor: T): T => {
      made.push(tensor);
      return tensor;
    };
    const points = () => keep(tf.ones([2, 4]));
    const labels = () => keep(tf.tensor1d([0, 1], 'int32'));
    const calls: string[] = [];
    const loss = (x: tf.Tensor, t: tf.Tensor) => model.call(x, t);
    const updaters = [
      new StandardUpdater(iterator, optimizer, {
        converter: async () => [points(), labels()],
        lossFunc: (x: tf.Tensor, t: tf.Tensor) => {
          calls.push('arguments');
          return loss(x, t);
        },
      }),
      new StandardUpdater(iterator, optimizer, {
        converter: () => ({ x: points(), t: labels() }),
        lossFunc: ({ x, t }: Record<'x' | 't', tf.Tensor>) => {
          calls.push('record');
          return loss(x, t);
        },
      }),
      new StandardUpdater(iterator, optimizer, {
        converter: points,
        lossFunc: (x: tf.Tensor) => {
          calls.push('one');
          return loss(x, tf.tensor1d([0, 1], 'int32'));
        },
      }),
      new StandardUpdater(iterator, optimizer, {
        converter: points,
        lossFunc: () => {
          calls.push('failure');
          throw new RangeError('boom');
        },
      }),
    ];
    for (const updater of updaters.slice(0, 3)) await updater.update();
    await rejection(updaters[3]!.update(), RangeError);
    for (const updater of updaters) await updater.finalize();
    expect(calls).to.deep.equal(['arguments', 'record', 'one', 'failure']);
    expect(made).to.have.length(6);
    expect(made.every((tensor) => tensor.isDisposed)).to.equal(true);
    // Gradients and momentum of four parameters, one of them new; the last loss; the classifier's three results.
    expect(tf.memory().numTensors - before).to.equal(4 + 4 + 1 + 1 + 3);
  });

  it('takes several iterators and optimizers by name, for steps of another kind', async () => {
    class Both extends StandardUpdater<[Float32Array, number]> {
      protected override async updateCore(scope: ReportScope): Promise<void> {
        const { value } = await this.getIterator('extra').next();
        extra.push(value!.length);
        await super.updateCore(scope);
      }
    }
    const extra: number[] = [];
    using training = buildTraining();
    const { iterator, optimizer, model } = training;
    using second = new SGD().setup(model.predictor.l2);
    const updater = new Both(
      { main: iterator, extra: new SerialIterator(clouds(9), 2) },
      { main: optimizer, head: second },
    );
    const trainer = new Trainer(updater, [3, 'iteration']);
    await trainer.run();
    expect(extra).to.deep.equal([2, 2, 2]);
    expect([...updater.getAllOptimizers().keys()]).to.deep.equal(['main', 'head']);
    const keys = Object.keys(await valuesOf(trainer));
    expect(keys).to.include.members([
      'updater/iterator:extra/epoch',
      'updater/optimizer:head/t',
      'updater/model:head/W',
      'hyperparameters/optimizer:head/lr',
    ]);
    thrown(() => new StandardUpdater({} as never, optimizer), InvalidArgumentError);
    thrown(() => new StandardUpdater(iterator, { head: second }), InvalidArgumentError);
    thrown(() => new StandardUpdater(iterator, new SGD()), OptimizerNotSetUpError);
  });

  it('refuses an iterator that ends', async () => {
    using training = buildTraining();
    const iterator = new SerialIterator(clouds(8), 8, { repeat: false });
    const updater = new StandardUpdater(iterator, training.optimizer);
    await updater.update();
    expect((await rejection(updater.update(), InvalidArgumentError)).message).to.include('repeat: true');
    await updater.finalize();
  });
});
