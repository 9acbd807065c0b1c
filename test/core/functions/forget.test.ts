import {
  BatchNormalization,
  backward,
  Chain,
  dropout,
  forget,
  Linear,
  relu,
  SecondGradientError,
  Sequential,
  setSeed,
  sigmoid,
  sum,
  type Tensor,
  type Tensor2D,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../support/backends.ts';

class Block extends Chain {
  readonly fc = new Linear(null, 32);
  readonly bn = new BatchNormalization<Tensor2D>(32);
  override forward(x: Tensor): Tensor {
    return relu(dropout(relu(this.bn.call(this.fc.call(x))), 0.3));
  }
}

class Deep extends Chain {
  readonly a = new Block();
  readonly b = new Block();
  readonly c = new Block();
  constructor(private readonly forgets: boolean) {
    super();
  }
  override forward(x: Tensor): Tensor {
    let h = x;
    for (const block of [this.a, this.b, this.c]) h = this.forgets ? forget(block, h) : block.call(h);
    return sum(h);
  }
}

describeBackends('forget', () => {
  /** Gradients, running means and the bytes that a loss holds before its backward pass. */
  async function run(forgets: boolean, steps = 2) {
    setSeed(5);
    using model = new Deep(forgets);
    const x = tf.tidy(() => tf.reshape(tf.range(0, 256 * 8), [256, 8]));
    let held = 0;
    for (let i = 0; i < steps; i++) {
      const loss = backward(() => {
        const start = tf.memory().numBytes;
        const y = model.call(x);
        held = tf.memory().numBytes - start;
        return y;
      }, model);
      loss.dispose();
    }
    const arrays = [...model.params()].map(({ grad }) => grad!);
    const values = await Promise.all([...arrays, model.b.bn.avg_mean.value!].map((t) => t.data()));
    x.dispose();
    return { values, held };
  }

  it('gives bit for bit the gradients, also with dropout, batch normalization and lazy links', async () => {
    const before = tf.memory().numTensors;
    const [plain, forgetful] = [await run(false), await run(true)];
    expect(forgetful.values).to.deep.equal(plain.values);
    expect(tf.memory().numTensors).to.equal(before);
    expect(forgetful.held).to.be.lessThan(plain.held / 2);
  });

  it('is a plain call where nothing is recorded', () => {
    using model = new Deep(true);
    const before = tf.memory().numTensors;
    model.evaluating(() => model.call(tf.ones([2, 8]))).dispose();
    expect(tf.memory().numTensors - before).to.equal(3);
  });

  it('refuses a gradient of its gradient, and gives the first one inside of a tape', () => {
    using link = new Sequential(new Linear(2, 2), sigmoid);
    const x = tf.ones([1, 2]);
    const inner = (t: Tensor) => tf.grad((u: Tensor) => forget(link, tf.square(u)))(t);
    expect(() => tf.grad((t: Tensor) => tf.sum(tf.square(inner(t))))(x)).to.throw(
      SecondGradientError,
      'forget: its gradient cannot be differentiated again',
    );
    const other = tf.ones([1, 2]);
    const beside = tf.grad((t: Tensor) => tf.add(tf.sum(t), tf.sum(inner(other))))(x);
    expect([...beside.dataSync()]).to.deep.equal([1, 1]);
  });
}, ['cpu', 'wasm']);
