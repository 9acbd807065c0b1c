/** Convolution and pooling against what the real Chainer answered: outputs and all gradients. */
import {
  avgPool2d,
  type Conv2DAttrs,
  conv2d,
  installKernels,
  maxPool2d,
  type Pad2D,
  type Pool2DOptions,
} from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { channelsLast, type GoldenArray, readJson, readNpz } from '../../support/goldens.ts';

type Pair = [number, number];

interface Case {
  readonly attrs: {
    readonly ksize?: number | Pair;
    readonly stride?: number | Pair;
    readonly pad?: number | Pair;
    readonly dilate?: number | Pair;
    readonly groups?: number;
    readonly cover_all?: boolean;
  };
}

/** Both sides are float32, so each may be 1e-6 of the largest value off the true one. */
const tolerance = 3e-6;

const cases = readJson<Record<string, Case>>('goldens/functions.json');
const arrays = readNpz('goldens/functions.npz');

const pair = (v: number | Pair | undefined, otherwise: number | Pair): Pair => {
  const value = v ?? otherwise;
  return typeof value === 'number' ? [value, value] : value;
};

/** Chainer's symmetric padding, and for cover-all as much more as the last partial window needs. */
function padding(size: Pair, reach: Pair, stride: Pair, pad: Pair, coverAll: boolean): Pad2D {
  const end = (i: 0 | 1) => {
    if (!coverAll) return pad[i];
    const windows = Math.ceil((size[i] + 2 * pad[i] - reach[i]) / stride[i]);
    return Math.max(pad[i], windows * stride[i] + reach[i] - size[i] - pad[i]);
  };
  return [pad[0], end(0), pad[1], end(1)];
}

const array = (name: string): GoldenArray => arrays.get(name)!;

/** An NCHW golden as an NHWC tensor; others as they are. */
function tensor(name: string, transpose: boolean): tf.Tensor {
  const { shape, data } = array(name);
  if (!transpose) return tf.tensor(data as Float32Array, shape);
  const [n, c, h, w] = shape as [number, number, number, number];
  return tf.tensor4d(channelsLast(data as Float32Array, shape), [n, h, w, c]);
}

const namesOf = (group: RegExp) => Object.keys(cases).filter((name) => group.test(name));

/** Runs a function and its gradients on a golden's inputs, and compares everything with the golden's answers. */
async function check(
  name: string,
  inputs: string[],
  f: (...args: tf.Tensor[]) => tf.Tensor,
  tolerance: number,
) {
  const args = inputs.map((input) => tensor(`${name}/in/${input}`, input === 'x'));
  const dy = tensor(`${name}/gout/0`, true);
  const before = tf.memory().numTensors;
  const y = tf.tidy(() => f(...args));
  expect(tf.memory().numTensors - before, 'tensors made by the forward pass').to.equal(1);
  const gradients = tf.grads(f)(args, dy);
  expect(tf.memory().numTensors - before, 'tensors made by both').to.equal(1 + args.length);
  const expected = array(`${name}/out/0`);
  expectClose(
    await y.data(),
    channelsLast(expected.data as Float32Array, expected.shape),
    tolerance,
    'output',
  );
  for (const [i, input] of inputs.entries()) {
    const { data, shape } = array(`${name}/gin/${input}`);
    const want = input === 'x' ? channelsLast(data as Float32Array, shape) : (data as Float32Array);
    expectClose(await gradients[i]!.data(), want, tolerance, `gradient of ${input}`);
  }
  tf.dispose([y, dy, ...args, ...gradients]);
}

describeBackends('the golden convolutions', (backend) => {
  before(() => installKernels(backend));
  for (const name of namesOf(/^(dilated_)?convolution_2d\//)) {
    it(name, async () => {
      const { attrs } = cases[name]!;
      const [, , height, width] = array(`${name}/in/x`).shape as [number, number, number, number];
      const [, , kh, kw] = array(`${name}/in/W`).shape as [number, number, number, number];
      const stride = pair(attrs.stride, 1);
      const dilation = pair(attrs.dilate, 1);
      const reach: Pair = [(kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1];
      const pad = padding([height, width], reach, stride, pair(attrs.pad, 0), attrs.cover_all ?? false);
      const conv: Partial<Conv2DAttrs> = { stride, pad, dilation, groups: attrs.groups ?? 1 };
      const inputs = arrays.has(`${name}/in/b`) ? ['x', 'W', 'b'] : ['x', 'W'];
      const f = (x: tf.Tensor, w: tf.Tensor, b?: tf.Tensor) =>
        conv2d(x as tf.Tensor4D, w as tf.Tensor4D, (b as tf.Tensor1D | undefined) ?? null, conv);
      await check(name, inputs, f as (...args: tf.Tensor[]) => tf.Tensor, tolerance);
    });
  }
});

describeBackends('the golden poolings', (backend) => {
  before(() => installKernels(backend));
  for (const name of namesOf(/^(max|average)_pooling_2d\//)) {
    it(name, async () => {
      const { attrs } = cases[name]!;
      const [, , height, width] = array(`${name}/in/x`).shape as [number, number, number, number];
      const ksize = pair(attrs.ksize, 1);
      const stride = pair(attrs.stride, ksize);
      const isMax = name.startsWith('max');
      const pad = padding(
        [height, width],
        ksize,
        stride,
        pair(attrs.pad, 0),
        isMax && attrs.cover_all !== false,
      );
      const options: Pool2DOptions = { ksize, stride, pad };
      await check(name, ['x'], (x) => (isMax ? maxPool2d : avgPool2d)(x as tf.Tensor4D, options), tolerance);
    });
  }
});
