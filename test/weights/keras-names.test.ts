/** A network of one's own under Keras' names and layouts: written for tfjs-layers, and read again. */
import { BatchNormalization, Chain, Convolution2D, Linear, readArray, relu } from '@chaingrad/core';
import { kerasNames, load, openWeights, serialize } from '@chaingrad/weights';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../support/backends.ts';

class Net extends Chain {
  readonly conv = new Convolution2D(3, 8, 3, { pad: 1 });
  readonly depthwise = new Convolution2D(8, 8, 3, { pad: 1, groups: 8 });
  readonly norm = new BatchNormalization(8, { eps: 1e-3 });
  readonly dense = new Linear(4 * 6 * 8, 5);
  override forward(x: tf.Tensor4D): tf.Tensor2D {
    const h = this.norm.call(this.depthwise.call(relu(this.conv.call(x))));
    // Chainer flattens (c, h, w).
    return this.dense.call(tf.reshape(tf.transpose(h, [0, 3, 1, 2]), [x.shape[0], -1])) as tf.Tensor2D;
  }
}

const map = kerasNames('my net', {
  conv: { name: 'conv2d' },
  depthwise: { name: 'depthwise', kind: 'depthwise' },
  norm: { name: 'norm', kind: 'norm' },
  dense: { name: 'head', kind: 'dense', flattened: [4, 6] },
});

describeBackends('names of Keras, written', () => {
  it('tfjs-layers computes the same with what was written, and it comes back as it was', async () => {
    const before = tf.memory().numTensors;
    const net = new Net();
    const x = tf.randomNormal<tf.Rank.R4>([2, 4, 6, 3]);
    // Statistics that are not those of the start.
    net.call(x).dispose();
    const bytes = await serialize(net, { format: 'safetensors', names: map });

    const model = layers.sequential({
      layers: [
        layers.layers.conv2d({
          name: 'conv2d',
          filters: 8,
          kernelSize: 3,
          padding: 'same',
          activation: 'relu',
          inputShape: [4, 6, 3],
        }),
        layers.layers.depthwiseConv2d({ name: 'depthwise', kernelSize: 3, padding: 'same' }),
        layers.layers.batchNormalization({ name: 'norm', epsilon: 1e-3 }),
        layers.layers.flatten(),
        layers.layers.dense({ name: 'head', units: 5 }),
      ],
    });
    await using file = await openWeights(bytes);
    const named: Record<string, tf.Tensor> = {};
    for (const name of file.keys()) {
      const { data, shape } = await readArray(file, name);
      named[name] = tf.tensor(data as Float32Array, [...shape]);
    }
    model.loadWeights(named);
    const theirs = model.predict(x) as tf.Tensor;
    const ours = net.evaluating(() => net.call(x));
    expectClose(await theirs.data(), await ours.data(), 1e-5);

    const again = new Net();
    const report = await load(again, bytes, { names: map });
    expect(report.copied).to.have.length([...net.serialEntries()].length - 1);
    const same = again.evaluating(() => again.call(x));
    expect([...(await same.data())]).to.deep.equal([...(await ours.data())]);
    model.dispose();
    tf.dispose([x, theirs, ours, same, named]);
    net.dispose();
    again.dispose();
    expect(tf.memory().numTensors).to.equal(before);
  });
});
