/** Every function of core, alone in a chain: one file each, equal in ONNX Runtime at two batch sizes. */
import * as F from '@chaingrad/core';
import { exportOnnx, OnnxExportError } from '@chaingrad/onnx';
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
  /** Its work depends on the sizes: the file is of these only. */
  readonly isFixed?: boolean;
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

const sequence = floats([2, 5, 4]);
const onLine = (fn: (x: tf.Tensor3D) => unknown, ops: string | number): Case => ({
  fn,
  inputs: [sequence],
  others: [floats([3, 5, 4], 5)],
  ops,
});
const onVolume = (fn: (x: tf.Tensor5D) => unknown, ops: string | number): Case => ({
  fn,
  inputs: [floats([1, 3, 4, 5, 3])],
  others: null,
  ops,
});
/** Two steps of two sequences, from the given state on. */
const recurrent = (
  gates: number,
  of: (hx: tf.Tensor3D, layer: F.LayerWeights, xs: tf.Tensor[]) => unknown,
): Case => ({
  fn: ((hx: tf.Tensor3D) => {
    const ws = tf.unstack(W([2 * gates, 3, 3]));
    const bs = tf.unstack(W([2 * gates, 3], 4));
    return of(hx, { ws, bs }, [W([2, 3], 5), W([1, 3], 6)]);
  }) as never,
  inputs: [floats([1, 2, 3])],
  others: null,
  isFixed: true,
  ops: 60,
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
  separableConvolution2D: onImage((x) => {
    const depthwise = [W([4, 1, 3, 3]) as T4, null, { groups: 4, activation: 'relu6' }] as const;
    return F.separableConvolution2D(x, depthwise, [W([5, 4, 1, 1]) as T4, W([5]) as tf.Tensor1D, {}]);
  }, 'Transpose Conv Clip Conv Transpose'),
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
  // Overlapping windows are refused: see below.
  'maxPooling2DIndices of tiles': onImage(
    (x) => tf.cast(F.maxPooling2DIndices(x, { ksize: 2 }), 'float32'),
    12,
  ),
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
  averagePooling1D: onLine((x) => F.averagePooling1D(x, { ksize: 2 }), 6),
  averagePooling3D: onVolume((x) => F.averagePooling3D(x, { ksize: 2 }), 14),
  batchL2NormSquared: onImage((x) => F.batchL2NormSquared(x), 6),
  bernoulliNLL: withTarget((x, t) => F.bernoulliNLL(x, t), 6),
  bilinear: withTarget(
    (x, t) =>
      F.bilinear(x as tf.Tensor2D, t as tf.Tensor2D, W([5, 5, 3]) as tf.Tensor3D, {
        ...{ V1: W([5, 3]) as tf.Tensor2D, V2: W([5, 3]) as tf.Tensor2D, b: W([3]) as tf.Tensor1D },
      }),
    14,
  ),
  binaryAccuracy: withTarget((x, t) => F.binaryAccuracy(x, tf.cast(tf.greater(t, 0), 'int32')), 16),
  classificationSummary: withLabels(
    (x, t) => Object.values(F.classificationSummary(x as tf.Tensor2D, t as tf.Tensor1D)).slice(3),
    16,
  ),
  contrastive: withTarget(
    (x, t) =>
      F.contrastive(
        x as tf.Tensor2D,
        t as tf.Tensor2D,
        tf.squeeze(tf.slice(tf.greater(x, 0), [0, 0], [-1, 1]), [1]),
      ),
    24,
  ),
  convolution1D: onLine((x) => F.convolution1D(x, W([2, 4, 3]) as tf.Tensor3D, W([2]) as tf.Tensor1D), 6),
  convolution3D: onVolume((x) => F.convolution3D(x, W([2, 3, 2, 2, 2]) as tf.Tensor5D), 13),
  crelu: onImage((x) => F.crelu(x), 4),
  crossCovariance: withTarget((x, t) => F.crossCovariance(x as tf.Tensor2D, t as tf.Tensor2D), 14),
  deconvolution1D: onLine((x) => F.deconvolution1D(x, W([4, 2, 3]) as tf.Tensor3D), 6),
  deconvolution3D: onVolume((x) => F.deconvolution3D(x, W([3, 2, 2, 2, 2]) as tf.Tensor5D), 12),
  decov: onRows((x) => F.decov(x as tf.Tensor2D), 12),
  depth2space: onImage((x) => F.depth2space(x, 2), 6),
  diagonal: onImage((x) => F.diagonal(x, -1), 4),
  erfc: onRows((x) => F.erfc(x), 'Erf Sub'),
  fix: onRows((x) => F.fix(x), 'Sign Abs Floor Mul'),
  fmod: withTarget((x, t) => F.fmod(x, tf.add(tf.abs(t), 1)), 10),
  gaussian: withTarget((x, t) => F.gaussian(x, t, { eps: tf.onesLike(x) }), 10),
  gaussianKLDivergence: withTarget((x, t) => F.gaussianKLDivergence(x, t), 10),
  gaussianNLL: withTarget((x, t) => F.gaussianNLL(x, t, t), 12),
  gelu: [onRows((x) => F.gelu(x), 6), onRows((x) => F.gelu(x, 'tanh'), 10)],
  gumbelSoftmax: onRows((x) => F.gumbelSoftmax(x, 0.5, { noise: tf.zerosLike(x) }), 6),
  linearInterpolate: withTarget((x, t) => F.linearInterpolate(tf.sigmoid(x), x, t), 6),
  log10: onRows((x) => F.log10(tf.add(tf.square(x), 1)), 5),
  log2: onRows((x) => F.log2(tf.add(tf.square(x), 1)), 5),
  lstm: onRows((x) => F.lstm(x, tf.concat([x, x, x, x], 1)), 20),
  maxPooling1D: onLine((x) => F.maxPooling1D(x, { ksize: 2 }), 6),
  maxPooling3D: onVolume((x) => F.maxPooling3D(x, { ksize: 2 }), 14),
  maxout: onImage((x) => F.maxout(x, 2), 4),
  nStepGRU: recurrent(3, (hx, layer, xs) => F.nStepGRU(hx, [layer], xs).flat()),
  nStepLSTM: recurrent(4, (hx, layer, xs) => F.nStepLSTM(hx, hx, [layer], xs).flat()),
  nStepRNN: recurrent(1, (hx, layer, xs) => F.nStepRNN(hx, [layer], xs).flat()),
  ndtr: onRows((x) => F.ndtr(x), 5),
  oneHot: withLabels((_x, t) => functions.oneHot(t as tf.Tensor1D, 5), 'Cast OneHot Cast'),
  padSequence: {
    fn: ((x: T4) => F.padSequence([x, x], { length: 4 })) as never,
    inputs: [image],
    isFixed: true,
    ops: 8,
  },
  permutate: onImage((x) => F.permutate(x, [3, 0, 2, 1], { axis: 3 }), 4),
  prelu: onImage((x) => F.prelu(x, W([4])), 'PRelu'),
  r2Score: withTarget((x, t) => F.r2Score(x, t), 20),
  rrelu: onRows((x) => F.rrelu(x), 'LeakyRelu'),
  scaledDotProductAttention: onImage((x) => F.scaledDotProductAttention(x, x, x), 6),
  slstm: onRows((x) => F.slstm(x, x, tf.concat([x, x, x, x], 1), tf.concat([x, x, x, x], 1)), 40),
  space2depth: {
    fn: ((x: T4) => F.space2depth(x, 2)) as never,
    inputs: [floats([2, 6, 4, 3])],
    others: [floats([3, 6, 4, 3])],
    ops: 6,
  },
  spatialPyramidPooling2D: onImage((x) => F.spatialPyramidPooling2D(x, 2), 12),
  spatialTransformerGrid: {
    fn: ((t: tf.Tensor3D) => F.spatialTransformerGrid(t, [3, 4])) as never,
    inputs: [floats([2, 2, 3])],
    others: null,
    ops: 6,
  },
  spatialTransformerSampler: {
    fn: ((x: T4, g: T4) => F.spatialTransformerSampler(x, tf.tanh(g))) as never,
    inputs: [image, floats([2, 3, 2, 2], 3)],
    others: null,
    isFixed: true,
    ops: 130,
  },
  sumTo: onImage((x) => F.sumTo(x, [6, 1]), 4),
  swish: onImage((x) => F.swish(x, W([4])), 3),
  tensordot: onImage((x) => F.tensordot(x, W([6, 4, 3])), 4),
  transposeSequence: {
    fn: ((x: T4) => F.transposeSequence([x])) as never,
    inputs: [image],
    isFixed: true,
    ops: 6,
  },
  treeLstm: onRows((x) => F.treeLstm([x], tf.concat([x, x, x, x], 1)), 20),
  triplet: withTarget((x, t) => F.triplet(x as tf.Tensor2D, t as tf.Tensor2D, tf.neg(x) as tf.Tensor2D), 12),
  upsampling2D: onImage((x) => F.upsampling2D(x, tf.cast(tf.greater(x, 0), 'int32'), { ksize: 2 }), 14),
  zoneout: withTarget((x, t) => F.zoneout(t, x), 1),
};

/** What has no translation: the file would be of one picture. */
const refused: Record<string, readonly [fn: (x: T4) => unknown, why: string]> = {
  connectionistTemporalClassification: [
    (x) => {
      const scores = tf.mean(x, [1, 2]) as tf.Tensor2D;
      return F.connectionistTemporalClassification(
        [scores],
        tf.expandDims(tf.argMax(scores, 1), 1) as tf.Tensor2D,
        0,
      );
    },
    'gathering by batches has no operator',
  ],
  maxPooling2DIndices: [(x) => F.maxPooling2DIndices(x, { ksize: 3, stride: 2 }), 'ChaingradSparseArgMax'],
  roiAverageAlign2D: [(x) => F.roiAverageAlign2D(x, [0, 0, 4, 4], [0], regions), 'ChaingradSparseMatMul'],
  roiAveragePooling2D: [(x) => F.roiAveragePooling2D(x, [0, 0, 4, 4], [0], regions), 'ChaingradSparseMatMul'],
  roiMaxAlign2D: [(x) => F.roiMaxAlign2D(x, [0, 0, 4, 4], [0], regions), 'ChaingradSparse'],
  roiMaxPooling2D: [(x) => F.roiMaxPooling2D(x, [0, 0, 4, 4], [0], regions), 'ChaingradSparseArgMax'],
  roiPooling2D: [(x) => F.roiPooling2D(x, [0, 0, 0, 4, 4], regions), 'ChaingradSparseArgMax'],
  scatterAdd: [
    (x) => F.scatterAdd(tf.zeros([3, 7, 6, 4]), tf.tensor1d([0, 0], 'int32'), x),
    'UnsortedSegmentSum',
  ],
};
const regions = { outsize: 2, spatialScale: 1 };

/** What stands with the functions and takes no tensors, or a link. */
const others = ['dropoutMask', 'forget', 'getConvOutsize', 'getDeconvOutsize', 'withGradient'];

describe('exportOnnx of every function', () => {
  before(() => tf.setBackend('cpu'));

  it('has a case for each', () => {
    const names = Object.keys(functions).filter((name) => !others.includes(name) && !(name in refused));
    expect(names.filter((name) => !(name in cases))).to.deep.equal([]);
  });

  for (const [name, [fn, why]] of Object.entries(refused)) {
    it(`${name} is refused, with what has no translation`, async () => {
      const link = new Lambda(fn as never);
      const error = await exportOnnx(link, [image.shape], { batch: 'fixed', size: 'fixed' }).then(
        () => null,
        (e: unknown) => e,
      );
      expect(error).to.be.instanceOf(OnnxExportError);
      expect(String(error)).to.include(why);
    });
  }

  for (const [name, given] of Object.entries(cases)) {
    it(`${name}, with the fewest operators, and no tensor left`, async () => {
      for (const { fn, inputs, ops, others: more, tolerance, isFixed } of [given].flat() as Case[]) {
        const before = tf.memory().numTensors;
        const { ops: made } = await expectSame(new Lambda(fn), inputs, {
          others: more == null ? [] : [more],
          ...(tolerance === undefined ? {} : { tolerance }),
          ...(isFixed ? ({ batch: 'fixed', size: 'fixed' } as const) : {}),
        });
        if (typeof ops === 'string') expect(made.join(' ')).to.equal(ops);
        else expect(made.length).to.be.at.most(ops);
        expect(tf.memory().numTensors).to.equal(before);
      }
    });
  }
});
