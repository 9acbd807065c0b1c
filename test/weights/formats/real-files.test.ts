import { readFile } from 'node:fs/promises';
import { openWeights } from '@chaingrad/weights';
import { expect } from 'chai';
import { fixturePath } from '../../support/goldens.ts';
import { everyArray, weightsExpected } from '../support.ts';
import { numpyExpected } from './fixtures.ts';

const expected = weightsExpected();

describe('openWeights reads what others wrote', () => {
  for (const name of ['state.pth', 'legacy.pth', 'checkpoint.pt']) {
    it(`PyTorch: ${name}`, async () => {
      await using file = await openWeights(fixturePath(`weights/${name}`));
      expect(file.format).to.equal('pytorch');
      const arrays = expected['torch_state']!;
      expect(file.keys()).to.have.members(Object.keys(arrays));
      const got = await everyArray(file, arrays);
      expect(got).to.deep.equal(arrays);
    });
  }

  for (const name of ['keras.h5', 'latest.h5', 'layouts.h5', 'layouts_v110.h5']) {
    it(`HDF5: ${name}`, async () => {
      await using file = await openWeights(fixturePath(`weights/${name}`));
      expect(file.format).to.equal('hdf5');
      const arrays = expected[name]!;
      expect(file.keys()).to.have.members(Object.keys(arrays));
      expect(await everyArray(file, arrays)).to.deep.equal(arrays);
    });
  }

  for (const name of ['stored.npz', 'deflated.npz', 'streamed.npz']) {
    it(`NumPy: ${name}`, async () => {
      const bytes = await readFile(fixturePath(`numpy/${name}`));
      await using file = await openWeights(new Blob([bytes]));
      expect(file.format).to.equal('npz');
      expect(file.keys()).to.deep.equal(['conv/W', 'conv/b', 't', '10/b']);
      const all = await everyArray(file, {});
      expect(all['conv/W']!.shape).to.deep.equal([2, 3, 4]);
      expect(all['conv/W']!.values).to.deep.equal(Array.from({ length: 24 }, (_, i) => `${i}`));
      expect(all['10/b']!.values).to.deep.equal(['-128', '-1', '0', '127']);
    });
  }

  for (const name of ['model.safetensors', 'plain.safetensors']) {
    it(`safetensors: ${name}`, async () => {
      await using file = await openWeights(fixturePath(`numpy/${name}`));
      expect(file.format).to.equal('safetensors');
      const arrays = numpyExpected().safetensors;
      expect(await everyArray(file, arrays)).to.deep.equal(arrays);
    });
  }

  it("Chainer's ten npz files, from a stream", async () => {
    const names = ['chain', 'chain_uncompressed', 'chainlist', 'convnet_bn', 'dict', 'nested_persistent'];
    for (const name of [...names, 'optimizer_adam', 'optimizer_momentum', 'sequential', 'uninitialised']) {
      const bytes = await readFile(fixturePath(`goldens/npz/${name}.npz`));
      await using file = await openWeights(new Blob([bytes]).stream());
      expect(file.format, name).to.equal('npz');
      expect(Object.keys(await everyArray(file, {})), name).to.deep.equal(file.keys());
    }
  });

  it('tfjs: a layers-model by its path, and as the Files that a user picks', async () => {
    const model = fixturePath('tinyvgg/model.json');
    await using byPath = await openWeights(model);
    expect(byPath.format).to.equal('tfjs');
    const files = await Promise.all(
      ['model.json', 'group1-shard1of1.bin'].map(
        async (name) => new File([await readFile(fixturePath(`tinyvgg/${name}`))], name),
      ),
    );
    await using byFiles = await openWeights(files);
    expect(byPath.keys()).to.include('conv_1_1/kernel').and.have.length(10);
    expect(await everyArray(byFiles, {})).to.deep.equal(await everyArray(byPath, {}));
  });

  it('the packaged detectors, from node_modules', async () => {
    await using objectron = await openWeights('ssd-mobilenet-v2-oid');
    expect(objectron.format).to.equal('tflite');
    await using face = await openWeights('ssd-mobilenet-v1-face');
    expect(face.format).to.equal('tfjs');
    expect(face.keys()).to.have.length(151);
    expect((await face.info('MobilenetV1/Conv2d_0_pointwise/weights')).shape).to.deep.equal([3, 3, 3, 32]);
    const constants = await Promise.all(objectron.keys().map((key) => objectron.info(key)));
    const values = constants
      .filter(({ dtype }) => dtype === 'float16')
      .reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
    expect(values).to.be.within(4_900_000, 5_000_000);
  });
});
