/** Every function of `@chaingrad/core`: what its gradients of gradients are tried on, or why it has none. */
import * as core from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import type { GradientCase, Input } from '../../support/gradient-case.ts';

/** A case, several, or the reason why there is nothing to differentiate. */
export type Row = GradientCase | readonly GradientCase[] | string;

/** -3 to 3, away from whole numbers. */
const wide: Input = { shape: [2, 3, 4], scale: 1 / 4 };
/** -0.75 to 0.75. */
const small: Input = { shape: [2, 3, 4] };
const channels: Input = { shape: [4] };
const positive: Input = { shape: [4], offset: 1 };
const maps: Input = { shape: [2, 5, 4, 3], scale: 1 / 64 };
/** Values whose squares differ by more than the steps of the differences. */
const apart: Input = { ...maps, scale: 1 / 16, offset: 5 };
const filter: Input = { shape: [4, 3, 3, 2], scale: 1 / 64 };

const on = (of: (x: tf.Tensor) => tf.Tensor, x: Input = wide): GradientCase => ({
  of: of as GradientCase['of'],
  inputs: [x],
});
const volume: Input = { shape: [1, 3, 2, 2, 2] };
const onVolume = (of: (x: tf.Tensor) => tf.Tensor) => on(of, volume);

/** A layer of two units over steps of two and of one sequence; all in one list of numbers, which is small. */
const recurrent = (
  gates: number,
  of: (hx: tf.Tensor3D, layer: core.LayerWeights, xs: tf.Tensor[]) => tf.Tensor[],
): GradientCase => ({
  of: (hx, W, b, x) => {
    const ws = tf.unstack(W!);
    const bs = tf.unstack(b!);
    const ys = of(hx as tf.Tensor3D, { ws, bs }, [x!, tf.slice(x!, [0], [1])]);
    return tf.concat(ys.map((y) => tf.reshape(y, [-1])));
  },
  inputs: [
    { shape: [1, 2, 2] },
    { shape: [2 * gates, 2, 2], scale: 1 / 32 },
    { shape: [2 * gates, 2], scale: 1 / 32 },
    { shape: [2, 2] },
  ],
});

const onMaps = (of: (x: tf.Tensor4D) => tf.Tensor, x = maps) => on(of as (x: tf.Tensor) => tf.Tensor, x);

/** Two inputs of one shape whose differences are no whole numbers. */
const pair = (of: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor): GradientCase => ({
  of: of as GradientCase['of'],
  inputs: [wide, { ...wide, offset: 1 / 16 }],
});

const labels = (values: number[], shape = [values.length]) => tf.tensor(values, shape, 'int32');

/** x, gamma and beta. */
const normalized = (of: (x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) => tf.Tensor): GradientCase => ({
  of: of as GradientCase['of'],
  inputs: [wide, positive, channels],
});

const convolution = (
  of: (x: tf.Tensor4D, W: tf.Tensor4D, b: tf.Tensor1D) => tf.Tensor,
  W: Input,
  out: number,
  x = maps,
): GradientCase => ({ of: of as unknown as GradientCase['of'], inputs: [x, W, { shape: [out], scale: 3 }] });

const scores: Input = { shape: [3, 4], scale: 1 / 4 };
const classes = [2, -1, 0];

/** Two regions on maps of 5 x 4 pixels, in half pixels. */
const corners = [1, 0, 6, 7, 2, 3, 9, 5];
const regions = { outsize: 2, spatialScale: 0.5 };

