import {
  AdaDelta,
  Adam,
  Chain,
  InvalidArgumentError,
  Linear,
  MomentumSGD,
  type Optimizer,
  RMSprop,
  SGD,
  sum,
  type Tensor,
  UnknownNameError,
  UnknownOptionError,
  WeightDecay,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { thrown } from '../../support/errors.ts';

class Net extends Chain {
  readonly extractor = new Linear(2, 2, { initialW: 0.5, initialBias: 1 });
  readonly head = new Linear(2, 2, { initialW: 0.5, initialBias: 1 });
  override forward(x: Tensor): Tensor {
    return this.head.call(this.extractor.call(x));
  }
}

/** How far each parameter moves in two steps. */
async function moves(make: () => Optimizer, configure: (optimizer: Optimizer) => void = () => {}) {
  using model = new Net();
  using optimizer = make().setup(model);
  optimizer.addHook(new WeightDecay(0.1));
  configure(optimizer);
  for (const param of model.params()) param.grad = tf.onesLike(param.tensor);
  for (let i = 0; i < 2; i++) optimizer.update();
  const result: Record<string, number> = {};
  for (const [path, param] of model.namedparams()) {
    result[path] = (path.endsWith('/b') ? 1 : 0.5) - (await param.tensor.data())[0]!;
  }
  return result;
}

describeBackends('optimizer.configure', () => {
  for (const make of [
    () => new SGD({ lr: 0.01 }),
    () => new MomentumSGD({ lr: 0.01 }),
    () => new Adam({ alpha: 0.01 }),
    () => new RMSprop({ lr: 0.01 }),
  ]) {
    const { name } = make().constructor;

    it(`scales the rate of ${name} for what a pattern names, and follows the optimizer's`, async () => {
      const plain = await moves(make);
      const scaled = await moves(make, (o) => o.configure(/^\/extractor\//, { lrScale: 0.1 }));
      for (const path of ['/head/W', '/head/b']) expect(scaled[path]).to.equal(plain[path]);
      for (const path of ['/extractor/W', '/extractor/b'])
        expect(scaled[path]! / plain[path]!, path).to.be.closeTo(0.1, 0.01);
      const faster = await moves(make, (o) => {
        o.configure(/^\/extractor\//, { lrScale: 0.1 });
        Object.assign(o.hyperparam, 'lr' in o.hyperparam ? { lr: 0.02 } : { alpha: 0.02 });
      });
      expect(faster['/extractor/b']! / scaled['/extractor/b']!).to.be.closeTo(2, 0.05);
    });

    it(`leaves biases out of the decay of ${name}`, async () => {
      const none = await moves(make, (o) => o.removeHook('WeightDecay'));
      const without = await moves(make, (o) => o.configure(/\/b$/, { weightDecay: false }));
      const plain = await moves(make);
      for (const path of ['/extractor/b', '/head/b']) expect(without[path]).to.equal(none[path]);
      expect(without['/head/W']).to.equal(plain['/head/W']);
    });
  }

  it('sets numbers of their own, which schedules leave alone, and the decay of AdamW', () => {
    using model = new Net();
    using optimizer = new Adam({ weightDecayRate: 0.1 }).setup(model);
    optimizer.configure('/head/W', { alpha: 0.5, beta1: 0.8 }).configure('head/b', { weightDecay: false });
    optimizer.alpha = 0.25;
    expect(model.head.W.updateRule!.hyperparam).to.include({ alpha: 0.5, beta1: 0.8, weightDecayRate: 0.1 });
    expect(model.head.b!.updateRule!.hyperparam).to.include({ alpha: 0.25, weightDecayRate: 0 });
  });

  it('tells what it does not know', () => {
    using model = new Net();
    const optimizer = new SGD();
    expect(() => optimizer.configure('/head/W', {})).to.throw('setup');
    optimizer.setup(model);
    expect(thrown(() => optimizer.configure(/extracter/, { lr: 1 }), UnknownNameError).message).to.match(
      /^SGD\.configure: there is no '\/extracter\/'\. Known names: \/extractor\/[Wb]/,
    );
    expect(
      thrown(() => optimizer.configure(/head/, { alpha: 1 } as never), UnknownOptionError).message,
    ).to.match(/lr/);
    expect(
      thrown(() => optimizer.configure(/head/, { lr_mult: 1 } as never), UnknownOptionError).nearest,
    ).to.equal('lrScale');
    const delta = new AdaDelta().setup(model);
    expect(() => delta.configure(/head/, { lrScale: 2 })).to.throw(InvalidArgumentError, 'a step size');
  });
}, ['cpu', 'wasm']);

describeBackends('optimizer.accumulate', () => {
  it('makes of parts the step of the whole batch', async () => {
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    const results: Float32Array[] = [];
    const before = tf.memory().numTensors;
    for (const parts of [[3], [2, 1]]) {
      using model = new Net();
      using optimizer = new MomentumSGD({ lr: 0.01 }).setup(model);
      for (let step = 0; step < 2; step++) {
        let at = 0;
        for (const size of parts) {
          const part = tf.slice(x, [at, 0], [size, 2]);
          const loss = optimizer.accumulate(
            (p: Tensor) => tf.mean(tf.square(model.call(p))),
            [part],
            size / 3,
          );
          expect((await loss.data())[0]).to.be.greaterThan(0);
          part.dispose();
          at += size;
        }
        optimizer.update();
      }
      expect(optimizer.t).to.equal(2);
      results.push((await model.extractor.W.tensor.data()) as Float32Array);
    }
    expectClose(results[1]!, results[0]!, 1e-6);
    expect(tf.memory().numTensors).to.equal(before);
    x.dispose();
  });

  it('leaves nothing behind when a loss fails', () => {
    using model = new Net();
    using optimizer = new SGD().setup(model);
    const before = tf.memory().numTensors;
    expect(() => optimizer.accumulate(() => sum(tf.ones([2])), [])).to.throw('no gradient');
    expect(tf.memory().numTensors).to.equal(before);
  });
}, ['cpu', 'wasm']);
