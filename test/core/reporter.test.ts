import '@tensorflow/tfjs-backend-cpu';
import {
  Chain,
  DuplicateNameError,
  InvalidArgumentError,
  Link,
  type Observation,
  Reporter,
  readObservation,
  report,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

class Model extends Chain {
  readonly predictor = new Link();
}

describe('Reporter', () => {
  let tensors = 0;
  before(async () => {
    await tf.setBackend('cpu');
  });
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
  });

  it('puts the name of the observer before the key', () => {
    const reporter = new Reporter();
    const model = new Model();
    reporter.addObserver('main', model);
    reporter.addObservers('main', model.namedlinks(true));
    const observation: Observation = new Map();
    reporter.scope(observation, () => {
      report({ epoch: 1 });
      report({ loss: 2, accuracy: 3 }, model);
      report({ size: 4 }, model.predictor);
    });
    expect([...observation]).to.deep.equal([
      ['epoch', 1],
      ['main/loss', 2],
      ['main/accuracy', 3],
      ['main/predictor/size', 4],
    ]);
  });

  it('refuses a name that is taken, and an observer that it does not know', () => {
    const reporter = new Reporter();
    reporter.addObserver('main', new Link());
    expect(() => reporter.addObserver('main', new Link())).to.throw(DuplicateNameError, "'main'");
    expect(() => reporter.scope(new Map(), () => report({ loss: 1 }, new Link()))).to.throw(
      InvalidArgumentError,
      'addObserver',
    );
  });

  it('does nothing where nobody listens, not even look for the observer', () => {
    report({ loss: 1 }, new Link());
  });

  it('scopes nest, give back what the function returns, and end with an error too', () => {
    const [outer, inner] = [new Reporter(), new Reporter()];
    const [a, b]: [Observation, Observation] = [new Map(), new Map()];
    const result = outer.scope(a, () => {
      report({ x: 1 });
      expect(() =>
        inner.scope(b, () => {
          report({ y: 2 });
          throw new RangeError('no');
        }),
      ).to.throw(RangeError);
      outer.scope(b, () => report({ z: 3 }));
      report({ x: 4 });
      return 'result';
    });
    report({ x: 5 });
    expect(result).to.equal('result');
    expect([...a]).to.deep.equal([['x', 4]]);
    expect([...b]).to.deep.equal([
      ['y', 2],
      ['z', 3],
    ]);
  });

  it('keeps tensors through tidies, frees the ones that are replaced, and reads them in the end', async () => {
    const reporter = new Reporter();
    const observation: Observation = new Map();
    reporter.scope(observation, () => {
      for (const value of [1, 2, 3]) tf.tidy(() => report({ loss: tf.scalar(value), n: value }));
    });
    expect(tf.memory().numTensors).to.equal(tensors + 1);
    expect([...(await readObservation(observation))]).to.deep.equal([
      ['loss', 3],
      ['n', 3],
    ]);
  });
});
