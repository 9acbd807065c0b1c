/** `backward`, and the observations of the real Chainer's automatic differentiation. */
import {
  BatchNormalization,
  backward,
  Chain,
  Convolution2D,
  config,
  InvalidArgumentError,
  Linear,
  Link,
  linear,
  NothingToDoError,
  Parameter,
  ShapeMismatchError,
  softmaxCrossEntropy,
  usingConfig,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../support/backends.ts';
import { readJson } from '../support/goldens.ts';

class Vector extends Link {
  readonly v: Parameter;
  constructor(...values: number[]) {
    super();
    this.v = new Parameter(values);
  }
}

const square = (param: Parameter) => () => tf.sum(tf.mul(param.tensor, param.tensor));
const grad = async (param: Parameter) => (param.grad === null ? null : [...(await param.grad.data())]);

/** Runs `backward` and frees the loss. */
function run(lossFn: () => tf.Tensor, params: Parameters<typeof backward>[1]): void {
  backward(lossFn, params).dispose();
}

describeBackends('backward', (backend) => {
  let tensors = 0;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
  });

  it('leaves the gradients, adds to those that are there, and returns the loss', async () => {
    using model = new Vector(1, -2);
    const loss = backward(square(model.v), model);
    expect(loss.shape).to.deep.equal([]);
    expect((await loss.data())[0]).to.equal(5);
    expect(await grad(model.v)).to.deep.equal([2, -4]);
    run(square(model.v), [model.v, model.v]);
    expect(await grad(model.v)).to.deep.equal([4, -8]);
    loss.dispose();
  });

  it('gives null, not zero, to a parameter that the loss does not depend on', async () => {
    using used = new Vector(1);
    using unused = new Vector(1);
    run(square(used.v), [used.v, unused.v]);
    expect([await grad(used.v), await grad(unused.v)]).to.deep.equal([[2], null]);
  });

  it('leaves frozen parameters out, and what lies before them', async () => {
    using model = new Linear(2, 2, { initialW: 1 });
    const x = tf.ones([1, 2]);
    model.W.frozen = true;
    run(() => tf.sum(model.call(x)), model);
    expect([await grad(model.W), await grad(model.b!)]).to.deep.equal([null, [1, 1]]);
    x.dispose();
  });

  it('takes parameters that find their shape in the forward pass', async () => {
    using model = new Linear(null, 1, { initialW: 1 });
    const x = tf.tensor2d([[3, 4]]);
    run(() => tf.sum(model.call(x)), model);
    expect(await grad(model.W)).to.deep.equal([3, 4]);
    x.dispose();
  });

  it('gives the whole gradient of a storage to the first of its share-copies', async () => {
    class Tied extends Chain {
      readonly a = new Vector(1);
      readonly b = this.a.copy('share');
    }
    using model = new Tied();
    run(() => tf.sum(tf.add(model.a.v.tensor, tf.mul(model.b.v.tensor, 3))), model);
    expect([await grad(model.a.v), await grad(model.b.v)]).to.deep.equal([[4], null]);
  });

  it('differentiates at the values, and keeps what it shall keep, inside a tidy', async () => {
    using model = new Vector(3);
    tf.tidy(() => run(square(model.v), model));
    expect(await grad(model.v)).to.deep.equal([6]);
  });

  if (backend !== 'cpu') return;

  it('tells when there is nothing to differentiate by', () => {
    using model = new Vector(1);
    expect(() => backward(square(model.v), [])).to.throw(NothingToDoError, 'no parameters');
    expect(() => backward(() => tf.scalar(1), model)).to.throw(NothingToDoError, 'reaches any of the 1');
    model.disableUpdate();
    expect(() => backward(square(model.v), model)).to.throw(NothingToDoError, 'enableUpdate');
  });

  it('wants one number', () => {
    using model = new Vector(1, 2);
    expect(() => backward(() => model.v.tensor, model)).to.throw(
      InvalidArgumentError,
      'a tensor of shape (2)',
    );
    const notATensor = (() => 3) as unknown as () => tf.Tensor;
    expect(() => backward(notATensor, model)).to.throw(InvalidArgumentError, 'got 3');
    const promise = (async () => tf.scalar(1)) as unknown as () => tf.Tensor;
    expect(() => backward(promise, model)).to.throw(/synchronous|got (object|a promise)/);
  });

  it('passes on the errors of the loss, and leaves nothing behind', async () => {
    using model = new Vector(1);
    const fail = () => {
      tf.mul(model.v.tensor, 2);
      throw new RangeError('no');
    };
    expect(() => backward(fail, model)).to.throw(RangeError);
    expect(model.v.grad).to.equal(null);
    run(square(model.v), model);
    expect(await grad(model.v)).to.deep.equal([2]);
  });
});

// ---- the observations of training.json ------------------------------------------------------------------------------

interface Observation {
  case: string;
  returns?: unknown;
  raises?: string;
}

const observations = readJson<{ autograd_semantics: Observation[] }>(
  'goldens/training.json',
).autograd_semantics;

