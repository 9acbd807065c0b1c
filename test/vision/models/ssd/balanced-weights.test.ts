import { balancedWeights } from '@chaingrad/vision';
import { expect } from 'chai';

describe('vision/models/ssd/balancedWeights', () => {
  it('gives rare classes more, by the root of their share of the mean', () => {
    const images = [Int32Array.of(0, 0, 0, 0), Int32Array.of(0, 0, 0, 0, 1), Int32Array.of(1)];
    // 8 and 2 boxes: 5 on average.
    const [frequent, rare] = balancedWeights(images, 2);
    expect(frequent).to.be.closeTo(Math.sqrt(5 / 8), 1e-12);
    expect(rare).to.be.closeTo(Math.sqrt(5 / 2), 1e-12);
  });

  it('changes nothing where all classes have as many boxes, or where there is one', () => {
    expect(balancedWeights([Int32Array.of(0, 1), Int32Array.of(2, 1, 0, 2)], 3)).to.deep.equal([1, 1, 1]);
    expect(balancedWeights([Int32Array.of(0, 0)], 1)).to.deep.equal([1]);
    expect(balancedWeights([], 2)).to.deep.equal([1, 1]);
  });

  it('lets no class drown the others, and leaves one that does not occur at 1', () => {
    const many = new Int32Array(10_000);
    expect(balancedWeights([many, Int32Array.of(1)], 3)).to.deep.equal([Math.sqrt(5000.5 / 10_000), 3, 1]);
  });
});
