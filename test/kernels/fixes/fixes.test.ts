/**
 * tfjs' own kernels that a backend lacks or has wrong (tfjs 4.22): with this package, all backends agree. Expected values
 * are tfjs' cpu backend's where that is right, and written down where it is not.
 */
import { installKernels } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { type BackendName, describeBackends, expectClose, useTestBackend } from '../../support/backends.ts';
import { unit } from '../../support/goldens.ts';

const random = (shape: number[], offset = 0, key = 'x') => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, (_, i) => unit(key, i) + offset),
    shape,
  );
};
const negative = (shape: number[]) => random(shape, -2);
const integers = (values: number[], shape = [values.length]) => tf.tensor(values, shape, 'int32');
const booleans = (shape: number[]) => tf.greater(random(shape), 0);
const counted = (shape: number[]) =>
  tf.reshape(
    tf.range(
      0,
      shape.reduce((a, b) => a * b, 1),
      1,
      'int32',
    ),
    shape,
  );

const run = (name: string, inputs: tf.NamedTensorMap, attrs: object) =>
  tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor;

type Results = tf.Tensor | tf.Tensor[];

const pool = { filterSize: [3, 3], strides: [2, 2], pad: 1 };
const volume = { filterSize: [2, 2, 2], strides: [2, 2, 2], pad: 'same', dataFormat: 'NDHWC' };
const volumeConv = { strides: [2, 2, 2], pad: 'same' };

