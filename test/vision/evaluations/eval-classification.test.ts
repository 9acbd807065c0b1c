import { BboxFormatError, evalClassification } from '@chaingrad/vision';
import { expect } from 'chai';

describe('evalClassification', () => {
  it('counts truths by rows and predictions by columns', () => {
    const { accuracy, confusion, recall, precision } = evalClassification(
      [0, 1, 1, 0, 0],
      [0, 1, 0, 0, 1],
      3,
    );
    expect(accuracy).to.equal(0.6);
    expect([...confusion]).to.deep.equal([2, 1, 0, 1, 1, 0, 0, 0, 0]);
    expect([...recall]).to.deep.equal([2 / 3, 1 / 2, Number.NaN]);
    expect([...precision]).to.deep.equal([2 / 3, 1 / 2, Number.NaN]);
    expect(evalClassification([], [], 2).accuracy).to.deep.equal(Number.NaN);
  });

  it('refuses lists and labels that do not fit', () => {
    expect(() => evalClassification([0], [0, 1], 2)).to.throw(BboxFormatError, '2 predictions');
    expect(() => evalClassification([0], [2], 2)).to.throw(BboxFormatError, 'labels in [0, 2)');
    expect(() => evalClassification([-1], [1], 2)).to.throw(BboxFormatError, 'predictions in [0, 2)');
  });
});
