import '@tensorflow/tfjs-backend-cpu';
import {
  Chain,
  DisposedError,
  InvalidArgumentError,
  Link,
  Normal,
  Parameter,
  Random,
  SGD,
  ShapeMismatchError,
  UninitializedParameterError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

const values = (param: Parameter) => [...param.tensor.dataSync()];
const grad = (param: Parameter) => (param.grad === null ? null : [...param.grad.dataSync()]);

function setGrad(param: Parameter, ...numbers: number[]): void {
  tf.tidy(() => {
    param.grad = tf.tensor1d(numbers);
  });
}

describe('Parameter', () => {
  let tensors = 0;
  let owned: Parameter[] = [];
  /** Disposed at the end of the test. */
  const own = (param: Parameter) => {
    owned.push(param);
    return param;
  };
  const make = (...args: ConstructorParameters<typeof Parameter>) => own(new Parameter(...args));

  before(async () => {
    await tf.setBackend('cpu');
  });
  beforeEach(() => {
    tensors = tf.memory().numTensors;
    owned = [];
  });
  afterEach(() => {
    for (const param of owned) param.dispose();
    expect(tf.memory().numTensors, 'tensors left').to.equal(tensors);
  });

  describe('construction', () => {
    it('without a shape leaves it uninitialized, whatever fills it later', () => {
      for (const initializer of [undefined, null, 3, new Normal()]) {
        const param = make(initializer);
        expect([param.isInitialized, param.array, param.grad]).to.deep.equal([false, null, null]);
        expect(param.dtype).to.equal('float32');
      }
    });

    it('with a shape fills at once: a number, an initializer, NaN where there is none', () => {
      expect(values(make(3, [2]))).to.deep.equal([3, 3]);
      const drawn = new Normal(1, { rng: new Random(1) }).generate([2]);
      expect(values(make(new Normal(1, { rng: new Random(1) }), [2]))).to.deep.equal([...drawn]);
      expect(values(make(null, [2]))).to.deep.equal([Number.NaN, Number.NaN]);
      expect(values(make(3, []))).to.deep.equal([3]);
    });

    it('takes the values of an array or a tensor, which stays the caller’s', () => {
      const array = make([1, 2, 3]);
      expect([array.shape, array.size, array.ndim, values(array)]).to.deep.equal([[3], 3, 1, [1, 2, 3]]);
      expect(make(Float32Array.of(1, 2, 3, 4), [2, 2]).shape).to.deep.equal([2, 2]);
      const tensor = tf.tensor2d([[1, 2]]);
      const param = make(tensor);
      expect(param.array).not.to.equal(tensor);
      tensor.dispose();
      expect(values(param)).to.deep.equal([1, 2]);
    });

    it('refuses values that do not fit the shape or are not float32', () => {
      tf.tidy(() => {
        expect(() => make(tf.zeros([2]), [3])).to.throw(ShapeMismatchError);
        expect(() => make([1, 2], [3])).to.throw(InvalidArgumentError);
        expect(() => make([1, 2], [null])).to.throw(InvalidArgumentError, 'a complete shape');
        expect(() => make(tf.tensor1d([1], 'int32'))).to.throw(InvalidArgumentError, 'float32');
      });
    });

    it('lives through the tidy that it is made in', () => {
      tf.tidy(() => void make(tf.zeros([2])));
      expect(values(owned[0]!)).to.deep.equal([0, 0]);
    });
  });

  describe('uninitialized', () => {
    it('cannot be read; the error names the full path and the cures', () => {
      class Inner extends Link {
        readonly W = own(new Parameter(0));
      }
      class Outer extends Chain {
        readonly fc = new Inner();
      }
      const model = new Outer();
      const { W } = model.fc;
      for (const read of [() => W.tensor, () => W.shape, () => W.size, () => W.ndim]) {
        expect(read).to.throw(UninitializedParameterError);
      }
      expect([...model.namedparams()]).to.have.length(1);
      expect(() => W.shape).to.throw(UninitializedParameterError, '/fc/W is not initialized');
      expect(() => W.shape).to.throw(/initialize\(inputShape\).*forward pass.*in-size/s);
      expect(() => setGrad(W, 1)).to.throw(UninitializedParameterError);
    });

    it('is initialized by its initializer, and drawn anew when asked again', () => {
      const param = make(new Normal(1, { rng: new Random(1) }));
      param.initialize([3]);
      const first = values(param);
      param.initialize([3]);
      expect(values(param)).to.have.length(3).and.not.deep.equal(first);
    });

    it('has no gradient after it was initialized again', () => {
      const param = make(1, [2]);
      setGrad(param, 1, 2);
      param.initialize([3]);
      expect(grad(param)).to.equal(null);
    });

    it('with open dimensions refuses another shape', () => {
      const param = make(0, [4, null]);
      expect(param.partialShape).to.deep.equal([4, null]);
      expect([param.accepts([4, 9]), param.accepts([3, 9]), param.accepts([4])]).to.deep.equal([
        true,
        false,
        false,
      ]);
      expect(() => param.initialize([5, 2])).to.throw(ShapeMismatchError, /got \(5, 2\)/);
      tf.tidy(() => {
        expect(() => param.assign(tf.zeros([5, 2]))).to.throw(ShapeMismatchError);
        param.assign(tf.zeros([4, 2]));
      });
      expect(param.partialShape).to.deep.equal([4, 2]);
    });
  });

  describe('assign', () => {
    it('takes the values, frees the old ones, and leaves the tensor to the caller', () => {
      const param = make([1, 2]);
      const old = param.tensor;
      const given = tf.tensor1d([3, 4]);
      param.array = given;
      expect([old.isDisposed, given.isDisposed]).to.deep.equal([true, false]);
      given.dispose();
      expect(values(param)).to.deep.equal([3, 4]);
      param.assign(param.tensor);
      expect(values(param)).to.deep.equal([3, 4]);
    });

    it('never broadcasts, reshapes or casts', () => {
      const param = make(1, [2, 2]);
      tf.tidy(() => {
        for (const shape of [[1], [4], [2, 1], []])
          expect(() => param.assign(tf.zeros(shape)), String(shape)).to.throw(ShapeMismatchError);
        expect(() => param.assign(tf.zeros([2, 2], 'int32'))).to.throw(InvalidArgumentError, 'int32');
      });
      expect(values(param)).to.deep.equal([1, 1, 1, 1]);
    });
  });

  describe('gradient', () => {
    it('is cloned when set, freed when replaced, and null when cleared', () => {
      const param = make([1, 2]);
      setGrad(param, 3, 4);
      const first = param.grad!;
      setGrad(param, 5, 6);
      expect([first.isDisposed, grad(param)]).to.deep.equal([true, [5, 6]]);
      param.cleargrad();
      param.cleargrad();
      expect(grad(param)).to.equal(null);
    });

    it('has the shape and the type of the values', () => {
      const param = make([1, 2]);
      expect(() => setGrad(param, 1, 2, 3)).to.throw(ShapeMismatchError, /gradient.*\(2\).*\(3\)/);
      tf.tidy(() => {
        expect(() => {
          param.grad = tf.tensor1d([1, 2], 'int32');
        }).to.throw(InvalidArgumentError, 'float32');
      });
    });

    it('is added by addgrad; a missing one adds nothing', () => {
      const [a, b] = [make([1, 2]), make([1, 2])];
      a.addgrad(b);
      expect(grad(a)).to.equal(null);
      setGrad(b, 1, 2);
      a.addgrad(b);
      expect(grad(a)).to.deep.equal([1, 2]);
      a.addgrad(b);
      expect([grad(a), grad(b)]).to.deep.equal([
        [2, 4],
        [1, 2],
      ]);
      const lazy = make(7);
      lazy.addgrad(b);
      expect([values(lazy), grad(lazy)]).to.deep.equal([
        [7, 7],
        [1, 2],
      ]);
      b.addgrad(make(0));
      expect(grad(b)).to.deep.equal([1, 2]);
    });
  });

  describe('copydata', () => {
    it('copies in three of four cases, and never changes the source', () => {
      const [set, other, lazy, lazier] = [make([1, 2]), make([3, 4]), make(0), make(0)];
      lazy.copydata(lazier);
      expect(lazy.isInitialized, 'both uninitialized').to.equal(false);
      expect(() => set.copydata(lazy)).to.throw(UninitializedParameterError);
      expect(lazy.isInitialized, 'the source').to.equal(false);
      setGrad(set, 9, 9);
      set.copydata(other);
      lazy.copydata(other);
      expect([values(set), values(lazy), grad(set)]).to.deep.equal([
        [3, 4],
        [3, 4],
        [9, 9],
      ]);
    });

    it('does not broadcast', () => {
      expect(() => make(0, [21]).copydata(make([1]))).to.throw(ShapeMismatchError);
    });
  });

  describe('copies', () => {
    it('by share hold one storage: initializing or assigning one shows in the other', () => {
      const param = make(5, null, 'W');
      const shared = own(param.share());
      expect([shared.name, shared.grad, shared.updateRule]).to.deep.equal([null, null, null]);
      shared.initialize([2]);
      expect(values(param)).to.deep.equal([5, 5]);
      tf.tidy(() => param.assign(tf.tensor1d([6, 7])));
      expect(values(shared)).to.deep.equal([6, 7]);
      setGrad(param, 1, 1);
      expect(shared.grad).to.equal(null);
    });

    it('by clone are independent, with values and gradient, or drawn anew', () => {
      const param = make(new Normal(1, { rng: new Random(1) }), [3]);
      param.frozen = true;
      setGrad(param, 1, 2, 3);
      const [same, drawn, lazy] = [own(param.clone()), own(param.clone(true)), own(make(0, [null]).clone())];
      expect([values(same), grad(same), same.frozen]).to.deep.equal([values(param), [1, 2, 3], true]);
      expect(values(drawn)).not.to.deep.equal(values(param));
      expect(grad(drawn)).to.equal(null);
      expect([lazy.isInitialized, lazy.partialShape]).to.deep.equal([false, [null]]);
      tf.tidy(() => param.assign(tf.zeros([3])));
      expect(values(same)).not.to.deep.equal([0, 0, 0]);
    });
  });

  describe('update', () => {
    it('needs a rule, a gradient, and not to be frozen', () => {
      const param = make([1]);
      setGrad(param, 1);
      param.update();
      expect(values(param), 'no rule').to.deep.equal([1]);
      param.updateRule = new SGD({ lr: 0.5 }).createUpdateRule();
      param.frozen = true;
      param.update();
      expect(values(param), 'frozen').to.deep.equal([1]);
      param.frozen = false;
      param.update();
      param.cleargrad();
      param.update();
      expect([values(param), param.updateRule.t]).to.deep.equal([[0.5], 1]);
    });
  });

  describe('end of life', () => {
    it('dispose frees everything once; later use tells the path', () => {
      const param = new Parameter([1, 2], null, 'W');
      setGrad(param, 1, 2);
      const shared = param.share();
      param.dispose();
      param.dispose();
      expect(param.isDisposed && shared.isDisposed).to.equal(true);
      for (const use of [() => param.array, () => param.initialize([2]), () => shared.tensor])
        expect(use).to.throw(DisposedError);
      expect(() => param.tensor).to.throw('/W was disposed');
    });

    it('`using` disposes', () => {
      let seen: Parameter;
      {
        using param = new Parameter([1]);
        seen = param;
      }
      expect(seen.isDisposed).to.equal(true);
    });
  });

  it('shows name and shape, and is not a number', () => {
    expect(String(make(0, [2, 3], 'W'))).to.equal('Parameter /W (2, 3)');
    expect(String(make(0))).to.equal('Parameter (unnamed parameter) uninitialized');
    expect(Number(make([1]))).to.deep.equal(Number.NaN);
  });

  it('adopt takes a tensor over: no copy, no tensor more', () => {
    const param = new Parameter(0, [2], 'W');
    const values = tf.tensor1d([1, 2]);
    const count = tf.memory().numTensors;
    tf.tidy(() => param.adopt(values));
    expect(param.array).to.equal(values);
    expect(tf.memory().numTensors).to.equal(count - 1);
    const wrong = tf.tensor1d([1, 2, 3]);
    expect(() => param.adopt(wrong)).to.throw(ShapeMismatchError);
    expect(wrong.isDisposed).to.equal(false);
    wrong.dispose();
    param.dispose();
    expect(values.isDisposed).to.equal(true);
  });
});