/** What the cpu backend of tfjs has right. */
const agreeing: Record<string, () => Results> = {
  'average pooling with an overhanging last window': () =>
    tf.avgPool(random([1, 5, 5, 2]) as tf.Tensor4D, 2, 2, 0, 'ceil'),
  'max pooling with an overhanging last window': () =>
    tf.maxPool(negative([1, 5, 5, 2]) as tf.Tensor4D, 2, 2, 0, 'ceil'),
  'max pooling of negative values': () => tf.maxPool(negative([2, 5, 5, 2]) as tf.Tensor4D, 3, 2, 1),
  'max pooling of single pixels': () => tf.maxPool(negative([1, 5, 5, 2]) as tf.Tensor4D, 1, 2, 0),
  'the gradient of max pooling of negative values': () =>
    run(
      'MaxPoolGrad',
      {
        dy: random([2, 3, 3, 2]),
        input: negative([2, 5, 5, 2]),
        output: tf.maxPool(negative([2, 5, 5, 2]) as tf.Tensor4D, 3, 2, 1),
      },
      pool,
    ),
  'the gradient of max pooling with equal values': () =>
    run(
      'MaxPoolGrad',
      { dy: random([2, 3, 3, 2]), input: tf.ones([2, 5, 5, 2]), output: tf.ones([2, 3, 3, 2]) },
      pool,
    ),
  'max pooling with positions': () => {
    const { result, indexes } = tf.maxPoolWithArgmax(
      negative([2, 5, 5, 2]) as tf.Tensor4D,
      3,
      2,
      'same',
      true,
    );
    return [result!, indexes!];
  },
  'max pooling of volumes': () => run('MaxPool3D', { x: negative([1, 4, 5, 5, 2]) }, volume),
  'the gradient of max pooling of volumes': () =>
    run(
      'MaxPool3DGrad',
      { dy: random([1, 2, 3, 3, 2]), input: negative([1, 4, 5, 5, 2]), output: negative([1, 2, 3, 3, 2]) },
      volume,
    ),
  'convolution with an overhanging last window': () =>
    tf.conv2d(
      random([1, 6, 6, 3]) as tf.Tensor4D,
      random([3, 3, 3, 2]) as tf.Tensor4D,
      2,
      0,
      'NHWC',
      1,
      'ceil',
    ),
  'depthwise convolution with other than square filters': () =>
    [
      [1, 3],
      [3, 2],
      [2, 5],
      [7, 1],
    ].map(([kh, kw]) =>
      tf.depthwiseConv2d(
        random([2, 8, 7, 3]) as tf.Tensor4D,
        random([kh!, kw!, 3, 2]) as tf.Tensor4D,
        1,
        'same',
      ),
    ),
  'the filter gradient of convolution': () =>
    run(
      'Conv2DBackpropFilter',
      { x: random([2, 6, 5, 3]), dy: random([2, 3, 3, 2]) },
      { strides: 2, pad: 'same', dataFormat: 'NHWC', filterShape: [3, 3, 3, 2] },
    ),
  'the filter gradient of depthwise convolution': () =>
    run(
      'DepthwiseConv2dNativeBackpropFilter',
      { x: random([2, 6, 5, 3]), dy: random([2, 3, 3, 6]) },
      { strides: [2, 2], dilations: [1, 1], pad: 'same', filterShape: [3, 2, 3, 2] },
    ),
  'the input gradient of depthwise convolution': () =>
    run(
      'DepthwiseConv2dNativeBackpropInput',
      { dy: random([2, 3, 3, 6]), filter: random([3, 2, 3, 2]) },
      { strides: [2, 2], dilations: [1, 1], pad: 'same', inputShape: [2, 6, 5, 3] },
    ),
  'the input gradient of convolution of volumes': () =>
    run(
      'Conv3DBackpropInputV2',
      { dy: random([2, 2, 3, 3, 2]), filter: random([2, 3, 3, 3, 2]) },
      { ...volumeConv, inputShape: [2, 4, 5, 5, 3] },
    ),
  'the filter gradient of convolution of volumes': () =>
    run(
      'Conv3DBackpropFilterV2',
      { x: random([2, 4, 5, 5, 3]), dy: random([2, 2, 3, 3, 2]) },
      { ...volumeConv, filterShape: [2, 3, 3, 3, 2] },
    ),
  'the gradients of greyscale dilation': () => {
    const inputs = { x: negative([1, 5, 5, 2]), filter: random([2, 2, 2]), dy: random([1, 5, 5, 2]) };
    const attrs = { strides: 1, pad: 'same', dilations: 1 };
    return [run('Dilation2DBackpropInput', inputs, attrs), run('Dilation2DBackpropFilter', inputs, attrs)];
  },
  'gathering with batches': () => tf.gather(random([2, 3, 4]), integers([3, 0, 1, 1], [2, 2]), 2, 1),
  'Einstein sums': () => [
    tf.einsum('bij,bjk->bik', random([2, 3, 4]), random([2, 4, 5])),
    tf.einsum('ij,kj->ki', random([3, 4]), random([2, 4])),
    tf.einsum('ijk->kj', random([2, 3, 4])),
    tf.einsum('i,i->', random([5]), random([5], 1)),
  ],
  'sums of segments': () =>
    tf.unsortedSegmentSum(random([5, 2, 3]), integers([2, 0, 2, -1, 0]) as tf.Tensor1D, 4),
  'strided slices of integers and booleans': () => [
    tf.stridedSlice(counted([5, 4]), [0, 1], [5, 4], [2, 2]),
    tf.stridedSlice(booleans([5, 4]), [4, 0], [0, 4], [-2, 3]),
  ],
  'casts to booleans': () => [tf.cast(random([6]), 'bool'), tf.cast(integers([0, 2, 256]), 'bool')],
  'reversed booleans': () => tf.reverse(booleans([5, 3]), 0),
  'transposed integers and booleans': () => [
    tf.transpose(counted([2, 3, 4]), [2, 0, 1]),
    tf.transpose(booleans([2, 3, 4]), [1, 2, 0]),
  ],
  'reductions of integers and booleans': () => [
    tf.sum(counted([2, 3, 4]), 1),
    tf.max(counted([2, 3, 4]), [0, 1], true),
    tf.min(counted([2, 3, 4]), 1, true),
    tf.prod(tf.add(counted([2, 3, 2]), integers([1])), 0),
    tf.argMax(counted([2, 3, 4]), 1),
    tf.any(booleans([2, 3, 4]), 1),
    tf.all(booleans([2, 3, 4]), 0, true),
  ],
  'backward running sums and products, of several lengths': () =>
    [3, 8, 5].flatMap((n) => [
      tf.cumsum(random([2, n]), 1, true, true),
      tf.cumprod(random([2, n]), 1, false, true),
      tf.cumsum(counted([n, 2]), 0, false, true),
    ]),
};

