import {
  accuracy,
  backward,
  Classifier,
  InvalidArgumentError,
  Linear,
  Link,
  meanSquaredError,
  type Observation,
  Reporter,
  readObservation,
  softmaxCrossEntropy,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { distinct } from '../functions/numeric.ts';
import { fill } from './numeric.ts';

class Sum extends Link {
  override forward(x: tf.Tensor, options: { scale?: number; y?: tf.Tensor } = {}): tf.Tensor {
    const total = options.y === undefined ? x : tf.add(x, options.y);
    return tf.mul(total, options.scale ?? 1);
  }
}

const classes = () => tf.tensor1d([2, 0], 'int32');

describeBackends('Classifier', () => {
  function model(): Classifier<Linear> {
    const classifier = new Classifier(new Linear(4, 3));
    fill(classifier);
    return classifier;
  }
  const x = () => distinct('x', [2, 4]);

  it('gives the loss, and keeps y, loss and accuracy of the last call', async () => {
    using classifier = model();
    expect([classifier.y, classifier.loss, classifier.accuracy]).to.deep.equal([null, null, null]);
    const loss = classifier.call(x(), classes());
    const y = classifier.predictor.call(x());
    expectClose(await loss.data(), await softmaxCrossEntropy(y, classes()).data());
    expectClose(await classifier.y!.data(), await y.data());
    expectClose(await classifier.loss!.data(), await loss.data());
    expectClose(await classifier.accuracy!.data(), await accuracy(y, classes()).data());
    expect([...classifier.namedparams()].map(([path]) => path)).to.deep.equal([
      '/predictor/W',
      '/predictor/b',
    ]);
  });

  it('frees what it kept at the next call and at dispose', () => {
    const [a, t] = [x(), classes()];
    const before = tf.memory().numTensors;
    const classifier = model();
    const parameters = tf.memory().numTensors - before;
    for (let i = 0; i < 3; i++) {
      classifier.call(a, t).dispose();
      expect(tf.memory().numTensors - before - parameters, 'y, loss, accuracy').to.equal(3);
    }
    backward(() => classifier.call(a, t), classifier).dispose();
    expect(tf.memory().numTensors - before - parameters, 'and two gradients').to.equal(5);
    // A copy does not own them.
    classifier.copy('copy').dispose();
    expect(classifier.y!.isDisposed).to.equal(false);
    classifier.dispose();
    classifier.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });

  it('reports loss and accuracy under its name', async () => {
    using classifier = model();
    const reporter = new Reporter();
    reporter.addObserver('main', classifier);
    const observation: Observation = new Map();
    const loss = reporter.scope(observation, () => classifier.call(x(), classes()));
    const values = await readObservation(observation);
    expect([...values.keys()]).to.deep.equal(['main/loss', 'main/accuracy']);
    expectClose([values.get('main/loss')!], await loss.data());
    using quiet = new Classifier(new Linear(4, 3), { accfun: null });
    reporter.addObserver('quiet', quiet);
    observation.clear();
    reporter.scope(observation, () => quiet.call(x(), classes()));
    expect([...(await readObservation(observation)).keys()]).to.deep.equal(['quiet/loss']);
    expect(quiet.accuracy).to.equal(null);
  });

  it('takes the label from any position, or by name', async () => {
    const sum = (options: object) =>
      new Classifier(new Sum(), { lossfun: meanSquaredError, accfun: null, ...options });
    const [a, t] = [tf.tensor1d([1, 2]), tf.tensor1d([1, 4])];
    expectClose(await sum({}).call(a, t).data(), [2]);
    expectClose(await sum({ labelKey: 0 }).call(t, a).data(), [2]);
    expectClose(await sum({ labelKey: 1 }).call(a, t, { scale: 2 }).data(), [0.5]);
    expectClose(await sum({ labelKey: -2 }).call(a, t, { scale: 2 }).data(), [0.5]);
    expectClose(await sum({ labelKey: 't' }).call(a, { t }).data(), [2]);
    expectClose(
      await sum({ labelKey: 't' })
        .call(a, { t, y: tf.tensor1d([0, 2]) })
        .data(),
      [0],
    );
    expect(() => sum({ labelKey: 2 }).call(a, t)).to.throw(InvalidArgumentError, 'labelKey');
    expect(() => sum({ labelKey: -3 }).call(a, t)).to.throw(InvalidArgumentError, 'labelKey');
    expect(() => sum({ labelKey: 't' }).call(a, t)).to.throw(InvalidArgumentError, "a record with 't'");
    expect(() => sum({ labelKey: 't' }).call(a, { u: t })).to.throw(
      InvalidArgumentError,
      'one of the names u',
    );
  });

  it('finds lazy shapes without keeping anything', () => {
    const classifier = new Classifier(new Linear(3));
    const before = tf.memory().numTensors;
    classifier.initialize([1, 4], { shape: [1], dtype: 'int32' });
    expect(classifier.predictor.W.shape).to.deep.equal([3, 4]);
    expect(classifier.y).to.equal(null);
    expect(tf.memory().numTensors - before, 'W').to.equal(1);
    classifier.dispose();
  });
});
