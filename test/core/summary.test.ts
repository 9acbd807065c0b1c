import '@tensorflow/tfjs-backend-cpu';
import {
  BatchNormalization,
  Chain,
  Convolution2D,
  config,
  Linear,
  maxPooling2D,
  Parameter,
  relu,
  ShapeOnlyError,
  softmax,
  UnsupportedInMetaError,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';

class Net extends Chain {
  readonly conv1 = new Convolution2D(null, 8, 3, { pad: 1 });
  readonly bn = new BatchNormalization(8);
  readonly conv2 = new Convolution2D(null, 4, 3, { stride: 2, nobias: true });
  readonly fc = new Linear(null, 5);
  trainSeen: boolean | null = null;

  override forward(x: tf.Tensor4D): tf.Tensor {
    this.trainSeen = config.train;
    let h = maxPooling2D(relu(this.bn.call(this.conv1.call(x))), { ksize: 2 });
    h = relu(this.conv2.call(h));
    return softmax(this.fc.call(h));
  }
}

describe('initialize and summary', () => {
  before(() => tf.setBackend('cpu'));

  it('initialize gives lazy parameters the shapes that a forward pass gives, and computes nothing', () => {
    const [a, b] = [new Net(), new Net()];
    const before = tf.memory().numTensors;
    a.initialize([2, 9, 11, 3]);
    expect(tf.memory().numTensors - before, 'three weights').to.equal(3);
    expect(a.trainSeen).to.equal(false);
    b.call(tf.zeros([2, 9, 11, 3])).dispose();
    const shapes = (net: Net) => [...net.namedparams()].map(([path, p]) => [path, p.shape]);
    expect(shapes(a)).to.deep.equal(shapes(b));
    expect(tf.getBackend()).to.equal('cpu');
    // The values are drawn, not the zeros of a placeholder.
    expect(a.conv1.W.tensor.dataSync().some((v) => v !== 0)).to.equal(true);
    expect(a.call(tf.zeros([2, 9, 11, 3])).shape).to.deep.equal([2, 5]);
  });

  it('initialize keeps what is initialized', () => {
    const net = new Net();
    net.initialize([1, 8, 8, 3]);
    const before = net.conv1.W.tensor;
    net.initialize([1, 8, 8, 3]);
    expect(net.conv1.W.tensor).to.equal(before);
  });

  it('summary counts parameters and multiply-accumulates, and leaves the model as it was', () => {
    const net = new Net();
    const summary = net.summary([1, 8, 8, 3]);
    const row = (path: string) => summary.rows.find((r) => r.path === path)!;
    expect(row('/conv1').macs).to.equal(8 * 8 * 8 * 27);
    expect(row('/conv1').outputShapes).to.deep.equal([[1, 8, 8, 8]]);
    expect(row('/conv1').params).to.deep.equal([
      { name: 'W', shape: [8, 3, 3, 3] },
      { name: 'b', shape: [8] },
    ]);
    // 4x4 after pooling; 3x3 stride 2 leaves 1x1.
    expect(row('/conv2').macs).to.equal(4 * 8 * 9);
    expect(row('/fc').macs).to.equal(4 * 5);
    expect(summary.macs).to.equal(8 * 8 * 8 * 27 + 4 * 8 * 9 + 4 * 5);
    expect(summary.params).to.equal(8 * 27 + 8 + 16 + 4 * 8 * 9 + 25);
    expect(net.conv1.W.isInitialized, 'still lazy').to.equal(false);
    const text = summary.toString();
    expect(text.split('\n')[0]).to.match(/^path +link +parameters +count +output shape +MACs$/);
    expect(text).to.match(/\/conv1 +Convolution2D +W \(8, 3, 3, 3\), b \(8\) +224 +\(1, 8, 8, 8\) +13,824/);
  });

  it('says what to do where a forward pass needs values', () => {
    class Reads extends Chain {
      readonly p = new Parameter(0, null);
      override forward(x: tf.Tensor): tf.Tensor {
        this.p.initialize([2]);
        return tf.scalar(x.dataSync()[0]!);
      }
    }
    const model = new Reads();
    expect(() => model.initialize([1])).to.throw(ShapeOnlyError, 'forward pass');
    expect(tf.getBackend()).to.equal('cpu');
    class Odd extends Chain {
      override forward(x: tf.Tensor2D): tf.Tensor {
        return tf.spectral.rfft(x);
      }
    }
    expect(() => new Odd().initialize([1, 4])).to.throw(UnsupportedInMetaError, 'forward pass');
  });
});
