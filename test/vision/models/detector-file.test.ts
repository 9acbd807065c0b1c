/** What the file of a detector tells beside its parameters, whatever its format. */
import { FormatError } from '@chaingrad/core';
import { SSD300, SSDMobileNetV2 } from '@chaingrad/vision';
import {
  type About,
  aboutMetadata,
  OtherModelError,
  openWeights,
  readAbout,
  serialize,
} from '@chaingrad/weights';
import { expect } from 'chai';
import { useTestBackend } from '../../support/backends.ts';
import { TinySSD } from './tiny-ssd.ts';

describe('the file of a detector', () => {
  before(() => useTestBackend('cpu'));
  const labelNames = ['Zelle', '細胞', 'a "b"'];

  const aboutOf = async (bytes: Uint8Array) => {
    await using file = await openWeights(bytes);
    return readAbout(file);
  };

  for (const format of ['npz', 'safetensors']) {
    it(`keeps names and meaning of the scores beside the parameters, ${format}`, async () => {
      using model = new SSDMobileNetV2({ nFgClass: 3, scoreFunction: 'softmax' });
      model.labelNames = labelNames;
      const bytes = await serialize(model, { format });
      expect(await aboutOf(bytes)).to.deep.equal({
        model: 'SSDMobileNetV2',
        nFgClass: 3,
        labelNames,
        scoreFunction: 'softmax',
      });
      using loaded = await SSDMobileNetV2.fromPretrained(bytes);
      expect([loaded.nFgClass, loaded.labelNames, loaded.scoreFunction]).to.deep.equal([
        3,
        labelNames,
        'softmax',
      ]);
    });

    it(`is of one model: another refuses it by name, ${format}`, async () => {
      using model = new SSDMobileNetV2({ nFgClass: 3 });
      const error = await SSD300.fromPretrained(await serialize(model, { format })).catch((e: unknown) => e);
      expect(error).to.be.instanceOf(OtherModelError).with.property('model', 'SSDMobileNetV2');
    });
  }

  it('tells the number of classes where there are no names', async () => {
    using model = new SSDMobileNetV2({ nFgClass: 2 });
    using loaded = await SSDMobileNetV2.fromPretrained(await serialize(model));
    expect([loaded.nFgClass, loaded.labelNames]).to.deep.equal([2, null]);
  });

  it('says what is wrong in a damaged one', async () => {
    using model = new TinySSD().initialize([1, 32, 32, 3]);
    const about: About = { model: 'tiny', nFgClass: 3, labelNames, scoreFunction: 'argmax' as 'softmax' };
    const error = await aboutOf(await serialize(model, { metadata: aboutMetadata(about) })).catch(
      (e: unknown) => e,
    );
    expect(error)
      .to.be.instanceOf(FormatError)
      .with.property('message')
      .match(/scoreFunction/);
  });
});
