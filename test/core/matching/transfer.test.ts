import '@tensorflow/tfjs-backend-cpu';
import {
  Chain,
  Convolution2D,
  getShapeMismatchNames,
  InvalidArgumentError,
  Linear,
  MismatchError,
  NothingToDoError,
  transferParams,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

class Net extends Chain {
  readonly body: Linear;
  readonly head: Linear;
  constructor(nClass: number, fill: number, lazy = false) {
    super();
    const options = { initialW: fill, initialBias: fill };
    this.body = new Linear(lazy ? null : 3, 4, options);
    this.head = new Linear(4, nClass, options);
  }
}

const first = (net: Net, layer: 'body' | 'head') => net[layer].W.tensor.dataSync()[0];

describe('transferParams', () => {
  before(() => tf.setBackend('cpu'));

  it('copies what fits, keeps the rest, and says both', () => {
    const [src, dst] = [new Net(5, 7), new Net(2, 1)];
    expect(getShapeMismatchNames(src, dst)).to.deep.equal(['/head/W', '/head/b']);
    const report = transferParams(src, dst);
    expect(report.copied).to.deep.equal(['/body/W', '/body/b']);
    expect(report.scalars).to.equal(16);
    expect(report.mismatched).to.deep.equal([
      { name: '/head/W', src: [5, 4], dst: [2, 4] },
      { name: '/head/b', src: [5], dst: [2] },
    ]);
    expect([first(dst, 'body'), first(dst, 'head')]).to.deep.equal([7, 1]);
    expect(report.summary()).to.include('/head/W  source (5, 4), destination (2, 4)');
  });

  it('knows the out-size of a lazy weight, so that a file of another class count is not taken for it', () => {
    class Lazy extends Chain {
      readonly head: Convolution2D;
      readonly other = new Linear(2, 2);
      constructor(nClass: number, inChannels: number | null) {
        super();
        this.head = new Convolution2D(inChannels, nClass, 3);
      }
    }
    const dst = new Lazy(4, null);
    expect(transferParams(new Lazy(5, 3), dst).mismatched.map((m) => m.name)).to.deep.equal([
      '/head/W',
      '/head/b',
    ]);
    expect(dst.head.W.isInitialized).to.equal(false);
    const fitting = new Lazy(5, null);
    expect(transferParams(new Lazy(5, 3), fitting).initialized).to.deep.equal(['/head/W']);
    expect(fitting.head.W.shape).to.deep.equal([5, 3, 3, 3]);
  });

  it('writes nothing when any part of the plan fails', () => {
    const dst = new Net(2, 1);
    expect(() => transferParams(new Net(5, 7), dst, { onMismatch: 'throw' })).to.throw(
      MismatchError,
      '/head/W',
    );
    expect(first(dst, 'body')).to.equal(1);
  });

  it('takes ignore as name, pattern, predicate and list, and rename', () => {
    for (const ignore of [
      '/body/W',
      /^\/body\/W$/,
      (name: string) => name === '/body/W',
      ['/body/W', /nothing/],
    ]) {
      const dst = new Net(5, 1);
      const report = transferParams(new Net(5, 7), dst, { ignore });
      expect(report.ignored).to.deep.equal(['/body/W']);
      expect(report.unusedInSrc).to.deep.equal([]);
      expect([first(dst, 'body'), first(dst, 'head')]).to.deep.equal([1, 7]);
    }
    const outer = new Chain();
    outer.addLink('net', new Net(5, 7));
    const dst = new Net(5, 1);
    expect(() => transferParams(outer, dst, { match: 'exact' })).to.throw(MismatchError, '/body/W');
    expect(() => transferParams(outer, dst)).to.throw(NothingToDoError, 'rename');
    expect([first(dst, 'body'), first(dst, 'head')]).to.deep.equal([1, 1]);
    for (const rename of [(name: string) => `/net${name}`, (name: string) => `net${name}`]) {
      const renamed = new Net(5, 1);
      transferParams(outer, renamed, { rename });
      expect([first(renamed, 'body'), first(renamed, 'head')]).to.deep.equal([7, 7]);
    }
  });

  it('copies the rows of the classes that both sides have', () => {
    const src = new Chain();
    const dst = new Chain();
    // Two boxes of background + (a, b, c), to two boxes of background + (c, d, a).
    src.addParam('W', [8, 1], tf.tensor2d([0, 1, 2, 3, 10, 11, 12, 13], [8, 1]));
    const target = dst.addParam('W', [8, 1], -1);
    dst.addParam('own', [1], -1);
    src.addParam('own', [1], 5);
    const grown = new Chain();
    const grownParam = grown.addParam('W', [10, 1], -1);
    const options = { byClass: { src: ['a', 'b', 'c'], dst: ['c', 'd', 'a', 'e'] } };
    const report = transferParams(src, grown, options);
    expect(report.partial).to.deep.equal([{ name: '/W', classes: ['c', 'a'] }]);
    expect([...grownParam.tensor.dataSync()]).to.deep.equal([0, 3, -1, 1, -1, 10, 13, -1, 11, -1]);
    transferParams(src, dst);
    expect([...target.tensor.dataSync()]).to.deep.equal([0, 1, 2, 3, 10, 11, 12, 13]);
  });

  it('takes the same answer from a pattern with the flag g or y at every name', () => {
    for (const flags of ['', 'g', 'y', 'gy']) {
      const pattern = new RegExp('/(body|head)/b', flags);
      const dst = new Net(5, 1);
      expect(transferParams(new Net(5, 7), dst, { ignore: pattern }).ignored).to.deep.equal([
        '/body/b',
        '/head/b',
      ]);
      expect(pattern.lastIndex, 'the pattern is as it was').to.equal(0);
    }
  });

  it("match 'exact' compares in both directions, and changes nothing", () => {
    const more = () => {
      const net = new Net(5, 7);
      net.addLink('tail', new Linear(1, 1));
      return net;
    };
    for (const [src, dst, field] of [
      [new Net(5, 7), more(), 'missingInSrc'],
      [more(), new Net(5, 1), 'unusedInSrc'],
    ] as const) {
      const before = first(dst, 'body');
      expect(() => transferParams(src, dst, { match: 'exact' }))
        .to.throw(MismatchError, '/tail/W')
        .with.nested.property(`report.${field}`)
        .that.deep.equals(['/tail/W', '/tail/b']);
      expect(first(dst, 'body')).to.equal(before);
      expect(transferParams(src, dst)[field]).to.deep.equal(['/tail/W', '/tail/b']);
    }
  });

  it('refuses an unknown policy', () => {
    const act = () => transferParams(new Net(5, 7), new Net(5, 1), { onMismatch: 'ignore' as 'skip' });
    expect(act).to.throw(InvalidArgumentError, 'onMismatch');
    const other = () => transferParams(new Net(5, 7), new Net(5, 1), { match: 'strict' as 'exact' });
    expect(other).to.throw(InvalidArgumentError, 'match');
  });

  it('leaks no tensor', () => {
    const [src, dst] = [new Net(5, 7), new Net(2, 1)];
    const before = tf.memory().numTensors;
    for (let i = 0; i < 5; i++)
      transferParams(src, dst, { byClass: { src: ['a', 'b', 'c', 'd'], dst: ['a'] } });
    expect(tf.memory().numTensors).to.equal(before);
  });
});
