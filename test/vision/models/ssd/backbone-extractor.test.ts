/** An SSD on the maps of a classifier. */
import { backward, InvalidArgumentError, UnknownNameError, useBackend, withoutValues } from '@chaingrad/core';
import {
  BackboneExtractor,
  MobileNetV2,
  Multibox,
  MultiboxTrainChain,
  ResNet18,
  SSD,
} from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { generatedImage } from '../../support.ts';

describe('vision/models/ssd: BackboneExtractor', () => {
  before(() => useBackend('wasm'));

  const make = () => {
    const base = new ResNet18({ nClass: 3 });
    const extractor = new BackboneExtractor(base, { insize: 64, pick: ['res4', 'res5'], extra: [16, 8] });
    return new SSD(extractor, new Multibox(3, [[2], [2], [2], [2]]), {
      steps: extractor.grids.map((grid) => 64 / grid),
      sizes: [10, 20, 30, 40, 50],
      mean: base.mean,
    });
  };

  it('knows its maps before it has values, and leaves out what lies behind them', () => {
    const before = tf.memory().numTensors;
    const model = withoutValues(make);
    expect(model.extractor.grids).to.deep.equal([4, 2, 1, 1]);
    expect(model.extractor.base.layerNames).to.deep.equal(['conv1', 'pool1', 'res2', 'res3', 'res4', 'res5']);
    withoutValues(() => model.initialize([1, 64, 64, 3]));
    expect([...model.namedparams()].some(([path]) => path.includes('fc6'))).to.equal(false);
    model.dispose();
    const mobile = new BackboneExtractor(new MobileNetV2(), {
      pick: ['expanded_conv_13', 'conv1'],
      extra: [256],
    });
    expect([mobile.insize, ...mobile.grids]).to.deep.equal([300, 10, 10, 5]);
    mobile.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('learns and predicts', async () => {
    const before = tf.memory().numTensors;
    const model = make().initialize([1, 64, 64, 3]);
    const x = tf.randomNormal<tf.Rank.R4>([1, 64, 64, 3]);
    const maps = model.extractor.call(x);
    expect(maps.map(({ shape }) => shape)).to.deep.equal([
      [1, 4, 4, 256],
      [1, 2, 2, 512],
      [1, 1, 1, 16],
      [1, 1, 1, 8],
    ]);
    const { mbLoc, mbLabel } = model.coder.encode([8, 8, 40, 40], [1]);
    const loc = tf.tensor3d(mbLoc, [1, mbLabel.length, 4]);
    const label = tf.tensor2d(mbLabel, [1, mbLabel.length], 'int32');
    const chain = new MultiboxTrainChain(model);
    const loss = backward(() => chain.call(x, loc, label), chain);
    expect((await loss.data())[0]).to.be.greaterThan(0);
    for (const [path, { grad }] of model.namedparams()) expect(grad, path).not.to.equal(null);
    const inside = tf.memory().numTensors;
    const { bboxes } = await model.predict([generatedImage('backbone', 50, 70)], { scoreThresh: 0.01 });
    expect(bboxes.length).to.equal(1);
    expect(tf.memory().numTensors).to.equal(inside);
    tf.dispose([x, maps, loc, label, loss]);
    chain.dispose();
    expect(tf.memory().numTensors, 'tensors').to.equal(before);
  });

  it('refuses layers that are not there, and that give no map', () => {
    const extractor = (pick: string[]) => () =>
      new BackboneExtractor(new ResNet18({ nClass: 3 }), { insize: 64, pick });
    expect(extractor(['res9'])).to.throw(UnknownNameError, 'res9');
    expect(extractor(['res5', 'pool5'])).to.throw(InvalidArgumentError, 'pool5');
  });
});
