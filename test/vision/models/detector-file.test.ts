import { FormatError } from '@chaingrad/core';
import { type DetectorAbout, describedDetector, readDetectorAbout } from '@chaingrad/vision';
import { loadNpz, openNpz, serializeNpz } from '@chaingrad/weights';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { TinySSD } from './tiny-ssd.ts';

describe('describedDetector and readDetectorAbout', () => {
  before(() => useTestBackend('cpu'));
  const about: DetectorAbout = {
    model: 'tiny',
    labelNames: ['Zelle', '細胞', 'a "b"'],
    scoreFunction: 'softmax',
  };
  const save = async (value: DetectorAbout) => {
    using model = new TinySSD().initialize([1, 32, 32, 3]);
    return serializeNpz(describedDetector(model, value));
  };

  it('keeps names and meaning of the scores beside the parameters', async () => {
    const bytes = await save(about);
    expect(readDetectorAbout(openNpz(bytes, 'x.npz'))).to.deep.equal(about);
    using model = new TinySSD();
    const report = await loadNpz(bytes, model, { strict: false });
    expect(report.missing).to.deep.equal([]);
  });

  it('finds nothing in other files, and says what is wrong in a damaged one', async () => {
    using model = new TinySSD().initialize([1, 32, 32, 3]);
    expect(readDetectorAbout(openNpz(await serializeNpz(model), 'x.npz'))).to.equal(null);
    const wrong = await save({ ...about, scoreFunction: 'argmax' as 'softmax' });
    expect(() => readDetectorAbout(openNpz(wrong, 'x.npz'))).to.throw(FormatError, 'scoreFunction');
  });
});
