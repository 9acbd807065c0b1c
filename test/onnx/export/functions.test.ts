/** Every function of core, alone in a chain: one file each, equal in ONNX Runtime at two batch sizes. */
import * as F from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import * as functions from '../../../packages/core/src/functions/index.ts';
import { expectSame, floats, type HostArray, ints, Lambda } from './support.ts';

type T4 = tf.Tensor4D;

interface Case {
  readonly fn: (...args: never[]) => unknown;
  readonly inputs: readonly HostArray[];
  /** The operators of the file; of the long ones, how many there are at most. */
  readonly ops: string | number;
  /** Inputs of another batch size; none where the function fixes it. */
  readonly others?: readonly HostArray[] | null;
  readonly tolerance?: number;
}

const image = floats([2, 7, 6, 4]);
const more = floats([3, 7, 6, 4], 5);
const rows = floats([2, 5]);
const otherRows = floats([3, 5], 5);
const W = (shape: number[], seed = 2) => tf.tensor(floats(shape, seed).data, shape);
const onImage = (fn: (x: T4) => unknown, ops: string | number): Case => ({
  fn,
  inputs: [image],
  ops,
  others: [more],
});
const onRows = (fn: (x: tf.Tensor) => unknown, ops: string | number): Case => ({
  fn,
  inputs: [rows],
  ops,
  others: [otherRows],
});
const labels = ints([2], [1, 3]);
const otherLabels = ints([3], [4, 0, 2]);
const withLabels = (fn: (x: tf.Tensor, t: tf.Tensor) => unknown, ops: string | number): Case => ({
  fn,
  inputs: [rows, labels],
  others: [otherRows, otherLabels],
  ops,
});
const withTarget = (fn: (x: tf.Tensor, t: tf.Tensor) => unknown, ops: string | number): Case => ({
  fn,
  inputs: [rows, floats([2, 5], 9)],
  others: [otherRows, floats([3, 5], 7)],
  ops,
});

