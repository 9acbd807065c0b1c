import { BboxFormatError, nonMaximumSuppression, softNonMaximumSuppression } from '@chaingrad/vision';
import { expect } from 'chai';

const square = (y: number, x: number, side = 10) => [y, x, y + side, x + side];

describe('vision/utils/softNonMaximumSuppression', () => {
  it('lowers the score of a box by the better ones that it overlaps, in their order', () => {
    // The second overlaps the first by a third (IoU 1/3), the third overlaps the second likewise, the fourth none.
    const bbox = [...square(0, 0), ...square(0, 5), ...square(0, 10), ...square(50, 50)];
    const found = softNonMaximumSuppression(bbox, [0.9, 0.8, 0.5, 0.6], { voteThresh: null });
    const fall = Math.exp(-1 / 9 / 0.25);
    // Of the second the third one suffers after it was taken itself, with what was left of it or not.
    expect([...found.index]).to.deep.equal([0, 3, 1, 2]);
    const wanted = [0.9, 0.6, 0.8 * fall, 0.5 * fall];
    found.score.forEach((value, i) => {
      expect(value).to.be.closeTo(wanted[i]!, 1e-7);
    });
    expect([...found.bbox.slice(8, 12)]).to.deep.equal(square(0, 5));
  });

  it('finds two things side by side, of which hard suppression drops one', () => {
    const bbox = [...square(0, 0), ...square(0, 3)];
    expect(nonMaximumSuppression(bbox, 0.45, { score: [0.9, 0.8] })).to.have.length(1);
    const { index, score } = softNonMaximumSuppression(bbox, [0.9, 0.8]);
    expect([...index]).to.deep.equal([0, 1]);
    // IoU 7/13: what is left is no sure object.
    expect(score[1]).to.be.closeTo(0.8 * Math.exp(-((7 / 13) ** 2) / 0.25), 1e-7);
  });

  it('drops what has fallen below the threshold, and gives the beginning of the same with a higher one', () => {
    const bbox = Array.from({ length: 40 }, (_, i) => square((i * 7) % 23, (i * 5) % 31)).flat();
    const score = Array.from({ length: 40 }, (_, i) => ((i * 37) % 101) / 101);
    const all = softNonMaximumSuppression(bbox, score, { scoreThresh: 0.01 });
    const sure = softNonMaximumSuppression(bbox, score, { scoreThresh: 0.3 });
    expect([...all.score]).to.deep.equal([...all.score].sort((a, b) => b - a));
    expect(Math.min(...all.score)).to.be.at.least(0.01);
    const n = all.score.findIndex((value) => value < 0.3);
    expect(n).to.be.within(1, all.score.length - 1);
    expect([...sure.index]).to.deep.equal([...all.index.slice(0, n)]);
    expect([...sure.score]).to.deep.equal([...all.score.slice(0, n)]);
    expect([...sure.bbox]).to.deep.equal([...all.bbox.slice(0, 4 * n)]);
  });

  it('places a box at the mean of those that lie nearly alike, by their scores', () => {
    const bbox = [...square(0, 0, 100), ...square(2, 2, 100), ...square(0, 60, 100)];
    const found = softNonMaximumSuppression(bbox, [0.9, 0.3, 0.5], { scoreThresh: 0.1 });
    // The second is dropped, and votes.
    expect([...found.index]).to.deep.equal([0, 2]);
    [0.5, 0.5, 100.5, 100.5, 0, 60, 100, 160].forEach((value, k) => {
      expect(found.bbox[k]).to.be.closeTo(value, 1e-9);
    });
  });

  it('takes equal scores in their order, and nothing of no score', () => {
    const bbox = [...square(0, 0), ...square(50, 0), ...square(90, 0)];
    expect([...softNonMaximumSuppression(bbox, [0.5, 0.5, Number.NaN]).index]).to.deep.equal([0, 1]);
    expect(softNonMaximumSuppression([], []).bbox).to.have.length(0);
    expect(softNonMaximumSuppression(square(0, 0), [0], { scoreThresh: 0 }).bbox).to.have.length(0);
  });

  it('refuses other numbers of values', () => {
    expect(() => softNonMaximumSuppression([1, 2, 3], [1])).to.throw(BboxFormatError);
    expect(() => softNonMaximumSuppression(square(0, 0), [1, 2])).to.throw(
      BboxFormatError,
      '1 scores, one a box',
    );
  });
});
