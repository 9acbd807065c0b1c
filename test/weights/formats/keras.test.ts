/** Keras' files as people have them: Keras 3's archive, and the whole model of Keras 2. */
import '@tensorflow/tfjs-backend-cpu';
import { readFile } from 'node:fs/promises';
import { BatchNormalization, Chain, Convolution2D, FormatError, Linear, readArray } from '@chaingrad/core';
import { kerasNames, load, openWeights } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { unzipSync, zipSync } from 'fflate';
import { rejection } from '../../support/errors.ts';
import { fixturePath } from '../../support/goldens.ts';

class Net extends Chain {
  conv = new Convolution2D(3, 4, 3);
  bn = new BatchNormalization(4);
  fc = new Linear(144, 2);
  override forward(): never {
    throw new Error('not called');
  }
}

class NetOf2 extends Chain {
  c1 = new Convolution2D(3, 4, 3);
  out = new Linear(144, 2);
  override forward(): never {
    throw new Error('not called');
  }
}

describe("Keras' files", () => {
  before(() => tf.setBackend('cpu'));
  const archive = fixturePath('weights/keras3.keras');
  const dense = { kind: 'dense', flattened: [6, 6] } as const;

  it('.keras of Keras 3: the weights within, by kerasNames', async () => {
    await using file = await openWeights(archive);
    const inner = unzipSync(new Uint8Array(await readFile(archive)))[
      'model.weights.h5'
    ] as Uint8Array<ArrayBuffer>;
    await using alone = await openWeights(inner);
    expect(file.format).to.equal('hdf5');
    expect(file.keys()).to.deep.equal(alone.keys()).and.include('layers/conv2d/vars/0');
    for (const key of file.keys())
      expect(await readArray(file, key)).to.deep.equal(await readArray(alone, key));

    const net = new Net();
    const names = kerasNames('mine', {
      conv: { name: 'conv2d' },
      bn: { name: 'batch_normalization', kind: 'norm' },
      fc: { name: 'dense', ...dense },
    });
    const report = await load(net, file, { names });
    expect(report.copied).to.have.length(8);
    const kernel = await readArray(file, 'layers/conv2d/vars/0');
    // (kh, kw, in, out) as (out, in, kh, kw).
    expect(net.conv.W.tensor.dataSync()[1]).to.equal((kernel.data as Float32Array)[1 * 12]);
    expect([...net.bn.gamma!.tensor.dataSync()]).to.deep.equal([
      ...((await readArray(file, 'layers/batch_normalization/vars/0')).data as Float32Array),
    ]);
    net.dispose();
  });

  it('a whole model of Keras 2: its names begin with model_weights, what its training left is passed over', async () => {
    const net = new NetOf2();
    const names = kerasNames('mine', { c1: { name: 'c1' }, out: { name: 'out', ...dense } });
    const report = await load(net, fixturePath('weights/keras2_model.h5'), { names });
    expect(report.copied).to.have.length(4);
    net.dispose();
  });

  it('archives of something else are refused by name', async () => {
    const zip = (files: Record<string, string>, level: 0 | 6 = 0) => {
      const entries = Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]);
      return zipSync(Object.fromEntries(entries), { level }) as Uint8Array<ArrayBuffer>;
    };
    const other = zip({ 'a.txt': 'a', 'b.txt': 'b' });
    for (const options of [{}, { format: 'npz' }] as const) {
      expect(await rejection(openWeights(other, options), FormatError)).to.match(
        /an npz archive.*got a\.txt, b\.txt/,
      );
    }
    expect(await rejection(openWeights(other, { format: 'hdf5' }), FormatError)).to.match(
      /model\.weights\.h5/,
    );
    const deflated = zip({ 'model.weights.h5': 'x'.repeat(1000) }, 6);
    expect(await rejection(openWeights(deflated), FormatError)).to.match(/a deflated one/);
    expect(await rejection(openWeights(zip({ 'model.weights.h5': 'x' })), FormatError)).to.match(/HDF5/);
  });
});
