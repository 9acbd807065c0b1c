import { config, InvalidArgumentError, report } from '@chaingrad/core';
import { Evaluator, ExampleError, SerialIterator } from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { rejection, thrown } from '../../support/errors.ts';
import { buildTraining, clouds, type Training } from '../support.ts';

const validation = () => new SerialIterator(clouds(20, 9), 8, { repeat: false, shuffle: false });

describe('Evaluator', () => {
  let training: Training;
  let tensors: number;

  before(() => useTestBackend('cpu'));
  beforeEach(() => {
    tensors = tf.memory().numTensors;
    training = buildTraining({ stop: [14, 'iteration'] });
  });
  afterEach(() => {
    training[Symbol.dispose]();
    expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
  });

  it('gives the means over the batches, with dropout off, without a trainer too', async () => {
    const { model } = training;
    const evaluator = new Evaluator(validation(), model);
    const first = await evaluator.evaluate();
    expect(Object.keys(first)).to.deep.equal(['main/loss', 'main/accuracy']);
    // Dropout would differ.
    expect(await evaluator.evaluate()).to.deep.equal(first);
    expect(config.train).to.equal(true);

    const losses: number[] = [];
    const once = new Evaluator(validation(), model, {
      evalFunc: (x: tf.Tensor, t: tf.Tensor) => {
        expect(config.train).to.equal(false);
        const loss = model.call(x, t);
        losses.push(loss.dataSync()[0]!);
        report({ size: x.shape[0]! });
      },
    });
    const { size, 'main/loss': loss } = await once.evaluate();
    expect(losses).to.have.length(3);
    expect(loss).to.equal(losses.reduce((a, b) => a + b) / 3);
    expect(loss).to.equal(first['main/loss']);
    // A short last batch counts as much as the others.
    expect(size).to.equal((8 + 8 + 4) / 3);
  });

  it('reports once an epoch under its name', async () => {
    const { trainer, model } = training;
    trainer.extend(new Evaluator(validation(), model));
    trainer.extend(new Evaluator(validation(), { main: model, part: model.predictor }));
    trainer.extend(new Evaluator(validation(), model), { name: 'test' });
    const seen: [number, string[]][] = [];
    trainer.extend(({ observation, updater }) => {
      if (observation.size > 2) seen.push([updater.iteration, [...observation.keys()]]);
    });
    await trainer.run();
    expect(seen.map(([iteration]) => iteration)).to.deep.equal([7, 13]);
    expect(seen[0]![1]).to.deep.equal([
      'main/loss',
      'main/accuracy',
      'validation/main/loss',
      'validation/main/accuracy',
      'validation_1/main/loss',
      'validation_1/main/accuracy',
      'test/main/loss',
      'test/main/accuracy',
    ]);
  });

  it('may be another evaluation', async () => {
    class Constant extends Evaluator {
      override readonly defaultName = 'constant';
      override async evaluate() {
        const observation = new Map();
        const reporter = this.makeReporter();
        reporter.scope(observation, () => report({ map: 0.5 }, this.getTarget()));
        return Object.fromEntries(observation);
      }
    }
    const { trainer, model } = training;
    trainer.extend(new Constant(validation(), model), { trigger: [1, 'iteration'] });
    const keys = new Set<string>();
    trainer.extend(({ observation }) => void [...observation.keys()].map((key) => keys.add(key)));
    await trainer.run();
    expect([...keys]).to.include('constant/main/map');
    thrown(() => new Constant(validation(), model).getTarget('other'), InvalidArgumentError);
  });

  it('ends at an aborted signal', async () => {
    const { trainer, model } = training;
    const controller = new AbortController();
    const evaluator = new Evaluator(validation(), model, {
      evalFunc: () => controller.abort(new RangeError('enough')),
    });
    let errors = 0;
    trainer.extend(evaluator);
    trainer.extend({ name: 'errors', call: () => {}, onError: () => void errors++ });
    await rejection(trainer.run({ signal: controller.signal }), RangeError);
    expect(training.updater.iteration).to.equal(7);
    expect(errors).to.equal(0);
  });

  it('frees what it has where a batch fails', async () => {
    const broken = {
      length: 9,
      get: (i: number) => (i === 8 ? Promise.reject(new Error('lost')) : clouds(9).get(i)),
    };
    const iterator = new SerialIterator(broken, 4, { repeat: false, shuffle: false });
    await rejection(new Evaluator(iterator, training.model).evaluate(), ExampleError);
    const fails = new Evaluator(validation(), training.model, {
      evalFunc: () => {
        throw new RangeError('boom');
      },
    });
    await rejection(fails.evaluate(), RangeError);
    expect(config.train).to.equal(true);
    tf.dispose(training.model.loss ?? []);
  });

  it('refuses an iterator that never ends, and targets without main', () => {
    const { model } = training;
    thrown(() => new Evaluator(new SerialIterator(clouds(), 8), model), InvalidArgumentError);
    thrown(() => new Evaluator(validation(), { other: model }), InvalidArgumentError);
  });
});
