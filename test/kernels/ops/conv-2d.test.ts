import { CONV_2D, conv2d, installKernels, KernelArgumentError } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';

const x = (shape: [number, number, number, number]) => tf.zeros(shape) as tf.Tensor4D;

describe('conv2d', () => {
  before(async () => {
    await tf.setBackend('cpu');
    tf.engine().startScope();
  });
  after(() => tf.engine().endScope());

  const refused: [string, () => tf.Tensor, argument: string, message: RegExp][] = [
    [
      'another rank',
      () => conv2d(tf.zeros([4, 4, 3]) as unknown as tf.Tensor4D, x([2, 3, 3, 3])),
      'x',
      /\(N, H, W, C\)/,
    ],
    [
      'another dtype',
      () => conv2d(tf.zeros([1, 4, 4, 3], 'int32') as tf.Tensor4D, x([2, 3, 3, 3])),
      'x',
      /float32, got int32/,
    ],
    [
      'other channels',
      () => conv2d(x([1, 4, 4, 3]), x([2, 4, 3, 3])),
      'x',
      /of 4 channels .* got 3 channels/,
    ],
    [
      'channels of other groups',
      () => conv2d(x([1, 4, 4, 3]), x([2, 3, 3, 3]), null, { groups: 2 }),
      'x',
      /of 6 channels/,
    ],
    [
      'out-channels that groups do not divide',
      () => conv2d(x([1, 4, 4, 4]), x([3, 2, 3, 3]), null, { groups: 2 }),
      'filter',
      /divisible by groups 2/,
    ],
    [
      'a bias of another size',
      () => conv2d(x([1, 4, 4, 3]), x([2, 3, 3, 3]), tf.zeros([3])),
      'bias',
      /\(2\), got \(3\)/,
    ],
    [
      'statistics of another size',
      () =>
        conv2d(
          x([1, 4, 4, 3]),
          x([2, 3, 3, 3]),
          null,
          {},
          {
            ...{ mean: tf.zeros([2]), variance: tf.ones([3]), gamma: null, beta: null },
            epsilon: 1e-5,
          },
        ),
      'variance',
      /\(2\), got \(3\)/,
    ],
    [
      'a filter larger than the padded map',
      () => conv2d(x([1, 4, 4, 3]), x([2, 3, 3, 3]), null, { dilation: [2, 2] }),
      'the padded input',
      /5x5 pixels, got 4x4/,
    ],
    [
      'a stride of 0',
      () => conv2d(x([1, 4, 4, 3]), x([2, 3, 3, 3]), null, { stride: [0, 1] }),
      'stride',
      /integers of at least 1/,
    ],
    [
      'a negative padding',
      () => conv2d(x([1, 4, 4, 3]), x([2, 3, 3, 3]), null, { pad: [0, -1, 0, 0] }),
      'pad',
      /at least 0/,
    ],
    ...([[-1], [1, 2], ['-1', '1'], [-1e38, 1e38], [Number.NaN, 1], 5] as unknown[]).map(
      (inputRange): [string, () => tf.Tensor, string, RegExp] => [
        `a range like ${String(inputRange)}`,
        () => conv2d(x([1, 4, 4, 3]), x([2, 3, 3, 3]), null, { inputRange: inputRange as [number, number] }),
        'inputRange',
        /two numbers around 0/,
      ],
    ),
    [
      'an unknown activation',
      () => conv2d(x([1, 4, 4, 3]), x([2, 3, 3, 3]), null, { activation: 'tanh' as 'relu' }),
      'activation',
      /linear, relu, relu6/,
    ],
  ];
  for (const [what, call, argument, message] of refused) {
    it(`refuses ${what}`, () => {
      let error: unknown;
      try {
        call();
      } catch (e) {
        error = e;
      }
      expect(error).to.be.instanceOf(KernelArgumentError);
      expect(error).to.include({ operation: 'conv2d', argument });
      expect((error as Error).message).to.match(message);
    });
  }
});

describeBackends('conv2d', (backend) => {
  before(() => installKernels(backend));

  it('has an output for an empty batch', async () => {
    const y = tf.tidy(() => conv2d(x([0, 4, 5, 2]), x([3, 2, 3, 3])));
    expect(y.shape).to.deep.equal([0, 2, 3, 3]);
    expect(Array.from(await y.data())).to.deep.equal([]);
    y.dispose();
  });

  it('clamps after the bias', async () => {
    const y = tf.tidy(() =>
      conv2d(
        tf.tensor4d([1, -2, 3], [1, 1, 3, 1]),
        tf.tensor4d([1, 2, -1], [3, 1, 1, 1]),
        tf.tensor1d([1, 1, 1]),
        { activation: 'relu6' },
      ),
    );
    expect(Array.from(await y.data())).to.deep.equal([2, 3, 0, 0, 0, 3, 4, 6, 0]);
    y.dispose();
  });

  it('computes only the gradients that are asked for', async () => {
    const [image, filter] = [tf.ones([1, 3, 3, 1]) as tf.Tensor4D, tf.ones([1, 1, 3, 3]) as tf.Tensor4D];
    const profiled = await tf.profile(() => tf.grad((w) => conv2d(image, w as tf.Tensor4D))(filter));
    expect(profiled.kernelNames).to.include('ChaingradConv2DBackpropFilter');
    expect(profiled.kernelNames).not.to.include('ChaingradConv2DBackpropInput');
    tf.dispose([image, filter, profiled.result as tf.Tensor]);
  });

  it('can be differentiated twice', async () => {
    // y = w x, loss = (w x)^2, d loss / dx = 2 w^2 x, and its derivative by w is 4 w x.
    const gradient = (w: tf.Tensor) =>
      tf.grad((v) => tf.square(conv2d(v as tf.Tensor4D, w as tf.Tensor4D)))(tf.tensor4d([3], [1, 1, 1, 1]));
    const second = tf.tidy(() => tf.grad(gradient)(tf.tensor4d([5], [1, 1, 1, 1])));
    expectClose(await second.data(), [60], 1e-6);
    second.dispose();
  });

  it('sees a filter that was assigned anew, and keeps nothing of the old one', async () => {
    const image = tf.ones([1, 1, 1, 2]) as tf.Tensor4D;
    const first = tf.tensor4d([1, 2, 3, 4, 5, 6], [3, 2, 1, 1]);
    const variable = tf.variable(first);
    first.dispose();
    const results = async () => {
      const y = conv2d(image, variable as unknown as tf.Tensor4D);
      const values = Array.from(await y.data());
      y.dispose();
      return values;
    };
    expect(await results()).to.deep.equal([3, 7, 11]);
    const { numTensors, numDataBuffers, numBytes } = tf.memory();
    const dataIds = tf.backend().numDataIds();
    for (let i = 0; i < 3; i++) {
      const next = tf.tensor4d(
        [1, 2, 3, 4, 5, 6].map((v) => v * i),
        [3, 2, 1, 1],
      );
      variable.assign(next);
      next.dispose();
      expect(await results()).to.deep.equal([3 * i, 7 * i, 11 * i]);
    }
    expect(tf.memory()).to.include({ numTensors, numDataBuffers, numBytes });
    expect(tf.backend().numDataIds(), 'what the backend holds').to.equal(dataIds);
    tf.dispose([image, variable]);
  });

  it('is one kernel', async () => {
    const [image, filter] = [x([1, 3, 3, 1]), x([1, 1, 3, 3])];
    const { kernelNames, result } = await tf.profile(() => conv2d(image, filter));
    expect(kernelNames).to.include(CONV_2D);
    tf.dispose([image, filter, result as tf.Tensor]);
  });
});