const cases: Record<string, Case | readonly Case[]> = {
  relu: onImage((x) => F.relu(x), 'Relu'),
  relu6: onImage((x) => F.relu6(x), 'Clip'),
  leakyRelu: onRows((x) => F.leakyRelu(x), 'LeakyRelu'),
  sigmoid: onRows((x) => F.sigmoid(x), 'Sigmoid'),
  tanh: onRows((x) => F.tanh(x), 'Tanh'),
  elu: [onRows((x) => F.elu(x), 'Elu'), onRows((x) => F.elu(x, 0.3), 'Elu')],
  selu: onRows((x) => F.selu(x), 'Selu'),
  softplus: [onRows((x) => F.softplus(x), 'Softplus'), onRows((x) => F.softplus(x, 2), 'Mul Softplus Div')],
  clippedRelu: onRows((x) => F.clippedRelu(x, 0.5), 'Clip'),
  hardSigmoid: onRows((x) => F.hardSigmoid(x), 'HardSigmoid'),
  softmax: [onImage((x) => F.softmax(x), 'Softmax'), onImage((x) => F.softmax(x, 1), 'Softmax')],
  logSoftmax: [
    onImage((x) => F.logSoftmax(x), 'LogSoftmax'),
    onImage((x) => F.logSoftmax(x, 2), 'LogSoftmax'),
  ],
  logsumexp: [onImage((x) => F.logsumexp(x, [1, 3]), 'ReduceLogSumExp')],
  scale: [onImage((x) => F.scale(x, W([4])), 'Mul'), onImage((x) => F.scale(x, W([7, 6]), 1), 'Mul')],
  bias: onImage((x) => F.bias(x, W([4])), 'Add'),
  swapaxes: onImage((x) => F.swapaxes(x, 1, 3), 'Transpose'),
  moveaxis: onImage((x) => F.moveaxis(x, 3, 1), 'Transpose'),
  rollaxis: onImage((x) => F.rollaxis(x, 2), 'Transpose'),
  repeatElements: onImage((x) => F.repeatElements(x, 3, 2), 'Reshape Expand Reshape'),
  average: [
    onImage((x) => F.average(x, { axis: [1, 2] }), 'ReduceMean'),
    onImage((x) => F.average(x, { axis: 3, weights: W([4]) }), 'Mul ReduceSum Div'),
  ],
  convolution2D: [
    onImage(
      (x) => F.convolution2D(x, W([3, 4, 3, 3]) as T4, W([3]) as tf.Tensor1D),
      'Transpose Conv Transpose',
    ),
    onImage(
      (x) =>
        F.convolution2D(x, W([6, 2, 3, 2]) as T4, null, {
          stride: 2,
          pad: [1, 0],
          groups: 2,
          dilate: [2, 1],
          coverAll: true,
        }),
      'Transpose Conv Transpose',
    ),
    onImage(
      (x) => F.convolution2D(x, W([3, 4, 3, 3]) as T4, null, { stride: 2, pad: 'same', activation: 'relu6' }),
      'Transpose Conv Clip Transpose',
    ),
  ],
  dilatedConvolution2D: onImage(
    (x) => F.dilatedConvolution2D(x, W([3, 4, 3, 3]) as T4, null, { dilate: 2, pad: 2 }),
    'Transpose Conv Transpose',
  ),
  depthwiseConvolution2D: [
    onImage((x) => F.depthwiseConvolution2D(x, W([1, 4, 3, 3]) as T4), 'Transpose Conv Transpose'),
    onImage(
      (x) => F.depthwiseConvolution2D(x, W([2, 4, 3, 3]) as T4, W([8]) as tf.Tensor1D),
      'Transpose Conv Transpose',
    ),
  ],
  deconvolution2D: [
    onImage(
      (x) => F.deconvolution2D(x, W([4, 3, 3, 3]) as T4, W([3]) as tf.Tensor1D),
      'Transpose ConvTranspose Transpose',
    ),
    onImage(
      (x) =>
        F.deconvolution2D(x, W([4, 3, 3, 3]) as T4, null, {
          stride: 2,
          pad: 1,
          groups: 2,
          outsize: [14, 12],
        }),
      'Transpose ConvTranspose Transpose',
    ),
  ],
  dropout: onRows((x) => F.relu(F.dropout(x)), 'Relu'),
  getItem: [
    onImage((x) => F.getItem(x, {}, { start: 1, stop: 4 }, 2), 'Slice Reshape'),
    onImage((x) => F.getItem(x, {}, { step: 2 }), 'Slice'),
    onImage((x) => F.getItem(x, {}, [3, 1, 1]), 'Gather'),
    onImage((x) => F.getItem(x, '...', null), 'Reshape'),
  ],
  linear: [
    onRows((x) => F.linear(x, W([3, 5]) as tf.Tensor2D, W([3]) as tf.Tensor1D), 'Gemm'),
    onImage((x) => F.linear(x, W([3, 168]) as tf.Tensor2D), 'Transpose Reshape Gemm'),
    onImage(
      (x) => F.linear(x, W([3, 4]) as tf.Tensor2D, W([3]) as tf.Tensor1D, { nBatchAxes: 3 }),
      'Reshape Gemm Reshape',
    ),
  ],
  squaredError: withTarget(F.squaredError, 'Sub Mul'),
  absoluteError: withTarget(F.absoluteError, 'Sub Abs'),
  meanSquaredError: withTarget(F.meanSquaredError, 'Sub Mul ReduceMean'),
  meanAbsoluteError: withTarget(F.meanAbsoluteError, 'Sub Abs ReduceMean'),
  huberLoss: withTarget((x, t) => F.huberLoss(x, t, 0.5), 9),
  sigmoidCrossEntropy: {
    fn: F.sigmoidCrossEntropy as never,
    inputs: [rows, ints([2, 5], [1, 0, -1, 1, 0, 0, 1, 1, -1, 0])],
    others: [otherRows, ints([3, 5], [1, 0, -1, 1, 0, 0, 1, 1, -1, 0, 1, 1, 1, 0, 0])],
    ops: 19,
  },
  softmaxCrossEntropy: [
    withLabels((x, t) => F.softmaxCrossEntropy(x, t), 21),
    withLabels((x, t) => F.softmaxCrossEntropy(x, t, { reduce: 'no', classWeight: [1, 2, 3, 4, 5] }), 16),
  ],
  hinge: [withLabels((x, t) => F.hinge(x as tf.Tensor2D, t as tf.Tensor1D), 14)],
  accuracy: withLabels((x, t) => F.accuracy(x, t), 'ArgMax Cast Equal Cast ReduceMean'),
  batchNormalization: onImage(
    (x) => F.batchNormalization(x, null, null).y,
    'ReduceMean Sub Mul ReduceMean Add Sqrt Div',
  ),
  fixedBatchNormalization: [
    onImage(
      (x) => F.fixedBatchNormalization(x, W([4]), W([4]), W([4]), tf.abs(W([4]))),
      'Transpose BatchNormalization Transpose',
    ),
    onRows((x) => F.fixedBatchNormalization(x, null, W([5]), W([5]), tf.abs(W([5]))), 'BatchNormalization'),
    onImage(
      (x) => F.fixedBatchNormalization(x, W([7, 4]), null, W([7, 4]), tf.abs(W([7, 4])), { axis: [0, 2] }),
      'Sub Mul',
    ),
  ],
  layerNormalization: [
    onRows((x) => F.layerNormalization(x, W([5]), W([5], 3)), 'LayerNormalization'),
    onRows((x) => F.layerNormalization(x, null, null), 'LayerNormalization'),
  ],
  groupNormalization: [
    onImage((x) => F.groupNormalization(x, 2, W([4]), W([4])), 11),
    // Channels first, the groups are stored one after the other.
    onImage(
      (x) => F.groupNormalization(F.convolution2D(x, W([6, 4, 1, 1]) as T4), 3, W([6]), W([6])),
      'Transpose Conv Reshape InstanceNormalization Reshape Mul Add Transpose',
    ),
  ],
  localResponseNormalization: onImage((x) => F.localResponseNormalization(x), 'Transpose LRN Transpose'),
  normalize: onImage((x) => F.normalize(x), 'ReduceL2 Add Div'),
  maxPooling2D: [
    onImage((x) => F.maxPooling2D(x, { ksize: 2 }), 'Transpose MaxPool Transpose'),
    onImage(
      (x) => F.maxPooling2D(x, { ksize: 3, stride: 2, pad: 1, coverAll: false }),
      'Transpose MaxPool Transpose',
    ),
    onImage(
      (x) => F.relu(F.maxPooling2D(x, { ksize: 1, stride: 2 })),
      'Transpose Pad MaxPool Relu Transpose',
    ),
  ],
  averagePooling2D: onImage(
    (x) => F.averagePooling2D(x, { ksize: 3, stride: 2, pad: 1 }),
    'Transpose AveragePool Transpose',
  ),
  globalAveragePooling2D: onImage((x) => F.globalAveragePooling2D(x), 'ReduceMean'),
  unpooling2D: [
    onImage((x) => F.unpooling2D(x, { ksize: 2 }), 'Transpose ConvTranspose Transpose'),
    onImage(
      (x) => F.unpooling2D(x, { ksize: 3, stride: 2, pad: 1, outsize: [13, 11] }),
      'Transpose ConvTranspose Transpose',
    ),
  ],
  resizeImages: onImage((x) => F.resizeImages(x, [11, 5]), 'Transpose Shape Concat Resize Transpose'),
  embedId: [
    {
      fn: ((x: tf.Tensor) => F.embedId(x, W([5, 3]) as tf.Tensor2D)) as never,
      inputs: [labels],
      others: [otherLabels],
      ops: 'Gather',
    },
    {
      fn: ((x: tf.Tensor) => F.embedId(x, W([5, 3]) as tf.Tensor2D, 3)) as never,
      inputs: [labels],
      others: [otherLabels],
      ops: 'Cast Equal Not Cast Mul Gather Reshape Where',
    },
  ],
  selectItem: withLabels((x, t) => F.selectItem(x, t), 'Cast OneHot Cast Cast Where ReduceSum'),
};

/** What stands with the functions and takes no tensors. */
const others = ['dropoutMask', 'getConvOutsize', 'getDeconvOutsize', 'withGradient'];

describe('exportOnnx of every function', () => {
  before(() => tf.setBackend('cpu'));

  it('has a case for each', () => {
    const names = Object.keys(functions).filter((name) => !others.includes(name));
    expect(names.filter((name) => !(name in cases))).to.deep.equal([]);
  });

  for (const [name, given] of Object.entries(cases)) {
    it(`${name}, with the fewest operators, and no tensor left`, async () => {
      for (const { fn, inputs, ops, others: more, tolerance } of [given].flat() as Case[]) {
        const before = tf.memory().numTensors;
        const { ops: made } = await expectSame(new Lambda(fn), inputs, {
          others: more == null ? [] : [more],
          ...(tolerance === undefined ? {} : { tolerance }),
        });
        if (typeof ops === 'string') expect(made.join(' ')).to.equal(ops);
        else expect(made.length).to.be.at.most(ops);
        expect(tf.memory().numTensors).to.equal(before);
      }
    });
  }
});
