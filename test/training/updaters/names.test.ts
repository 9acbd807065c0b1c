/** Optimizers and models by names: a GAN without a 'main', and aliases. */
import {
  Chain,
  InvalidArgumentError,
  Linear,
  MomentumSGD,
  type Optimizer,
  report,
  setSeed,
  sigmoid,
  type Tensor,
} from '@chaingrad/core';
import {
  LogReport,
  MemoryStore,
  observeValue,
  PrintReport,
  priorities,
  type ReportScope,
  SerialIterator,
  StandardUpdater,
  snapshot,
  Trainer,
} from '@chaingrad/training';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { thrown } from '../../support/errors.ts';
import { valuesOf } from '../../support/serializable.ts';
import { buildTraining, captured } from '../support.ts';

class Net extends Chain {
  readonly fc = new Linear(2, 2);
  override forward(x: Tensor): Tensor {
    return sigmoid(this.fc.call(x));
  }
}

/** Each optimizer is updated once a batch. */
class GanUpdater extends StandardUpdater<Float32Array> {
  protected override async updateCore(scope: ReportScope): Promise<void> {
    const { value } = await this.getIterator('main').next();
    const inputs = (await this.converter(value!)) as Tensor;
    scope(() => {
      for (const name of ['gen', 'dis']) {
        const { target } = this.getOptimizer(name);
        this.getOptimizer(name).update(() => {
          const loss = tf.sum((target as Net).call(inputs));
          report({ loss }, target!);
          return loss;
        });
      }
    });
    inputs.dispose();
  }
}

const data = Array.from({ length: 8 }, (_, i) => Float32Array.of(i / 8, 1 - i / 8));

function build(names: (gen: Optimizer, dis: Optimizer) => Record<string, Optimizer>, epochs = 2) {
  setSeed(1);
  const optimizers = [0, 1].map(() => new MomentumSGD({ lr: 0.1 }).setup(new Net()));
  const updater = new GanUpdater(new SerialIterator(data, 4), names(optimizers[0]!, optimizers[1]!));
  return {
    updater,
    optimizers,
    trainer: (store: MemoryStore) => new Trainer(updater, [epochs, 'epoch'], { out: store }),
  };
}

describe('names of optimizers', () => {
  before(() => useTestBackend('cpu'));

  it("need no 'main' where updateCore is the user's, and report under their own", async () => {
    const { updater, trainer } = build((gen, dis) => ({ gen, dis }));
    const log = new LogReport({ filename: null });
    await trainer(new MemoryStore()).extend(log).run();
    expect(log.log).to.have.lengthOf(2);
    expect(log.log[0]).to.include.keys('gen/loss', 'dis/loss');
    expect([...updater.getAllOptimizers().values()].map(({ t, epoch }) => [t, epoch])).to.deep.equal([
      [4, 2],
      [4, 2],
    ]);
  });

  it("need one where the updater's own step is used, which is said", () => {
    const optimizer = new MomentumSGD().setup(new Net());
    const iterator = new SerialIterator(data, 4);
    const error = thrown(() => new StandardUpdater(iterator, { gen: optimizer }), InvalidArgumentError);
    expect(error.message).to.match(
      /with 'main', got gen\. A class with an updateCore\(\) of its own needs no 'main'\.$/,
    );
    expect(() => new GanUpdater(iterator, { gen: {} as Optimizer })).to.throw('gen: an object of nothing');
  });

  it('that mean one optimizer are stored once, count its epochs once, and resume', async () => {
    const alias = (gen: Optimizer, dis: Optimizer) => ({ gen, dis, main: gen });
    const whole = build(alias, 4);
    const keys = [...whole.updater.serialEntries()].map(({ key }) => key);
    expect(keys.filter((key) => key.endsWith('fc/W')).sort()).to.deep.equal([
      'model:dis/fc/W',
      'model:gen/fc/W',
    ]);
    expect(keys.some((key) => key.includes(':main/') && !key.startsWith('iterator:'))).to.equal(false);
    await whole.trainer(new MemoryStore()).run();
    expect(whole.optimizers[0]!.epoch).to.equal(4);
    const store = new MemoryStore();
    await build(alias, 2).trainer(store).extend(snapshot()).run();
    const rest = build(alias, 4);
    await rest
      .trainer(store)
      .extend(snapshot({ autoload: true, log: () => {} }))
      .run();
    expect(await valuesOf(rest.updater)).to.deep.equal(await valuesOf(whole.updater));
  });
});

describe('values that extensions report', () => {
  before(() => useTestBackend('cpu'));

  it('are freed, whoever makes them', async () => {
    using training = buildTraining({ stop: [4, 'iteration'] });
    const { model, trainer } = training;
    const counts: number[] = [];
    trainer.extend(
      observeValue('mean', () => tf.mean(model.predictor.l1.W.tensor)),
      { trigger: [1, 'iteration'] },
    );
    trainer.extend((t) => t.report(() => ({ norm: tf.sum(tf.square(model.predictor.l1.W.tensor)) })), {
      name: 'norm',
      priority: priorities.writer,
    });
    trainer.extend(() => void counts.push(tf.memory().numTensors), { name: 'count' });
    const log = new LogReport({ filename: null, trigger: [1, 'iteration'] });
    trainer.extend(log);
    await trainer.run();
    expect(new Set(counts.slice(2)).size, String(counts)).to.equal(1);
    expect(log.log[0]).to.include.keys('mean', 'norm');
  });

  it('after the log has read them are told, once, with what to do', async () => {
    using training = buildTraining({ stop: [3, 'iteration'] });
    const { trainer } = training;
    trainer.extend(new LogReport({ filename: null, trigger: [1, 'iteration'] }));
    trainer.extend((t) => t.report({ mine: 1 }), { name: 'mine' });
    expect(await captured('warn', () => trainer.run())).to.deep.equal([
      "The extension 'mine' reports 'mine' after 'LogReport' has read the values of the iteration, where they are missing. " +
        'Let it come before: trainer.extend(mine, { priority: priorities.writer }).',
    ]);
  });

  it('and are misspelt in a report are told with the nearest name', async () => {
    using training = buildTraining({ stop: [2, 'iteration'] });
    const { trainer } = training;
    trainer.extend(new LogReport({ filename: null, trigger: [1, 'iteration'] }));
    trainer.extend(new PrintReport(['iteration', 'main/acuracy', 'main/loss', 'xyz'], { out: () => {} }));
    expect(await captured('warn', () => trainer.run())).to.deep.equal([
      "PrintReport: expected a value 'main/acuracy', got none in the first entry. Did you mean 'main/accuracy'?",
      "PrintReport: expected a value 'xyz', got none in the whole training. There were main/loss, main/accuracy, epoch, iteration, elapsed_time.",
    ]);
  });
});