export const rows: Readonly<Record<string, Row>> = {
  absoluteError: pair(core.absoluteError),
  accuracy: 'counts: it has no gradient',
  average: [
    on((x) => core.average(x, { axis: [0, 2] })),
    {
      of: (x, weights) => core.average(x!, { axis: 1, weights: weights! }),
      inputs: [wide, { shape: [3], offset: 1 }],
    },
  ],
  averagePooling2D: onMaps((x) => core.averagePooling2D(x, { ksize: 3, stride: 2, pad: 1 })),
  batchNormalization: [
    normalized((x, gamma, beta) => core.batchNormalization(x, gamma, beta).y),
    on((x) => core.batchNormalization(x, null, null, { axis: [1, 2], eps: 0.1 }).y),
    on((x) => core.batchNormalization(x, null, null).variance),
    on((x) => core.batchNormalization(x, null, null).mean),
  ],
  bias: { of: (x, y) => core.bias(x!, y!, 1), inputs: [wide, { shape: [3] }] },
  clippedRelu: on((x) => core.clippedRelu(x, 1.5)),
  convolution2D: [
    convolution(
      (x, W, b) => core.convolution2D(x, W, b, { pad: 1, stride: 2, activation: 'relu' }),
      { ...filter, shape: [4, 3, 3, 2] },
      4,
    ),
    convolution(
      (x, W, b) => core.convolution2D(x, W, b, { pad: 'same' }),
      { ...filter, shape: [2, 3, 3, 3] },
      2,
    ),
  ],
  deconvolution2D: convolution(
    (x, W, b) => core.deconvolution2D(x, W, b, { stride: 2, pad: 1 }),
    { ...filter, shape: [3, 2, 3, 3] },
    2,
  ),
  separableConvolution2D: convolution(
    (x, W, b) =>
      core.separableConvolution2D(
        x,
        [tf.transpose(tf.slice(W, 0, 1), [1, 0, 2, 3]), null, { pad: 1, groups: 3 }],
        [tf.slice(W, [1, 0, 1, 1], [2, 3, 1, 1]), b, {}],
      ),
    { ...filter, shape: [3, 3, 3, 3] },
    2,
  ),
  depthwiseConvolution2D: convolution(
    (x, W, b) => core.depthwiseConvolution2D(x, W, b, { pad: 1 }),
    { ...filter, shape: [2, 3, 3, 3] },
    6,
  ),
  dilatedConvolution2D: convolution(
    (x, W, b) => core.dilatedConvolution2D(x, W, b, { dilate: 2, pad: 2 }),
    { ...filter, shape: [2, 3, 3, 3] },
    2,
  ),
  dropout: on((x) => {
    const mask = tf.tensor(
      Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? 0 : 1.5)),
      [2, 3, 4],
    );
    return core.dropout(tf.square(x), 1 / 3, { mask });
  }),
  dropoutMask: 'draws numbers',
  elu: [on((x) => core.elu(x)), on((x) => core.elu(x, 0.7))],
  embedId: [
    { of: (W) => core.embedId(labels([1, 0, 1]), tf.square(W!) as tf.Tensor2D), inputs: [{ shape: [3, 2] }] },
    {
      of: (W) => core.embedId(labels([2, 7, 1]), tf.square(W!) as tf.Tensor2D, 7),
      inputs: [{ shape: [3, 2] }],
    },
  ],
  fixedBatchNormalization: [undefined, [1, 2]].map((axis): GradientCase => {
    const statistics = { shape: [axis === undefined ? 4 : 2] };
    return {
      of: (x, gamma, beta, mean, variance) =>
        core.fixedBatchNormalization(x!, gamma!, beta!, mean!, variance!, { axis }),
      inputs: [
        axis === undefined ? wide : { ...wide, shape: [2, 3, 4] },
        { ...statistics, offset: 1 },
        statistics,
        statistics,
        { ...statistics, offset: 1 },
      ],
    };
  }),
  getConvOutsize: 'gives a size',
  getDeconvOutsize: 'gives a size',
  getItem: on((x) => core.getItem(tf.square(x), '...', { step: -1 }, [2, 0, 2])),
  globalAveragePooling2D: onMaps((x) => core.globalAveragePooling2D(x)),
  groupNormalization: normalized((x, gamma, beta) => core.groupNormalization(x, 2, gamma, beta, 0.1)),
  hardSigmoid: on((x) => core.hardSigmoid(x)),
  hinge: (['L1', 'L2'] as const).map((norm) =>
    on((x) => core.hinge(x as tf.Tensor2D, labels([2, 1, 0]) as tf.Tensor1D, { norm }), {
      shape: [3, 4],
      scale: 3 / 16,
    }),
  ),
  huberLoss: [pair((x, t) => core.huberLoss(x, t, 0.6)), pair((x, t) => core.huberLoss(x, t, 0.6, 'no'))],
  layerNormalization: normalized((x, gamma, beta) => core.layerNormalization(x, gamma, beta, 0.1)),
  leakyRelu: on((x) => core.leakyRelu(x)),
  linear: {
    of: (x, W, b) => core.linear(x!, W as tf.Tensor2D, b as tf.Tensor1D),
    inputs: [{ shape: [2, 3, 2, 2] }, { shape: [3, 12] }, { shape: [3] }],
  },
  localResponseNormalization: onMaps((x) => core.localResponseNormalization(x, { n: 3, k: 1, alpha: 0.5 })),
  logSoftmax: [on((x) => core.logSoftmax(x)), on((x) => core.logSoftmax(x, 1))],
  logsumexp: [on((x) => core.logsumexp(x)), on((x) => core.logsumexp(x, [0, 2]))],
  maxPooling2D: onMaps((x) => core.maxPooling2D(tf.square(x), { ksize: 3, stride: 2, pad: 1 }), apart),
  meanAbsoluteError: pair(core.meanAbsoluteError),
  meanSquaredError: pair(core.meanSquaredError),
  moveaxis: on((x) => core.moveaxis(tf.square(x), 0, 2)),
  normalize: [on((x) => core.normalize(x)), on((x) => core.normalize(x, { axis: [0, 1], eps: 0.1 }))],
  relu: on((x) => core.relu(x)),
  relu6: on((x) => core.relu6(tf.mul(x, 4))),
  repeatElements: on((x) => core.repeatElements(tf.square(x), 2, 1)),
  resizeImages: onMaps((x) => core.resizeImages(tf.square(x), [3, 7])),
  roiAverageAlign2D: onMaps((x) => core.roiAverageAlign2D(tf.square(x), corners, [1, 0], regions)),
  roiAveragePooling2D: onMaps((x) => core.roiAveragePooling2D(tf.square(x), corners, [1, 0], regions)),
  roiMaxAlign2D: onMaps((x) => core.roiMaxAlign2D(tf.square(x), corners, [1, 0], regions), apart),
  roiMaxPooling2D: onMaps((x) => core.roiMaxPooling2D(tf.square(x), corners, [1, 0], regions), apart),
  roiPooling2D: onMaps(
    (x) => core.roiPooling2D(tf.square(x), [1, 0, 1, 7, 6, 0, 3, 2, 5, 9], regions),
    apart,
  ),
  rollaxis: on((x) => core.rollaxis(tf.square(x), 2)),
  scale: { of: (x, y) => core.scale(x!, y!, 1), inputs: [wide, { shape: [3] }] },
  selectItem: on((x) => core.selectItem(tf.square(x), labels([0, 3, 1, 1, 2, 0], [2, 3]))),
  selu: on((x) => core.selu(x)),
  sigmoid: on((x) => core.sigmoid(x)),
  sigmoidCrossEntropy: (['mean', 'no'] as const).flatMap((reduce) =>
    [true, false].map((normalize) =>
      on(
        (x) =>
          core.sigmoidCrossEntropy(x, labels([1, 0, -1, 1, 0, 0, 1, 1, -1, 0, 1, 0], [3, 4]), {
            reduce,
            normalize,
          }),
        scores,
      ),
    ),
  ),
  softmax: [on((x) => core.softmax(x)), on((x) => core.softmax(x, 0))],
  softmaxCrossEntropy: (['mean', 'no'] as const).flatMap((reduce) =>
    [null, [0.5, 1, 2, 0.25]].map((classWeight) =>
      on((x) => core.softmaxCrossEntropy(x, labels(classes), { reduce, classWeight }), scores),
    ),
  ),
  softplus: [on((x) => core.softplus(x)), on((x) => core.softplus(x, 2))],
  squaredError: pair(core.squaredError),
  swapaxes: on((x) => core.swapaxes(tf.square(x), 0, 2)),
  tanh: on((x) => core.tanh(x)),
  unpooling2D: onMaps((x) => core.unpooling2D(tf.square(x), { ksize: 3, stride: 2, pad: 1 })),
  withGradient: [
    // x^2 / 2 exp(x), whose gradient looks at the value, at one made inside, and at a tensor from outside.
    on((x) => {
      const half = tf.mul(x, 0.5);
      return core.withGradient(
        x,
        (t) => {
          const inside = tf.exp(t);
          const value = tf.mul(tf.mul(t, half), inside);
          return { value, save: [value, inside, half] };
        },
        (dy, [value, inside, half]) => tf.mul(dy, tf.add(value, tf.mul(tf.mul(half, 2), inside))),
      );
    }, small),
    {
      of: (a, b) =>
        core.withGradient(
          [a!, b!],
          (s, t) => {
            const e = tf.exp(t);
            return { value: tf.mul(s, e), save: [e, s] };
          },
          (dy, [e, s]) => [tf.mul(dy, e), tf.mul(dy, tf.mul(s, e))],
        ),
      inputs: [small, { ...small, offset: 1 / 64 }],
    },
  ],
  averagePooling1D: on((x) =>
    core.averagePooling1D(tf.square(x) as tf.Tensor3D, { ksize: 2, stride: 1, pad: 1 }),
  ),
  averagePooling3D: onVolume((x) => core.averagePooling3D(tf.square(x) as tf.Tensor5D, { ksize: 2 })),
  batchL2NormSquared: on(core.batchL2NormSquared),
  bernoulliNLL: pair((x, y) => core.bernoulliNLL(x, y)),
  bilinear: {
    of: (...xs) => {
      const [e1, e2, W, V1, V2, b] = xs as [
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor3D,
        tf.Tensor2D,
        tf.Tensor2D,
        tf.Tensor1D,
      ];
      return core.bilinear(e1, e2, W, { V1, V2, b });
    },
    inputs: [[2, 3], [2, 2], [3, 2, 2], [3, 2], [2, 2], [2]].map((shape) => ({ shape })),
  },
  binaryAccuracy: 'counts: it has no gradient',
  classificationSummary: 'counts: it has no gradient',
  connectionistTemporalClassification: {
    of: (...xs) =>
      core.connectionistTemporalClassification(
        xs as tf.Tensor2D[],
        tf.tensor2d([1, 1, 2, 1], [2, 2], 'int32'),
        0,
        { inputLength: [4, 3], labelLength: [2, 1] },
      ),
    inputs: Array.from({ length: 4 }, (_, i) => ({ shape: [2, 3], offset: i / 32 })),
  },
  contrastive: {
    of: (a, b) =>
      core.contrastive(a as tf.Tensor2D, b as tf.Tensor2D, labels([1, 0, 0]) as tf.Tensor1D, { margin: 3 }),
    inputs: [scores, { ...scores, offset: 1 / 16 }],
  },
  convolution1D: {
    of: (x, W, b) =>
      core.convolution1D(x as tf.Tensor3D, W as tf.Tensor3D, b as tf.Tensor1D, { stride: 2, pad: 1 }),
    inputs: [small, { shape: [2, 4, 3] }, { shape: [2] }],
  },
  convolution3D: {
    of: (x, W, b) =>
      core.convolution3D(x as tf.Tensor5D, W as tf.Tensor5D, b as tf.Tensor1D, {
        stride: [2, 1, 1],
        pad: 1,
        groups: 2,
      }),
    inputs: [volume, { shape: [2, 1, 2, 2, 2] }, { shape: [2] }],
  },
  crelu: on((x) => core.crelu(tf.square(x))),
  crossCovariance: {
    of: (y, z) => core.crossCovariance(y as tf.Tensor2D, z as tf.Tensor2D),
    inputs: [{ shape: [3, 2] }, { shape: [3, 3] }],
  },
  deconvolution1D: {
    of: (x, W, b) =>
      core.deconvolution1D(x as tf.Tensor3D, W as tf.Tensor3D, b as tf.Tensor1D, { stride: 2, pad: 1 }),
    inputs: [small, { shape: [4, 2, 3] }, { shape: [2] }],
  },
  deconvolution3D: {
    of: (x, W, b) =>
      core.deconvolution3D(x as tf.Tensor5D, W as tf.Tensor5D, b as tf.Tensor1D, {
        stride: [2, 1, 1],
        groups: 2,
      }),
    inputs: [volume, { shape: [2, 1, 2, 2, 2] }, { shape: [2] }],
  },
  decov: on((h) => core.decov(h as tf.Tensor2D), { shape: [3, 2] }),
  depth2space: onMaps((x) => core.depth2space(tf.square(x), 2), { ...maps, shape: [1, 2, 2, 4] }),
  diagonal: on((x) => core.diagonal(tf.square(x), -1)),
  erfc: on(core.erfc, small),
  fix: 'a step: its gradient is zero',
  fmod: pair((x, y) => core.fmod(x, tf.add(tf.square(y), 1))),
  forget: 'refuses: its gradient is computed anew, out of sight',
  gaussian: pair((m, v) => core.gaussian(m, v, { eps: tf.ones([2, 3, 4]) })),
  gaussianKLDivergence: pair((m, v) => core.gaussianKLDivergence(m, v)),
  gaussianNLL: {
    of: (x, m, v) => core.gaussianNLL(x!, m!, v!),
    inputs: [small, { ...small, offset: 1 / 32 }, small],
  },
  gelu: [on((x) => core.gelu(x), small), on((x) => core.gelu(x, 'tanh'), small)],
  gumbelSoftmax: on((x) => core.gumbelSoftmax(x, 0.7, { noise: tf.zeros([2, 3, 4]) })),
  linearInterpolate: {
    of: (p, x, y) => core.linearInterpolate(p!, x!, y!),
    inputs: [small, { ...small, offset: 1 / 32 }, small],
  },
  log10: on((x) => core.log10(x), { shape: [4], offset: 2 }),
  log2: on((x) => core.log2(x), { shape: [4], offset: 2 }),
  lstm: {
    of: (c, x) => tf.concat(core.lstm(c!, x!).map((y) => tf.reshape(y, [-1]))),
    inputs: [{ shape: [3, 2] }, { shape: [2, 8] }],
  },
  maxPooling1D: on((x) => core.maxPooling1D(tf.square(x) as tf.Tensor3D, { ksize: 2 }), {
    shape: [2, 3, 4],
    offset: 5,
  }),
  maxPooling2DIndices: 'gives places',
  maxPooling3D: on((x) => core.maxPooling3D(tf.square(x) as tf.Tensor5D, { ksize: 2 }), {
    ...volume,
    offset: 5,
  }),
  maxout: on((x) => core.maxout(tf.square(x), 2), { shape: [2, 3, 4], offset: 5 }),
  nStepGRU: recurrent(3, (hx, layer, xs) => core.nStepGRU(hx, [layer], xs).flat()),
  nStepLSTM: recurrent(4, (hx, layer, xs) => core.nStepLSTM(hx, hx, [layer], xs).flat()),
  nStepRNN: recurrent(1, (hx, layer, xs) => core.nStepRNN(hx, [layer], xs).flat()),
  ndtr: on(core.ndtr, small),
  oneHot: 'takes indices',
  padSequence: {
    of: (x, y) => core.padSequence([tf.square(x!), y!], { padding: 1 }),
    inputs: [{ shape: [3, 2] }, { shape: [1, 2] }],
  },
  permutate: on((x) => core.permutate(tf.square(x), [2, 0, 1], { axis: 1 })),
  prelu: { of: (x, W) => core.prelu(x!, W!), inputs: [wide, channels] },
  r2Score: 'measures: nothing is trained by it',
  rrelu: on((x) => core.rrelu(tf.square(x), { r: tf.fill([2, 3, 4], 0.2) })),
  scaledDotProductAttention: {
    of: (q, k, v) =>
      core.scaledDotProductAttention(q!, k!, v!, { mask: tf.tensor2d([1, 0, 1, 1, 1, 0], [2, 3]) }),
    inputs: [{ shape: [1, 2, 3] }, { shape: [1, 3, 3] }, { shape: [1, 3, 2] }],
  },
  scatterAdd: {
    of: (x, y) => core.scatterAdd(x!, labels([2, 0, 2]) as tf.Tensor1D, tf.square(y!)),
    inputs: [{ shape: [4, 2] }, { shape: [3, 2] }],
  },
  slstm: {
    of: (c, x) => tf.concat(core.slstm(c!, tf.square(c!), x!, tf.neg(x!)).map((y) => tf.reshape(y, [-1]))),
    inputs: [{ shape: [2, 2] }, { shape: [2, 8] }],
  },
  space2depth: onMaps((x) => core.space2depth(tf.square(x), 2), { ...maps, shape: [1, 2, 4, 2] }),
  spatialPyramidPooling2D: onMaps((x) => core.spatialPyramidPooling2D(tf.square(x), 2), apart),
  spatialTransformerGrid: on((t) => core.spatialTransformerGrid(tf.square(t) as tf.Tensor3D, [2, 3]), {
    shape: [2, 2, 3],
  }),
  spatialTransformerSampler: {
    of: (x, grid) => core.spatialTransformerSampler(x as tf.Tensor4D, grid as tf.Tensor4D),
    inputs: [
      { ...maps, shape: [1, 5, 4, 2] },
      { shape: [1, 2, 2, 2], offset: 0.1, scale: 0.11 },
    ],
  },
  sumTo: on((x) => core.sumTo(tf.square(x), [3, 1])),
  swish: [on((x) => core.swish(x)), { of: (x, beta) => core.swish(x!, beta!), inputs: [wide, channels] }],
  tensordot: {
    of: (a, b) =>
      core.tensordot(a!, b!, [
        [2, 0],
        [0, 1],
      ]),
    inputs: [{ shape: [2, 2, 3] }, { shape: [3, 2, 2] }],
  },
  transposeSequence: {
    of: (x, y) => tf.concat(core.transposeSequence([tf.square(x!), y!]), 0),
    inputs: [{ shape: [3, 2] }, { shape: [1, 2] }],
  },
  treeLstm: {
    of: (c, x) => tf.concat(core.treeLstm([c!, tf.square(c!)], x!), 0),
    inputs: [{ shape: [2, 2] }, { shape: [2, 10] }],
  },
  triplet: {
    of: (a, p, n) => core.triplet(a as tf.Tensor2D, p as tf.Tensor2D, n as tf.Tensor2D, { margin: 3 }),
    inputs: [scores, { ...scores, offset: 1 / 16 }, scores],
  },
  upsampling2D: onMaps(
    (x) =>
      core.upsampling2D(tf.square(x), tf.tensor4d([0, 3, 8, 1], [1, 2, 2, 1], 'int32'), {
        ksize: 3,
        stride: 2,
      }),
    { ...maps, shape: [1, 2, 2, 1] },
  ),
  zoneout: pair((h, x) =>
    core.usingConfig('train', true, () =>
      core.zoneout(tf.square(h), x, 0.5, {
        mask: tf.tensor(
          Array.from({ length: 24 }, (_, i) => i % 2),
          [2, 3, 4],
        ),
      }),
    ),
  ),
};