/** What is observed here, by the golden's name; compared with what Chainer returned. */
const met: Record<string, () => unknown> = {
  'backward twice accumulates into the leaf': async () => {
    using model = new Vector(2);
    const seen: number[] = [];
    for (let i = 0; i < 2; i++) {
      run(square(model.v), model);
      seen.push((await grad(model.v))![0]!);
    }
    return seen;
  },
  'a variable used several times sums its contributions': async () => {
    using model = new Vector(3);
    run(() => tf.sum(tf.add(tf.mul(model.v.tensor, model.v.tensor), model.v.tensor)), model);
    return grad(model.v);
  },
  'backward on a 2-element variable with grad set': async () => {
    // An upstream gradient is a weighted sum.
    using model = new Vector(1, 1);
    run(() => tf.sum(tf.mul(tf.mul(model.v.tensor, 3), tf.tensor1d([1, 10]))), model);
    return grad(model.v);
  },
  'chainer.grad through a gradient (second derivative of x^3 at 2)': async () => {
    const cube = (x: tf.Tensor) => tf.mul(tf.mul(x, x), x);
    const second = tf.tidy(() => tf.grad(tf.grad(cube))(tf.scalar(2)));
    const result = [...(await second.data())];
    second.dispose();
    return result;
  },
  'train flag default and using_config': () => [
    config.train,
    [usingConfig('train', false, () => config.train), null, config.train],
  ],
};

/** What raises here as in Chainer, with the class of the error. */
const raised: Record<string, { error: new (...args: never[]) => Error; act: () => unknown }> = {
  'backward on a 2-element variable without grad': {
    error: InvalidArgumentError,
    act: () => {
      using model = new Vector(1, 2);
      backward(() => tf.mul(model.v.tensor, 3), model);
    },
  },
  'setting a gradient of the wrong shape': {
    error: ShapeMismatchError,
    act: () => {
      using model = new Vector(1, 2);
      model.v.grad = tf.zeros([3]);
    },
  },
  'setting a gradient of the wrong dtype': {
    error: InvalidArgumentError,
    act: () => {
      using model = new Vector(1, 2);
      model.v.grad = tf.zeros([2], 'int32');
    },
  },
  'shape error in F.linear': {
    error: ShapeMismatchError,
    act: () => linear(tf.zeros([1, 2]), tf.zeros([4, 3])),
  },
  'convolution input channel mismatch': {
    error: ShapeMismatchError,
    act: () => new Convolution2D(3, 4, 3).call(tf.zeros([1, 8, 8, 2])),
  },
  'convolution output would be empty': {
    error: InvalidArgumentError,
    act: () => new Convolution2D(2, 4, 3).call(tf.zeros([1, 2, 2, 2])),
  },
  'softmax_cross_entropy label out of range without debug': {
    error: InvalidArgumentError,
    // Only with debug: looking at the labels would wait for the device. Without it the loss is NaN.
    act: () =>
      usingConfig('debug', true, () => softmaxCrossEntropy(tf.zeros([1, 3]), tf.tensor1d([5], 'int32'))),
  },
};

/** What is otherwise here, and why. */
const elsewhere: Record<string, string> = {
  'intermediate gradient without retain_grad':
    'gradients are those of parameters; for others there is tf.grads',
  'intermediate gradient with retain_grad=True':
    'gradients are those of parameters; for others there is tf.grads',
  no_backprop_mode: 'nothing is recorded outside backward(), so there is nothing to switch off',
  unchain: 'the tape ends with backward(), so no graph hangs on a variable',
  'v += 1 is not in place': 'JavaScript has no operators of tensors',
  'comparison operators':
    'JavaScript has no operators of tensors; a Parameter is not a number (parameter.test.ts)',
  'truth value': 'every object is true in JavaScript',
  'len, shape, size, ndim, dtype, T':
    'shape, size, ndim and dtype are in parameter.test.ts; len and T are tfjs’',
  'Variable(list)': 'an array of numbers is taken: there is no other notation of values',
  'int Variable has requires_grad': 'parameters are float32',
  'mixed dtypes in F.add': 'addition is tfjs’, which casts',
  'Link call under train=False: BatchNormalization uses running statistics, Dropout is identity; chains have no eval() method':
    'the golden notes a fact, not a value: tested below',
};

describeBackends('automatic differentiation beside Chainer', () => {
  it('knows every observation', () => {
    const known = [...Object.keys(met), ...Object.keys(raised), ...Object.keys(elsewhere)];
    expect(known).to.have.members(observations.map((observation) => observation.case));
  });

  for (const observation of observations) {
    const name = observation.case;
    if (name in met) {
      it(name, async () => {
        const seen = await met[name]!();
        expect(seen).to.deep.equal(observation.returns);
      });
    } else if (name in raised) {
      it(`${name} (raises ${observation.raises})`, () => {
        tf.tidy(() => {
          expect(observation.raises).to.be.a('string');
          expect(raised[name]!.act).to.throw(raised[name]!.error);
        });
      });
    }
  }

  it('uses running statistics when config.train is off', async () => {
    using bn = new BatchNormalization<tf.Tensor2D>(1);
    const x = tf.tensor2d([[1], [3]]);
    const still = usingConfig('train', false, () => bn.call(x));
    const moving = bn.call(x);
    expect([...(await still.data())].map(Math.round)).to.deep.equal([1, 3]);
    expect([...(await moving.data())].map(Math.round)).to.deep.equal([-1, 1]);
    tf.dispose([x, still, moving]);
  });
}, ['cpu']);
