/** The ranges of what convolutions get, and which of them compute in 8 bits. */
import {
  Chain,
  Convolution2D,
  calibrate,
  calibrationOf,
  InvalidArgumentError,
  relu,
  setCalibration,
  setSeed,
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
  // How much rounding changes depends on the filters.
  beforeEach(() => setSeed(1));

  it('finds the ranges of convolutions over all channels that are called, and leaves nothing behind', async () => {
    const net = new Net();
    const [x, larger] = [input(1), input(1, 1.1)];
    const before = tf.memory().numTensors;
    const found = await calibrate(net, async () => {
      run(net, x);
      await tf.nextFrame();
      run(net, larger);
    });
    expect(tf.memory().numTensors).to.equal(before);
    expect(Object.keys(found)).to.deep.equal(['/first', '/last']);
    expect(calibrationOf(net)).to.deep.equal(found);
    expect(net.first.inputRange).to.deep.equal(found['/first']);
    // The mean of both calls, or a little less where that rounds the others better.
    const [min, max] = found['/first']!;
    expect(min).to.be.within(-1.05, -0.9);
    expect(max).to.be.within(0.9, 1.05);
    expect(found['/last']![0]).to.equal(0);
    // Another call finds hooks no more.
    run(net, x);
    expect(calibrationOf(net)).to.deep.equal(found);
    tf.dispose([x, larger]);
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

  it('leaves in float what one range does not suit', async () => {
    const link = new Convolution2D(8, 8, 1, { nobias: true });
    const xs = [1, 0.01].map((scale) =>
      tf.tidy(() => tf.mul(tf.randomUniform([1, 9, 9, 8], -1, 1, 'float32', 4), scale) as tf.Tensor4D),
    );
    const found = await calibrate(link, () => {
      for (const x of xs) link.call(x).dispose();
    });
    expect(found).to.deep.equal({});
    tf.dispose(xs);
    link.dispose();
  });

  it('takes links that are held twice, and refuses a second calibration meanwhile', async () => {
    class Twice extends Chain {
      readonly a = new Convolution2D(4, 4, 1);
      readonly again = this.a;
      override forward(x: tf.Tensor4D) {
        return this.again.call(this.a.call(x, 'relu'));
      }
    }
    const net = new Twice();
    const x = input();
    let error: unknown;
    await calibrate(net, async () => {
      run(net, x);
      error ??= await rejection(calibrate(net.a, () => run(net, x)));
    });
    expect(error)
      .to.be.instanceOf(InvalidArgumentError)
      .with.property('message')
      .that.matches(/not being calibrated/);
    setCalibration(net, { '/again': [-3, 3] });
    expect(calibrationOf(net)).to.deep.equal({ '/a': [-3, 3], '/again': [-3, 3] });
    x.dispose();
    net.dispose();
  });

  it('leaves out links with a forward of their own', async () => {
    class Doubled extends Convolution2D {
      override forward(x: tf.Tensor4D) {
        return super.forward(tf.mul(x, 2));
      }
    }
    const net = new (class extends Chain {
      readonly a = new Doubled(4, 4, 1);
      readonly b = new Convolution2D(4, 4, 1);
      override forward(x: tf.Tensor4D) {
        return this.b.call(this.a.call(x));
      }
    })();
    const x = input();
    expect(Object.keys(await calibrate(net, () => run(net, x)))).to.deep.equal(['/b']);
    x.dispose();
    net.dispose();
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
    // With no range for them others could not be told apart.
    expect(found).to.deep.equal({});
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
        (() => {
          let times = 0;
          return () => (times++ === 0 ? run(net, x) : undefined);
        })(),
        /that can be repeated/,
      ],
      [
        () => {
          const wrong = tf.fill([1, 2, 2, 4], Number.POSITIVE_INFINITY) as tf.Tensor4D;
          run(net, wrong);
          wrong.dispose();
        },
        /\/first inputRange: expected two numbers around 0/,
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
    ['nothing', null as never, /an object of ranges/],
    ['one number', { '/first': [1] }, /two numbers around 0/],
    ['ends that are not finite', { '/first': [0, Number.NaN] }, /two numbers around 0/],
    ['ends that float32 does not hold', { '/first': [-1e38, 1] }, /at most 1e30 apart/],
    ['texts', { '/first': ['-1', '1'] }, /two numbers around 0/],
    ['ends without a zero between', { '/first': [1, 2] }, /two numbers around 0/],
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
