/** A depthwise and a pointwise convolution in one pass: the same bits as one after the other. */
import {
  type BatchStatistics,
  type Conv2DStep,
  conv2d,
  installKernels,
  KernelArgumentError,
  SEPARABLE_CONV_2D,
  separableConv2d,
} from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { setWasmKernelOptions } from '../../../packages/kernels/src/wasm/index.ts';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { floats, generator, size, useFastWasm } from '../wasm/support.ts';

interface Sizes {
  readonly x: readonly [batch: number, height: number, width: number, channels: number];
  readonly out: number;
  readonly stride?: readonly [number, number];
  readonly pad?: readonly [number, number, number, number];
  readonly dilation?: readonly [number, number];
  readonly ksize?: number;
  /** What follows each of the two: nothing, a bias, a normalization, both. */
  readonly after?: readonly [After, After];
  readonly activations?: readonly ['linear' | 'relu' | 'relu6', 'linear' | 'relu' | 'relu6'];
}

type After = '' | 'b' | 'n' | 'bn';

const cases: Record<string, Sizes> = {
  'a block of MobileNetV2': {
    x: [1, 38, 38, 192],
    out: 32,
    after: ['b', 'b'],
    activations: ['relu6', 'linear'],
  },
  'stride 2, TensorFlow padding, images of odd size': {
    ...{ x: [2, 19, 21, 96], out: 24, stride: [2, 2], pad: [0, 1, 0, 1], after: ['b', 'b'] },
    activations: ['relu6', 'relu'],
  },
  'one row, one column, more images than a group has rows': { x: [9, 1, 1, 12], out: 5, after: ['b', ''] },
  'rows of one segment and a pixel': { x: [1, 3, 17, 8], out: 8 },
  'channels that fill no vector': {
    x: [1, 7, 6, 5],
    out: 3,
    after: ['b', 'b'],
    activations: ['relu', 'relu6'],
  },
  'channels too few to gather': { x: [1, 14, 15, 6], out: 16, after: ['b', 'b'] },
  'channels of several blocks': {
    x: [1, 10, 10, 964],
    out: 320,
    after: ['b', 'b'],
    activations: ['relu6', 'linear'],
  },
  'a dilation from row to row': {
    x: [1, 12, 9, 16],
    out: 16,
    pad: [3, 3, 1, 1],
    dilation: [3, 1],
    after: ['', 'b'],
  },
  'strides that differ': {
    x: [1, 12, 31, 68],
    out: 9,
    stride: [3, 2],
    after: ['n', 'n'],
    activations: ['relu', 'relu'],
  },
  normalized: { x: [2, 14, 14, 70], out: 21, after: ['n', 'n'], activations: ['relu6', 'relu6'] },
  'normalized, with biases': {
    x: [1, 9, 9, 32],
    out: 16,
    after: ['bn', 'bn'],
    activations: ['linear', 'relu'],
  },
  'normalized before, a bias behind': {
    x: [1, 16, 16, 64],
    out: 128,
    after: ['n', 'b'],
    activations: ['relu6', 'relu6'],
  },
};

/** Those that are computed one after the other. */
const inTurn: Record<string, Sizes> = {
  'filters of 5x5': { x: [1, 9, 9, 8], out: 4, ksize: 5, pad: [2, 2, 2, 2], after: ['b', 'b'] },
  'a dilation along rows': { x: [1, 9, 9, 8], out: 4, pad: [2, 2, 2, 2], dilation: [2, 2] },
  'a stride of 3': { x: [1, 9, 9, 8], out: 4, stride: [3, 3] },
  'one channel': { x: [1, 9, 9, 1], out: 4 },
};

type Arguments = [x: tf.Tensor4D, depthwise: Conv2DStep, pointwise: Conv2DStep];

/** The arguments; to be called in a tidy. */
function draw(c: Sizes, seed: number): Arguments {
  const random = generator(seed);
  const make = (shape: readonly number[]) => tf.tensor(floats(random, size(shape)), [...shape]);
  const { stride = [1, 1], pad = [1, 1, 1, 1], dilation = [1, 1], ksize = 3 } = c;
  const channels = c.x[3];
  const step = (i: 0 | 1, shape: readonly number[], attrs: Conv2DStep['attrs']): Conv2DStep => {
    const after = c.after?.[i] ?? '';
    const vector = () => make([shape[0]!]) as tf.Tensor1D;
    const normalization = (): BatchStatistics => ({
      ...{ mean: vector(), variance: tf.add(tf.square(vector()), 0.1), epsilon: 0.001 },
      ...{ gamma: seed % 2 === 0 ? vector() : null, beta: vector() },
    });
    return {
      filter: make(shape) as tf.Tensor4D,
      bias: after.includes('b') ? vector() : null,
      attrs: { ...attrs, activation: c.activations?.[i] ?? 'linear' },
      normalization: after.includes('n') ? normalization() : null,
    };
  };
  return [
    make(c.x) as tf.Tensor4D,
    step(0, [channels, 1, ksize, ksize], { stride, pad, dilation, groups: channels }),
    step(1, [c.out, channels, 1, 1], {}),
  ];
}

