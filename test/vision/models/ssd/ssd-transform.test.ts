import { Random } from '@chaingrad/core';
import { ssdBatch, ssdTransform } from '@chaingrad/vision';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { useTestBackend } from '../../../support/backends.ts';
import { squares } from '../../squares.ts';
import { expectClose } from '../../support.ts';
import { TinySSD } from '../tiny-ssd.ts';

describe('ssdTransform and ssdBatch', () => {
  before(() => useTestBackend('cpu'));

  it('targets decode to the boxes of the image, the pixels are prepared by the model', () => {
    const model = new TinySSD();
    const transform = ssdTransform(model, { augment: null });
    for (const example of squares(4)) {
      const { img, mbLoc, mbLabel } = transform(example);
      expectClose(img.data, model.prepare(example.img).data, 0);
      const nClass = model.nFgClass + 1;
      const conf = new Float32Array(mbLabel.length * nClass);
      mbLabel.forEach((label, k) => {
        conf[k * nClass + label] = 50;
      });
      const { bbox, label } = model.coder.decode(mbLoc, conf);
      expect([...label]).to.deep.equal([...example.label]);
      const [y, x] = model.boxScale([40, 60]);
      expectClose(
        bbox.map((v, k) => v * [y, x][k % 2]!),
        example.bbox,
        1e-3,
      );
    }
    model.dispose();
  });

  it('draws from the generator that is given', () => {
    const model = new TinySSD();
    const [example] = squares(1);
    const run = (seed: number) => ssdTransform(model, { rng: new Random(seed) })(example!);
    expect(run(1)).to.deep.equal(run(1));
    expect(run(1).img).not.to.deep.equal(run(2).img);
    model.dispose();
  });

  it('stacks a batch in the order of the arguments of MultiboxTrainChain', async () => {
    const model = new TinySSD();
    const examples = squares(3).map(ssdTransform(model, { augment: null }));
    const tensors = ssdBatch(examples);
    const count = model.coder.length;
    expect(tensors.map(({ shape }) => shape)).to.deep.equal([
      [3, 32, 32, 3],
      [3, count, 4],
      [3, count],
    ]);
    expect(tensors.map(({ dtype }) => dtype)).to.deep.equal(['float32', 'float32', 'int32']);
    expect((await tensors[2].data()).slice(2 * count)).to.deep.equal(examples[2]!.mbLabel);
    expect((await tensors[1].data()).slice(count * 4, 2 * count * 4)).to.deep.equal(examples[1]!.mbLoc);
    tf.dispose(tensors);
    model.dispose();
  });
});
