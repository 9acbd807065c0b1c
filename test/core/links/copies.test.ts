/** Every link class of core is copied whole, in all modes. A new class without a row fails. */
import '@tensorflow/tfjs-backend-cpu';
import * as core from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { expectWholeCopies, linkClasses } from '../../support/copies.ts';
import { linkTable } from './link-table.ts';

const { Linear } = core;

describe('copies of the links of core', () => {
  before(() => tf.setBackend('cpu'));

  it('has a row for every exported class', () => {
    expect(Object.keys(linkTable).sort()).to.deep.equal(linkClasses(core));
  });

  for (const [name, row] of Object.entries(linkTable)) it(name, () => expectWholeCopies(row));

  it('values: share follows, copy stays, init is drawn anew', () => {
    const link = new Linear(3, 2);
    const first = () => link.W.tensor.dataSync()[0];
    const old = first();
    const [share, copy, init] = [link.copy('share'), link.copy('copy'), link.copy('init')];
    link.W.assign(tf.fill([2, 3], 7));
    expect([share.W, copy.W].map((W) => W.tensor.dataSync()[0])).to.deep.equal([7, old]);
    expect(init.W.tensor.dataSync()[0]).not.to.be.oneOf([7, old]);
  });
});
