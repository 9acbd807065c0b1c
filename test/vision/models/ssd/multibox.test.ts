import { LeCunUniform, StructureMismatchError } from '@chaingrad/core';
import { Multibox } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends } from '../../../support/backends.ts';

const maps = (shapes: [number, number, number, number][]) =>
  shapes.map((shape) => tf.zeros(shape) as tf.Tensor4D);

describeBackends('vision/models/Multibox', () => {
  it('names its heads and finds their sizes', () => {
    tf.tidy(() => {
      using heads = new Multibox(5, [[2], [2, 3], []]);
      expect([...heads.namedparams()].map(([path, param]) => [path, param.isInitialized])).to.deep.equal(
        ['conf', 'loc'].flatMap((name) =>
          [0, 1, 2].flatMap((i) => [
            [`/${name}/${i}/W`, false],
            [`/${name}/${i}/b`, true],
          ]),
        ),
      );
      const [locs, confs] = heads.call(
        maps([
          [2, 3, 3, 4],
          [2, 2, 2, 6],
          [2, 1, 1, 8],
        ]),
      );
      expect(locs.shape).to.deep.equal([2, 9 * 4 + 4 * 6 + 2, 4]);
      expect(confs.shape).to.deep.equal([2, 9 * 4 + 4 * 6 + 2, 5]);
      expect(heads.conf.at(1).W.shape).to.deep.equal([30, 6, 3, 3]);
      expect(heads.loc.at(2).W.shape).to.deep.equal([8, 8, 3, 3]);
    });
  });

  it('orders the boxes by map, row, column and box of a cell', async () => {
    using heads = new Multibox(2, [2, 1], { ksize: 1, pad: 0 });
    const outs = tf.tidy(() => {
      // Channel c of a cell with value v gives v + c / 10.
      const features = [tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]), tf.tensor4d([5], [1, 1, 1, 1])];
      heads.call(features);
      for (const list of [heads.loc, heads.conf]) {
        for (const conv of list) {
          conv.W.assign(tf.ones(conv.W.shape));
          conv.b!.assign(tf.mul(tf.range(0, conv.b!.size), 0.1));
        }
      }
      return heads.call(features);
    });
    const [locs, confs] = await Promise.all(outs.map((out) => out.data()));
    const round = (values: ArrayLike<number>) => Array.from(values, (v) => Math.round(v * 10) / 10);
    const cell = (v: number, n: number) => Array.from({ length: n }, (_, c) => Math.round(10 * v + c) / 10);
    expect(round(locs!)).to.deep.equal([1, 2, 3, 4].flatMap((v) => cell(v, 8)).concat(cell(5, 4)));
    expect(round(confs!)).to.deep.equal([1, 2, 3, 4].flatMap((v) => cell(v, 4)).concat(cell(5, 2)));
    tf.dispose(outs);
  });

  it('draws weights uniformly and leaves nothing behind', () => {
    const before = tf.memory().numTensors;
    using heads = new Multibox(3, [[2]]);
    tf.tidy(() => {
      heads.call(maps([[1, 2, 2, 16]]));
    });
    expect(tf.memory().numTensors - before).to.equal(4);
    const { initializer } = heads.loc.at(0).W;
    expect(initializer).to.be.instanceOf(LeCunUniform);
  });

  it('refuses another number of feature maps', () => {
    using heads = new Multibox(3, [[2], [2]]);
    const features = maps([[1, 2, 2, 4]]);
    expect(() => heads.call(features)).to.throw(StructureMismatchError, '2 feature maps, got 1');
    tf.dispose(features);
  });
});
