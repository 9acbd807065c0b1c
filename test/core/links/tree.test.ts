/** Names and paths in the tree of links: they follow every change, and cost what the tree is large. */
import '@tensorflow/tfjs-backend-cpu';
import {
  Chain,
  ChainDict,
  ChainList,
  DuplicateNameError,
  InvalidArgumentError,
  Linear,
  Link,
  Parameter,
  relu,
  replace,
  Sequential,
  ShapeMismatchError,
  StructureMismatchError,
  UninitializedParameterError,
  UnknownNameError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

const names = (link: Link) => [...link.namedparams()].map(([path]) => path);
const one = () => new Linear(2, 2, { nobias: true });

class Net extends Chain {
  fc = one();
  readonly list = new ChainList(one(), one());
  readonly dict = new ChainDict({ a: one() });
  readonly run = new Sequential(relu, one(), relu, one());
  override forward(x: tf.Tensor): tf.Tensor {
    return this.run.call(
      this.dict.get('a').call(this.list.at(1).call(this.list.at(0).call(this.fc.call(x)))),
    );
  }
}

const x = () => tf.ones([1, 2]);
const wrong = () => new Linear(3, 2);

describe('the tree of links', () => {
  before(() => tf.setBackend('cpu'));

  describe('paths follow', () => {
    const changes: [title: string, change: (net: Net) => void, path: string][] = [
      ['a replaced field', (net) => (net.fc = wrong()), '/fc/W'],
      ['a replaced link of a list', (net) => net.list.set(1, wrong()), '/list/1/W'],
      ['a link inserted in a list', (net) => net.list.insert(0, wrong()), '/list/0/W'],
      ['a link of a dict', (net) => net.dict.set('a', wrong()), '/dict/a/W'],
      ['a link of a Sequential', (net) => net.run.set(1, wrong()), '/run/1/W'],
      ['a layer of a Sequential', (net) => net.run.insertLayer(1, wrong()), '/run/0/W'],
      ['a replaced parameter', (net) => Object.assign(net.fc, { W: new Parameter(0, [2, 3]) }), '/fc/W'],
      ['replace()', (net) => replace(net, (m) => m.list.at(0), wrong()), '/list/0/W'],
    ];
    for (const [title, change, path] of changes) {
      it(`${title}, in the error of the next call`, () => {
        const net = new Net();
        net.call(x());
        names(net);
        change(net);
        expect(() => net.call(x())).to.throw(ShapeMismatchError, new RegExp(`^${path}: expected`));
      });
    }

    it('a lazy parameter that came later', () => {
      class Own extends Link {
        W = new Parameter(0, [2]);
        override forward(input: tf.Tensor): tf.Tensor {
          return tf.mul(input, this.W.tensor);
        }
      }
      class Holder extends Chain {
        readonly own = new Own();
        override forward(input: tf.Tensor): tf.Tensor {
          return this.own.call(input);
        }
      }
      const holder = new Holder();
      holder.call(x());
      holder.own.W = new Parameter();
      expect(() => holder.call(x())).to.throw(UninitializedParameterError, 'Parameter /own/W is');
    });

    it('names of links that moved, or are held no more', () => {
      const net = new Net();
      names(net);
      const [first, second] = net.list;
      const old = net.fc;
      net.list.remove(0);
      net.fc = one();
      expect([second!.name, second!.path]).to.deep.equal(['0', '/list/0']);
      for (const gone of [first!, old]) expect([gone.name, gone.path]).to.deep.equal([null, '']);
      const wrapper = new Chain();
      wrapper.addLink('net', net);
      names(wrapper);
      expect(second!.path).to.equal('/net/list/0');
    });
  });

  it('a traversal reads each field a number of times that does not grow with the model', () => {
    const reads = (n: number, traverse: (link: Link) => unknown) => {
      const chain = new Chain();
      let count = 0;
      for (let i = 0; i < n; i++) {
        const child = new Linear(1, 1);
        const get = () => {
          count++;
          return child;
        };
        Object.defineProperty(chain, `child${i}`, { get, enumerable: true, configurable: true });
      }
      traverse(chain);
      return count / n;
    };
    const traversals: ((link: Link) => unknown)[] = [
      names,
      (link) => [...link.namedlinks()],
      (link) => [...link.namedpersistents()],
      (link) => [...link.children()].map((child) => child.path),
      (link) => link.toString(),
      (link) => link.countParams(),
      (link) => link.cleargrads(),
    ];
    for (const traverse of traversals) {
      expect(reads(400, traverse)).to.equal(reads(100, traverse));
      expect(reads(400, traverse)).to.be.within(1, 6);
    }
  });

  describe('ChainDict', () => {
    it('names its links, sorted for parameters, in order of addition for iteration', () => {
      const dict = new ChainDict({ b: one(), a: one() });
      expect(names(dict)).to.deep.equal(['/a/W', '/b/W']);
      expect([...dict].map(([name]) => name)).to.deep.equal(['b', 'a']);
      expect([dict.names, dict.size, dict.has('a'), dict.has('toString')]).to.deep.equal([
        ['b', 'a'],
        2,
        true,
        false,
      ]);
      const c = dict.addLink('c', one());
      expect(dict.get('c')).to.equal(c);
      expect(dict.remove('b')).to.be.instanceOf(Linear);
      expect(names(dict)).to.deep.equal(['/a/W', '/c/W']);
    });

    it('takes names as given, those of Object.prototype too', () => {
      const dict = new ChainDict();
      for (const name of ['__proto__', 'constructor', '10', '9']) dict.addLink(name, one());
      expect(names(dict)).to.deep.equal(['/10/W', '/9/W', '/__proto__/W', '/constructor/W']);
    });

    it('refuses bad names, bad values and links in fields', () => {
      const dict = new ChainDict({ a: one() });
      expect(() => dict.addLink('a', one())).to.throw(DuplicateNameError, "'a'");
      for (const name of ['', 'a/b', 3 as never])
        expect(() => dict.addLink(name, one())).to.throw(InvalidArgumentError, 'addLink');
      for (const act of [() => dict.get('b'), () => dict.remove('b'), () => dict.set('b', one())])
        expect(act).to.throw(UnknownNameError, "no 'b'. Known names: a");
      expect(() => new ChainDict({ a: relu as never })).to.throw(InvalidArgumentError, 'a Link');
      class Wrong extends ChainDict {
        readonly l = one();
      }
      expect(() => names(new Wrong())).to.throw(InvalidArgumentError, '/l');
    });
  });

  describe('replace', () => {
    const places: [path: string, select: (net: Net) => Linear][] = [
      ['/fc', (m) => m.fc],
      ['/list/1', (m) => m.list.at(1)],
      ['/dict/a', (m) => m.dict.get('a')],
      ['/run/1', (m) => m.run.at(1) as Linear],
    ];
    for (const [path, select] of places) {
      it(path, () => {
        const net = new Net();
        const holder = new ChainDict({ net });
        const before = names(holder);
        const [old, link] = [select(net), one()];
        expect(replace(holder, () => select(net), link)).to.equal(old);
        expect(select(net)).to.equal(link);
        expect(link.path).to.equal(`/net${path}`);
        expect(names(holder)).to.deep.equal(before);
        expect(old.W.isDisposed).to.equal(false);
        expect(net.call(x()).shape).to.deep.equal([1, 2]);
      });
    }

    it('exchanges a link everywhere it is held, also by one that holds the old', () => {
      const shared = one();
      const model = new Sequential(shared, new Sequential(relu, shared) as Link);
      const link = one();
      replace(model, (m) => m.at(0), link);
      expect([...model.links(true)].filter((each) => each === link)).to.have.length(2);
      const net = new Sequential(shared);
      replace(net, (m) => m.at(0), new Sequential(shared, relu));
      expect(names(net)).to.deep.equal(['/0/0/W']);
    });

    it('keeps the order in which a Sequential runs', () => {
      const model = new Sequential(relu, one(), (h: tf.Tensor) => tf.add(h, 1));
      const link = one();
      model.set(0, link);
      expect(model.layers.indexOf(link)).to.equal(1);
      expect(model.layers).to.have.length(3);
      expect(model.remove(0)).to.equal(link);
      expect(model.layers).to.have.length(2);
    });

    it('refuses what is not below, and circles', () => {
      const net = new Net();
      const cases: [act: () => unknown, type: new (...args: never[]) => Error, text: string][] = [
        [() => replace(net, (m) => m, net), InvalidArgumentError, 'the model itself'],
        [() => replace(net, () => one(), one()), InvalidArgumentError, 'a Linear that it does not hold'],
        [
          () => replace(net, (m) => (m as never as { fc9: Linear }).fc9, one()),
          InvalidArgumentError,
          'got undefined',
        ],
        [() => replace(net, (m) => m.fc, null as never), InvalidArgumentError, 'a Link in its place'],
        [
          () => replace(net, (m) => m.list as Link, new ChainList(net as Link)),
          StructureMismatchError,
          'holds the link',
        ],
      ];
      for (const [act, type, text] of cases) expect(act).to.throw(type, text);
      expect(() => net.replaceChild('fc9', one())).to.throw(
        UnknownNameError,
        'Known names: dict, fc, list, run',
      );
      expect(() => net.replaceChild('fc', 3 as never)).to.throw(InvalidArgumentError, 'a Link');
      expect(net.call(x()).shape).to.deep.equal([1, 2]);
    });
  });
});