/** What tfjs' cpu backend has wrong, or no backend has: results and what they must be. */
const known: Record<string, { of: () => tf.Tensor; expected: number[] }> = {
  'a strided slice that drops an axis': {
    of: () => tf.stridedSlice(counted([2, 3, 4]), [1, 0, 0], [2, 3, 4], [1, 2, 2], 0, 0, 0, 0, 1),
    expected: [12, 14, 20, 22],
  },
  'a strided slice that adds an axis': {
    of: () => tf.stridedSlice(counted([2, 3, 4]), [0, 0, 3], [0, 0, 0], [1, 1, -2], 0, 0, 1, 2),
    expected: [3, 1, 7, 5, 11, 9, 15, 13, 19, 17, 23, 21],
  },
  'a strided slice that drops an axis and reads another backward to its start': {
    of: () => tf.stridedSlice(counted([3, 4]), [-1, 3], [0, 0], [1, -2], 0, 2, 0, 0, 1),
    expected: [11, 9],
  },
  'the gradient of average pooling, whose divisor leaves the padding out': {
    of: () =>
      run(
        'AvgPoolGrad',
        { dy: tf.ones([1, 2, 2, 1]), input: tf.zeros([1, 2, 2, 1]) },
        { filterSize: [2, 2], strides: [2, 2], pad: 1 },
      ),
    expected: [1, 1, 1, 1],
  },
  'the logarithm of softmax': {
    of: () =>
      run(
        'LogSoftmax',
        {
          logits: tf.tensor2d([
            [0, Math.log(3)],
            [1000, 1000],
          ]),
        },
        { axis: 1 },
      ),
    expected: [Math.log(0.25), Math.log(0.75), Math.log(0.5), Math.log(0.5)],
  },
};

async function valuesOf(f: () => Results): Promise<{ values: number[]; dtype: string; shape: number[] }[]> {
  const before = tf.memory().numTensors;
  const tensors = [tf.tidy(f)].flat();
  expect(tf.memory().numTensors - before, 'tensors left over').to.equal(tensors.length);
  const results = await Promise.all(
    tensors.map(async (t) => ({ values: Array.from(await t.data()), dtype: t.dtype, shape: t.shape })),
  );
  tf.dispose(tensors);
  return results;
}

describeBackends('tfjs kernels put right:', (backend: BackendName) => {
  before(() => installKernels(backend));

  for (const [name, f] of Object.entries(agreeing)) {
    it(name, async () => {
      await useTestBackend('cpu');
      const expected = await valuesOf(f);
      await useTestBackend(backend);
      const actual = await valuesOf(f);
      for (const [i, e] of expected.entries()) {
        expect(actual[i]!.shape, 'shape').to.deep.equal(e.shape);
        expect(actual[i]!.dtype, 'dtype').to.equal(e.dtype);
        expectClose(actual[i]!.values, e.values, 3e-6, `result ${i}`);
      }
    });
  }

  for (const [name, { of, expected }] of Object.entries(known)) {
    it(name, async () => {
      const [result] = await valuesOf(of);
      expectClose(result!.values, expected, 1e-6, 'result');
    });
  }

  it('an update of a tensor leaves that tensor as it was', async () => {
    const t = tf.zeros([3, 2]);
    const updated = tf.tensorScatterUpdate(t, integers([1], [1, 1]), tf.ones([1, 2]));
    expect(Array.from(await t.data())).to.deep.equal([0, 0, 0, 0, 0, 0]);
    expect(Array.from(await updated.data())).to.deep.equal([0, 0, 1, 1, 0, 0]);
    tf.dispose([t, updated]);
  });

  it('batch normalisation without scale and offset leaves no tensors, recorded or not', () => {
    const [x, mean, variance] = [random([2, 3]), random([3]), random([3], 2)];
    const before = tf.memory().numTensors;
    tf.dispose(tf.batchNorm(x, mean, variance));
    tf.dispose(tf.grad((t) => tf.batchNorm(t, mean, variance))(x));
    expect(tf.memory().numTensors).to.equal(before);
    tf.dispose([x, mean, variance]);
  });
});
