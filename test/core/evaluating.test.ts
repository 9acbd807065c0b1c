import {
  BatchNormalization,
  backward,
  Chain,
  config,
  dropout,
  grad,
  InvalidArgumentError,
  Linear,
  softmax,
  sum,
  type Tensor,
  type Tensor2D,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../support/backends.ts';
import { thrown } from '../support/errors.ts';

class Net extends Chain {
  readonly fc = new Linear(3, 4);
  readonly bn = new BatchNormalization<Tensor2D>(4);
  override forward(x: Tensor): Tensor {
    return dropout(this.bn.call(this.fc.call(x)), 0.5);
  }
  predict(x: Tensor): Tensor {
    return this.evaluating(() => softmax(this.call(x)));
  }
}

describeBackends('evaluating', () => {
  const x = () => tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);

  it('switches to the test mode, frees what is made on the way, and switches back', async () => {
    using model = new Net();
    const input = x();
    const before = tf.memory().numTensors;
    const [first, second] = [model.predict(input), model.predict(input)];
    expect(tf.memory().numTensors).to.equal(before + 2);
    expect(await first.data()).to.deep.equal(await second.data());
    expect(config.train).to.equal(true);
    expect(await model.bn.avg_mean.value!.data()).to.deep.equal(new Float32Array(4));
    tf.dispose([first, second]);
    expect(() =>
      model.evaluating(() => {
        tf.ones([2]);
        throw new RangeError('mine');
      }),
    ).to.throw(RangeError);
    expect(config.train).to.equal(true);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('records nothing inside of a loss, and may be nested and take gradients of its own', async () => {
    using model = new Net();
    const input = x();
    const before = tf.memory().numTensors;
    const loss = backward(() => {
      const target = model.evaluating(() => {
        const slope = model.evaluating(() => grad((v: Tensor) => sum(model.call(v)))(input));
        return tf.add(sum(slope), sum(model.predict(input)));
      });
      return sum(tf.mul(target, model.fc.W.tensor));
    }, model.fc.params());
    const plain = model.evaluating(() => {
      const slope = grad((v: Tensor) => sum(model.call(v)))(input);
      return tf.add(sum(slope), sum(model.predict(input)));
    });
    // The target is a constant: the gradient of target * W is the target.
    const [expected] = await plain.data();
    for (const g of await model.fc.W.grad!.data()) expect(g).to.be.closeTo(expected!, 1e-4);
    expect(model.fc.b!.grad).to.equal(null);
    model.cleargrads();
    tf.dispose([loss, plain]);
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('refuses what waits inside', () => {
    using model = new Net();
    const error = thrown(() => model.evaluating(async () => model.call(x())), InvalidArgumentError);
    expect(error.message).to.match(
      /^Net\.evaluating: expected a synchronous function, got a promise\. Await before/,
    );
    expect(config.train).to.equal(true);
  });
}, ['cpu', 'wasm']);
