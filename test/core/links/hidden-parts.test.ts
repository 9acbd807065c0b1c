/** Links, parameters and variables in places that the traversal does not see are errors, never silence. */
import '@tensorflow/tfjs-backend-cpu';
import {
  Chain,
  ChainDict,
  ChainList,
  Classifier,
  HiddenPartError,
  Linear,
  Link,
  Parameter,
  Persistent,
  relu,
  Sequential,
  StructureMismatchError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

const x = () => tf.ones([1, 2]);

/** A chain with one field of this value. */
class With extends Chain {
  constructor(readonly field: unknown) {
    super();
  }
  override forward(input: tf.Tensor): tf.Tensor {
    return input;
  }
}

const parts: [name: string, make: () => unknown][] = [
  ['a link', () => new Linear(2, 2)],
  ['a parameter', () => new Parameter(0, [2])],
  ['a persistent', () => new Persistent(1)],
  ['a tf.Variable', () => tf.variable(tf.zeros([2]))],
];

const containers: [name: string, put: (part: unknown) => unknown][] = [
  ['an array', (part) => [1, part]],
  ['an object', (part) => ({ size: 1, part })],
  ['an object', (part) => Object.assign(Object.create(null), { part })],
  ['a Map', (part) => new Map([['part', part]])],
  ['a Map', (part) => new Map([[part, 1]])],
  ['a Set', (part) => new Set([part])],
];

describe('hidden parts of a model', () => {
  before(() => tf.setBackend('cpu'));

  const expectRefused = (field: unknown, text: string) => {
    const uses: ((link: With) => unknown)[] = [
      (link) => [...link.namedparams()],
      (link) => [...link.namedpersistents()],
      (link) => link.call(x()),
      (link) => [...new ChainList<Link>(link).params()],
    ];
    for (const use of uses) expect(() => use(new With(field))).to.throw(HiddenPartError, text);
    expect(() => new With(field).copy().cleargrads()).to.throw(HiddenPartError, '/field');
  };

  for (const [part, make] of parts) {
    for (const [container, put] of containers) {
      it(`${part} in ${container}`, () => {
        expectRefused(put(make()), `${container} with ${part}`);
        expectRefused([[put(make())]], `${container} with ${part}`);
      });
    }
  }

  it('a tf.Variable in a field', () => {
    expectRefused(tf.variable(tf.zeros([2])), 'got a tf.Variable');
    expect(() => [...new With(tf.variable(tf.zeros([1]))).params()]).to.throw(
      HiddenPartError,
      'Make it a Parameter',
    );
  });

  it('says where: the path of the field', () => {
    const model = new ChainList<Link>(new With(3), new With([new Linear(1, 1)]));
    expect(() => [...model.namedparams()]).to.throw(
      HiddenPartError,
      /^\/1\/field: expected .* got an array with a link/,
    );
  });

  it('leaves plain configuration alone, cyclic or not', () => {
    const cyclic: Record<string, unknown> = {
      sizes: [1, [2, 3]],
      tags: new Set(['a']),
      by: new Map([['a', [1]]]),
    };
    cyclic['self'] = cyclic;
    for (const value of [
      cyclic,
      [tf.zeros([2])],
      new Float32Array(3),
      new Date(),
      () => new Linear(1, 1),
      null,
    ])
      expect([...new With(value).namedparams()]).to.deep.equal([]);
  });

  describe('used by a forward pass', () => {
    class Private extends Chain {
      readonly seen = new Linear(2, 2);
      readonly #fc = new Linear(2, 2);
      override forward(input: tf.Tensor): tf.Tensor {
        return this.#fc.call(this.seen.call(input));
      }
      freeze(): this {
        this.#fc.disableUpdate();
        return this;
      }
    }

    class PrivateParameter extends Link {
      readonly #W = new Parameter(2, [2], 'W');
      override forward(input: tf.Tensor): tf.Tensor {
        return tf.mul(input, this.#W.tensor);
      }
      freeze(): this {
        this.#W.frozen = true;
        return this;
      }
    }

    class Boxed extends Link {
      // An instance of a class of its own is not looked into; what it runs is.
      readonly box = new (class Box {
        readonly fc = new Linear(2, 2);
      })();
      override forward(input: tf.Tensor): tf.Tensor {
        return this.box.fc.call(input);
      }
    }

    class MadeAnew extends Link {
      override forward(input: tf.Tensor): tf.Tensor {
        return new Linear(2, 2).call(input);
      }
    }

    it('a #private link', () => {
      expect(() => new Private().call(x())).to.throw(HiddenPartError, 'Private /: ');
      expect(() => new Private().call(x())).to.throw(
        HiddenPartError,
        'a Linear that its forward calls and no field holds',
      );
      expect(() => new ChainList(new Private()).at(0).initialize([1, 2])).to.throw(HiddenPartError);
    });

    it('a #private parameter', () => {
      expect(() => new PrivateParameter().call(x())).to.throw(
        HiddenPartError,
        'Parameter /W (2) that its forward uses',
      );
    });

    it('a link in an object of a class, one made in forward, and one in a closure', () => {
      const outside = new Linear(2, 2);
      expect(() => new Boxed().call(x())).to.throw(HiddenPartError, 'Boxed /: ');
      expect(() => new MadeAnew().call(x())).to.throw(HiddenPartError, 'MadeAnew /: ');
      const model = new ChainList(new Sequential((h: tf.Tensor) => outside.call(h), relu));
      class Outer extends Chain {
        readonly inner = model;
        override forward(input: tf.Tensor): tf.Tensor {
          return this.inner.at(0).call(input);
        }
      }
      expect(() => new Outer().call(x())).to.throw(HiddenPartError, 'Sequential /inner/0: ');
      // Called on its own it is nobody's.
      expect(outside.call(x()).shape).to.deep.equal([1, 2]);
    });

    it('but not what is frozen on purpose', () => {
      expect(new Private().freeze().call(x()).shape).to.deep.equal([1, 2]);
      expect(new PrivateParameter().freeze().call(x()).shape).to.deep.equal([1, 2]);
      const teacher = new Sequential(new Linear(2, 2), relu).disableUpdate();
      const student = new Classifier(new Linear(2, 2), {
        lossfun: (y) => tf.mean(tf.squaredDifference(y, teacher.call(x()))),
        accfun: null,
      });
      expect(student.call(x(), tf.tensor1d([0], 'int32')).shape).to.deep.equal([]);
    });

    it('nor what is held further up, or twice', () => {
      class Tied extends Chain {
        readonly other = new Linear(2, 2);
        readonly run = new Sequential((h: tf.Tensor) => this.other.call(h));
        readonly again = this.other;
        override forward(input: tf.Tensor): tf.Tensor {
          return this.again.call(this.run.call(this.other.call(input)));
        }
      }
      const model = new ChainDict({ a: new Tied() });
      for (let i = 0; i < 2; i++) expect(model.get('a').call(x()).shape).to.deep.equal([1, 2]);
      const shared = new Linear(2, 2);
      const both = new Sequential(new Sequential(shared), new Sequential(shared), shared);
      for (let i = 0; i < 2; i++) expect(both.call(x()).shape).to.deep.equal([1, 2]);
    });

    it('forgets a failed pass', () => {
      class Fails extends Link {
        override forward(_: tf.Tensor): tf.Tensor {
          throw new Error('broken');
        }
      }
      expect(() => new Fails().call(x())).to.throw('broken');
      expect(new Linear(2, 2).call(x()).shape).to.deep.equal([1, 2]);
    });
  });

  it('a link that holds itself', () => {
    const [a, b] = [new Chain(), new Chain()];
    a.addLink('b', b);
    b.addLink('a', a);
    for (const use of [() => [...a.namedparams()], () => [...b.links()], () => a.cleargrads()])
      expect(use).to.throw(StructureMismatchError, 'A model is a tree');
  });
});
