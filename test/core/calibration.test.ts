/** The ranges of what convolutions get, and which of them compute in 8 bits. */
import {
  Chain,
  Convolution2D,
  calibrate,
  calibrationOf,
  InvalidArgumentError,
  relu,
  setCalibration,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../support/backends.ts';
import { rejection } from '../support/errors.ts';

const CHANNELS = 32;

class Net extends Chain {
  readonly first = new Convolution2D(4, CHANNELS, 1);
  readonly depthwise = new Convolution2D(CHANNELS, CHANNELS, 3, { pad: 1, groups: CHANNELS });
  readonly last = new Convolution2D(CHANNELS, 40, 1);
  /** Never called. */
  readonly unused = new Convolution2D(2, 2, 1);

  override forward(x: tf.Tensor4D) {
    return this.last.call(relu(this.depthwise.call(this.first.call(x, 'relu'))));
  }
}

const input = (seed = 1, scale = 1) =>
  tf.tidy(() => tf.mul(tf.randomUniform([1, 6, 6, 4], -1, 1, 'float32', seed), scale) as tf.Tensor4D);

/** Calls a model for what it does on the way. */
const run = (net: Chain, ...xs: readonly tf.Tensor4D[]) => {
  for (const x of xs) tf.dispose(net.evaluating(() => net.call(x as never) as tf.Tensor));
};

describeBackends('calibrate', () => {
  it('finds the ranges of convolutions over all channels that are called, and leaves nothing behind', async () => {
    const net = new Net();
    const [x, twice] = [input(1), input(1, 2)];
    const before = tf.memory().numTensors;
    const found = await calibrate(net, async () => {
      run(net, x);
      await tf.nextFrame();
      run(net, twice);
    });
    expect(tf.memory().numTensors).to.equal(before);
    expect(Object.keys(found)).to.deep.equal(['/first', '/last']);
    expect(calibrationOf(net)).to.deep.equal(found);
    expect(net.first.inputRange).to.equal(found['/first']);
    // The mean of both calls: ends of 1 and of 2, or a little less where that rounds the others better.
    const [min, max] = found['/first']!;
    expect(min).to.be.within(-1.5, -1.1);
    expect(max).to.be.within(1.1, 1.5);
    expect(found['/last']![0]).to.equal(0);
    // Another call finds hooks no more.
    run(net, x);
    expect(calibrationOf(net)).to.deep.equal(found);
    tf.dispose([x, twice]);
    net.dispose();
  });

  it('rounds what is computed, little', async () => {
    const net = new Net();
    const x = input(3);
    const float = net.evaluating(() => net.call(x));
    await calibrate(net, () => run(net, x));
    const rounded = net.evaluating(() => net.call(x));
    const values = Array.from(await float.data());
    expectClose(await rounded.data(), values, 0.05);
    // Gradients are those of float.
    const gradient = () => tf.tidy(() => tf.grad((v) => tf.sum(net.call(v as tf.Tensor4D)))(x));
    const inBytes = gradient();
    setCalibration(net, {});
    const inFloat = gradient();
    expect(Array.from(await inBytes.data())).to.deep.equal(Array.from(await inFloat.data()));
    tf.dispose([x, float, rounded, inFloat, inBytes]);
    net.dispose();
  });

  it('leaves in float what rounding would change much', async () => {
    // Each output is the small difference of two large ones.
    const link = new Convolution2D(2, 1, 1, { nobias: true });
    link.initialize([1, 4, 4, 2]);
    link.W.assign(tf.tensor4d([1, -1], [1, 2, 1, 1]));
    const x = tf.tidy(() => {
      const large = tf.randomUniform([1, 8, 8, 1], 0, 100, 'float32', 5);
      return tf.concat(
        [large, tf.add(large, tf.randomUniform([1, 8, 8, 1], 0, 0.1, 'float32', 6))],
        3,
      ) as tf.Tensor4D;
    });
    const found = await calibrate(link, () => link.call(x).dispose());
    expect(found).to.deep.equal({});
    expect(link.inputRange).to.equal(null);
    x.dispose();
    link.dispose();
  });

  it('leaves the farthest values out where all others gain by it', async () => {
    const link = new Convolution2D(4, 4, 1);
    const values = Float32Array.from({ length: 128 * 128 * 4 }, (_, i) => Math.abs(Math.sin(i)));
    values[7] = 3;
    const x = tf.tensor4d(values, [1, 128, 128, 4]);
    const found = await calibrate(link, () => link.call(x).dispose());
    expect(found['/']![1]).to.be.within(0.9, 1.5);
    x.dispose();
    link.dispose();
  });

  it('takes inputs of zeros, and none at all', async () => {
    const link = new Convolution2D(3, 2, 1);
    const [zeros, none] = [tf.zeros([1, 2, 2, 3]), tf.zeros([0, 2, 2, 3])] as [tf.Tensor4D, tf.Tensor4D];
    const found = await calibrate(link, () => {
      link.call(zeros).dispose();
      link.call(none).dispose();
    });
    expect(found).to.deep.equal({ '/': [0, 0] });
    tf.dispose([zeros, none, link.call(zeros)]);
    link.dispose();
  });

  it('leaves a model as it was where it fails', async () => {
    const net = new Net();
    const x = input();
    const ranges = { '/first': [-1, 1] } as const;
    setCalibration(net, ranges);
    const before = tf.memory().numTensors;
    const failure = new Error('no more pictures');
    const runs: [() => unknown, RegExp][] = [
      [
        () => {
          run(net, x);
          throw failure;
        },
        /no more pictures/,
      ],
      [() => {}, /calls convolutions/],
      [
        () => {
          const wrong = tf.fill([1, 2, 2, 4], Number.POSITIVE_INFINITY) as tf.Tensor4D;
          run(net, wrong);
          wrong.dispose();
        },
        /\/first inputRange: expected two finite numbers/,
      ],
    ];
    for (const [fails, message] of runs) {
      expect(await rejection(calibrate(net, fails)))
        .to.have.property('message')
        .that.matches(message);
      expect(calibrationOf(net)).to.deep.equal(ranges);
      expect(tf.memory().numTensors).to.equal(before);
      run(net, x);
    }
    x.dispose();
    net.dispose();
  });
});

describe('setCalibration', () => {
  const refused: [string, object, RegExp][] = [
    ['a path of no convolution', { '/firts': [0, 1] }, /got \/firts\. Did you mean '\/first'\?/],
    ['the path of a depthwise one', { '/depthwise': [0, 1] }, /over all channels/],
    ['one number', { '/first': [1] }, /two finite numbers/],
    ['ends that are not finite', { '/first': [0, Number.NaN] }, /two finite numbers/],
    ['ends without a zero between', { '/first': [1, 2] }, /min <= 0 <= max/],
  ];
  for (const [what, calibration, message] of refused) {
    it(`refuses ${what}`, () => {
      const net = new Net();
      setCalibration(net, { '/last': [0, 2] });
      expect(() => setCalibration(net, calibration as never)).to.throw(InvalidArgumentError, message);
      expect(calibrationOf(net)).to.deep.equal({ '/last': [0, 2] });
      net.dispose();
    });
  }

  it('gives ranges and takes them away; copies have them', () => {
    const net = new Net();
    setCalibration(net, { '/first': [-1, 1], '/last': [0, 2] });
    setCalibration(net, { '/last': [0, 3] });
    const copy = net.copy();
    expect(calibrationOf(copy)).to.deep.equal({ '/last': [0, 3] });
    setCalibration(net, {});
    expect(calibrationOf(net)).to.deep.equal({});
    expect(calibrationOf(copy)).to.deep.equal({ '/last': [0, 3] });
    net.dispose();
    copy.dispose();
  });
});