/** The arguments, which are the caller's. */
const drawn = (c: Sizes, seed: number) =>
  tf.tidy(() => draw(c, seed) as unknown as tf.Tensor[]) as unknown as Arguments;

const twice = (x: tf.Tensor4D, ...steps: readonly Conv2DStep[]): tf.Tensor4D =>
  steps.reduce(
    (h, { filter, bias, attrs, normalization }) => conv2d(h, filter, bias, attrs, normalization),
    x,
  );

function disposeAll([x, ...steps]: Arguments): void {
  x.dispose();
  for (const { filter, bias, normalization } of steps) {
    const { mean, variance, gamma, beta } = normalization ?? {};
    for (const tensor of [filter, bias, mean, variance, gamma, beta]) tensor?.dispose();
  }
}

const bitsOf = async (t: tf.Tensor) => Buffer.from((await t.data()).buffer as ArrayBuffer);

describeBackends('separableConv2d', (backend) => {
  before(async () => {
    installKernels(backend);
    if (backend === 'wasm') await useFastWasm();
  });

  /** Three times: with filters prepared on the way, prepared to be kept, and found prepared. */
  async function check(c: Sizes, isOnePass: boolean): Promise<void> {
    const before = tf.memory().numTensors;
    for (const seed of [1, 2]) {
      const given = drawn(c, seed);
      const expected = tf.tidy(() => twice(...given));
      for (let i = 0; i < 3; i++) {
        const { result, kernelNames } = await tf.profile(() => tf.tidy(() => separableConv2d(...given)));
        const y = result as tf.Tensor;
        expect(y.shape).to.deep.equal(expected.shape);
        expect(kernelNames.includes(SEPARABLE_CONV_2D)).to.equal(isOnePass && backend === 'wasm');
        expect((await bitsOf(y)).equals(await bitsOf(expected)), `seed ${seed}, call ${i}`).to.equal(true);
        y.dispose();
      }
      expected.dispose();
      disposeAll(given);
    }
    expect(tf.memory().numTensors).to.equal(before);
  }

  for (const [name, c] of Object.entries(cases)) it(name, () => check(c, true));
  for (const [name, c] of Object.entries(inTurn)) it(`${name}, in turn`, () => check(c, false));

  it('takes an empty batch', () => {
    tf.tidy(() => {
      const y = separableConv2d(...draw({ x: [0, 5, 4, 8], out: 3 }, 1));
      expect(y.shape).to.deep.equal([0, 5, 4, 3]);
    });
  });

  it('has the gradients of the two', async () => {
    const values = tf.tidy(() => {
      const [x, depthwise, pointwise] = draw({ ...cases['normalized']!, x: [1, 6, 5, 4], out: 3 }, 3);
      const loss = (both: typeof twice) => (image: tf.Tensor, f0: tf.Tensor, f1: tf.Tensor) => {
        const steps = [
          { ...depthwise, filter: f0 as tf.Tensor4D },
          { ...pointwise, filter: f1 as tf.Tensor4D },
        ] as const;
        return tf.sum(tf.square(both(image as tf.Tensor4D, ...steps)));
      };
      const of = (both: typeof twice) => tf.grads(loss(both))([x, depthwise.filter, pointwise.filter]);
      return [of(separableConv2d as typeof twice), of(twice)];
    });
    for (const [i, gradient] of values[0]!.entries())
      expectClose(await gradient.data(), await values[1]![i]!.data(), 1e-6);
    tf.dispose(values);
  });

  it('names what does not fit', () => {
    tf.tidy(() => {
      const [x, depthwise, pointwise] = draw({ x: [1, 5, 4, 8], out: 3 }, 1);
      const other = draw({ x: [1, 5, 4, 6], out: 3 }, 1);
      expect(() => separableConv2d(x, other[1], pointwise)).to.throw(KernelArgumentError, /x.*of 6 channels/);
      expect(() => separableConv2d(x, depthwise, other[2])).to.throw(KernelArgumentError, /x.*of 6 channels/);
      const bias = tf.zeros([4]) as tf.Tensor1D;
      expect(() => separableConv2d(x, depthwise, { ...pointwise, bias })).to.throw(
        KernelArgumentError,
        /bias.*\(3\)/,
      );
    });
  });

  if (backend === 'wasm')
    it('gives the same bits on several threads, and without room for prepared filters', async () => {
      const given = drawn(cases['channels of several blocks']!, 5);
      const expected = tf.tidy(() => twice(...given));
      try {
        for (const options of [{ threads: 3 }, { threads: 1, cacheBytes: 0 }, { cacheBytes: 40_000 }]) {
          await setWasmKernelOptions(options);
          for (let i = 0; i < 3; i++) {
            const y = tf.tidy(() => separableConv2d(...given));
            expect((await bitsOf(y)).equals(await bitsOf(expected)), JSON.stringify(options)).to.equal(true);
            y.dispose();
          }
        }
      } finally {
        await setWasmKernelOptions({ cacheBytes: 2 ** 30 });
        disposeAll(given);
        expected.dispose();
      }
    });
});
