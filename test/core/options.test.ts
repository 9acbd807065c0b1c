/** Options are checked everywhere, as JavaScript passes them: unknown names, and values of another kind. */
import '@tensorflow/tfjs-backend-cpu';
import * as core from '@chaingrad/core';
import { checkOptions, nearestName, UnknownOptionError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { thrown } from '../support/errors.ts';
import { describeMistakes, describeOptions, type OptionTable } from '../support/option-tables.ts';

/** The weights of a layer of one unit, of x and of h. */
const layer = (gates: number): core.LayerWeights => ({
  ws: Array.from({ length: 2 * gates }, () => tf.ones([1, 1])),
  bs: Array.from({ length: 2 * gates }, () => tf.ones([1])),
});

/** What takes options, called with them. */
const takers: OptionTable = {
  Bilinear: (o) => new core.Bilinear(2, 2, 2, o),
  Convolution1D: (o) => new core.Convolution1D(2, 2, 3, o),
  Convolution3D: (o) => new core.Convolution3D(2, 2, 3, o),
  Deconvolution1D: (o) => new core.Deconvolution1D(2, 2, 3, o),
  Deconvolution3D: (o) => new core.Deconvolution3D(2, 2, 3, o),
  GroupNormalization: (o) => new core.GroupNormalization(1, 2, o),
  Highway: (o) => new core.Highway(2, o),
  LayerNormalization: (o) => new core.LayerNormalization(2, o),
  Maxout: (o) => new core.Maxout(2, 2, 2, o),
  MultiHeadAttention: (o) => new core.MultiHeadAttention(2, 1, o),
  NStepBiGRU: (o) => new core.NStepBiGRU(1, 2, 2, o),
  NStepBiLSTM: (o) => new core.NStepBiLSTM(1, 2, 2, o),
  NStepGRU: (o) => new core.NStepGRU(1, 2, 2, o),
  NStepLSTM: (o) => new core.NStepLSTM(1, 2, 2, o),
  NStepRNNTanh: (o) => new core.NStepRNNTanh(1, 2, 2, o),
  PReLU: (o) => new core.PReLU([], o),
  Swish: (o) => new core.Swish([], o),
  averagePooling1D: (o) => core.averagePooling1D(tf.ones([1, 4, 1]), o),
  averagePooling3D: (o) => core.averagePooling3D(tf.ones([1, 2, 2, 2, 1]), o),
  bernoulliNLL: (o) => core.bernoulliNLL(tf.ones([2]), tf.ones([2]), o),
  classificationSummary: (o) => core.classificationSummary(tf.ones([1, 2]), tf.tensor1d([0], 'int32'), o),
  connectionistTemporalClassification: (o) =>
    core.connectionistTemporalClassification([tf.ones([1, 2])], tf.tensor2d([[1]], [1, 1], 'int32'), 0, o),
  contrastive: (o) => core.contrastive(tf.ones([1, 2]), tf.ones([1, 2]), tf.tensor1d([0], 'int32'), o),
  convolution1D: (o) => core.convolution1D(tf.ones([1, 4, 1]), tf.ones([1, 1, 1]), null, o),
  convolution3D: (o) => core.convolution3D(tf.ones([1, 2, 2, 2, 1]), tf.ones([1, 1, 1, 1, 1]), null, o),
  deconvolution1D: (o) => core.deconvolution1D(tf.ones([1, 4, 1]), tf.ones([1, 1, 1]), null, o),
  deconvolution3D: (o) => core.deconvolution3D(tf.ones([1, 2, 2, 2, 1]), tf.ones([1, 1, 1, 1, 1]), null, o),
  gaussian: (o) => core.gaussian(tf.ones([2]), tf.ones([2]), o),
  gaussianKLDivergence: (o) => core.gaussianKLDivergence(tf.ones([2]), tf.ones([2]), o),
  gaussianNLL: (o) => core.gaussianNLL(tf.ones([2]), tf.ones([2]), tf.ones([2]), o),
  gumbelSoftmax: (o) => core.gumbelSoftmax(tf.ones([2]), 0.1, o),
  maxPooling1D: (o) => core.maxPooling1D(tf.ones([1, 4, 1]), o),
  maxPooling2DIndices: (o) => core.maxPooling2DIndices(tf.ones([1, 4, 4, 1]), o),
  maxPooling3D: (o) => core.maxPooling3D(tf.ones([1, 2, 2, 2, 1]), o),
  nStepGRU: (o) => core.nStepGRU(tf.ones([1, 1, 1]), [layer(3)], [tf.ones([1, 1])], o),
  nStepLSTM: (o) => core.nStepLSTM(tf.ones([1, 1, 1]), tf.ones([1, 1, 1]), [layer(4)], [tf.ones([1, 1])], o),
  nStepRNN: (o) => core.nStepRNN(tf.ones([1, 1, 1]), [layer(1)], [tf.ones([1, 1])], o),
  padSequence: (o) => core.padSequence([tf.ones([2])], o),
  permutate: (o) => core.permutate(tf.ones([2]), [1, 0], o),
  r2Score: (o) => core.r2Score(tf.ones([2]), tf.ones([2]), o),
  resizeImages: (o) => core.resizeImages(tf.ones([1, 4, 4, 1]), [2, 2], o),
  roiAverageAlign2D: (o) => core.roiAverageAlign2D(tf.ones([1, 4, 4, 1]), [0, 0, 2, 2], [0], o),
  roiAveragePooling2D: (o) => core.roiAveragePooling2D(tf.ones([1, 4, 4, 1]), [0, 0, 2, 2], [0], o),
  roiMaxAlign2D: (o) => core.roiMaxAlign2D(tf.ones([1, 4, 4, 1]), [0, 0, 2, 2], [0], o),
  roiMaxPooling2D: (o) => core.roiMaxPooling2D(tf.ones([1, 4, 4, 1]), [0, 0, 2, 2], [0], o),
  roiPooling2D: (o) => core.roiPooling2D(tf.ones([1, 4, 4, 1]), [0, 0, 0, 2, 2], o),
  rrelu: (o) => core.rrelu(tf.ones([2]), o),
  scaledDotProductAttention: (o) =>
    core.scaledDotProductAttention(tf.ones([2, 2]), tf.ones([2, 2]), tf.ones([2, 2]), o),
  triplet: (o) => core.triplet(tf.ones([1, 2]), tf.ones([1, 2]), tf.ones([1, 2]), o),
  upsampling2D: (o) => core.upsampling2D(tf.ones([1, 2, 2, 1]), tf.zeros([1, 2, 2, 1], 'int32'), o),
  zoneout: (o) => core.zoneout(tf.ones([2]), tf.ones([2]), 0.5, o),
  BatchNormalization: (o) => new core.BatchNormalization(2, o),
  Bias: (o) => new core.Bias([2], o),
  Classifier: (o) => new core.Classifier(new core.Linear(1, 1), o),
  Conv2DActiv: (o) => new core.Conv2DActiv(2, 2, 3, o),
  Conv2DBNActiv: (o) => new core.Conv2DBNActiv(2, 2, 3, o),
  Convolution2D: (o) => new core.Convolution2D(2, 2, 3, o),
  Deconvolution2D: (o) => new core.Deconvolution2D(2, 2, 3, o),
  DepthwiseConvolution2D: (o) => new core.DepthwiseConvolution2D(2, 2, 3, o),
  DilatedConvolution2D: (o) => new core.DilatedConvolution2D(2, 2, 3, o),
  EmbedID: (o) => new core.EmbedID(2, 2, o),
  Linear: (o) => new core.Linear(2, 2, o),
  Normalize: (o) => new core.Normalize(2, o),
  Scale: (o) => new core.Scale([2], o),
  SeparableConv2DBNActiv: (o) => new core.SeparableConv2DBNActiv(2, 2, 3, o),
  averagePooling2D: (o) => core.averagePooling2D(tf.ones([1, 4, 4, 1]), o),
  batchNormalization: (o) => core.batchNormalization(tf.ones([2, 2]), null, null, o),
  convolution2D: (o) => core.convolution2D(tf.ones([1, 4, 4, 1]), tf.ones([1, 1, 1, 1]), null, o),
  deconvolution2D: (o) => core.deconvolution2D(tf.ones([1, 4, 4, 1]), tf.ones([1, 1, 1, 1]), null, o),
  depthwiseConvolution2D: (o) =>
    core.depthwiseConvolution2D(tf.ones([1, 4, 4, 1]), tf.ones([1, 1, 1, 1]), null, o),
  dilatedConvolution2D: (o) =>
    core.dilatedConvolution2D(tf.ones([1, 4, 4, 1]), tf.ones([1, 1, 1, 1]), null, o),
  separableConvolution2D: (o) => {
    const depthwise = [tf.ones<tf.Rank.R4>([1, 1, 1, 1]), null, {}] as const;
    return core.separableConvolution2D(tf.ones([1, 4, 4, 1]), depthwise, [tf.ones([1, 1, 1, 1]), null, o]);
  },
  average: (o) => core.average(tf.ones([2]), o),
  dropout: (o) => core.dropout(tf.ones([2]), 0.5, o),
  dropoutMask: (o) => core.dropoutMask([2], o),
  fixedBatchNormalization: (o) =>
    core.fixedBatchNormalization(tf.ones([2, 2]), null, null, tf.ones([2]), tf.ones([2]), o),
  hinge: (o) => core.hinge(tf.ones([1, 2]), tf.tensor1d([0], 'int32'), o),
  linear: (o) => core.linear(tf.ones([1, 2]), tf.ones([1, 2]), null, o),
  localResponseNormalization: (o) => core.localResponseNormalization(tf.ones([1, 2, 2, 1]), o),
  maxPooling2D: (o) => core.maxPooling2D(tf.ones([1, 4, 4, 1]), o),
  normalize: (o) => core.normalize(tf.ones([2, 2]), o),
  sigmoidCrossEntropy: (o) => core.sigmoidCrossEntropy(tf.ones([2]), tf.tensor1d([0, 1], 'int32'), o),
  softmaxCrossEntropy: (o) => core.softmaxCrossEntropy(tf.ones([1, 2]), tf.tensor1d([0], 'int32'), o),
  unpooling2D: (o) => core.unpooling2D(tf.ones([1, 4, 4, 1]), o),
  GradientLARS: (o) => new core.GradientLARS(o),
  'Optimizer.addHook': [
    'SGD.addHook',
    (o) => new core.SGD().setup(new core.Link()).addHook(new core.Lasso(1), o),
  ],
  'Optimizer.configure': [
    'SGD.configure',
    (o) => new core.SGD().setup(new core.Linear(1, 1)).configure('W', o),
  ],
  'UpdateRule.addHook': ['.addHook', (o) => new core.SGD().createUpdateRule().addHook(new core.Lasso(1), o)],
  transferParams: (o) => core.transferParams(new core.Linear(1, 1), new core.Linear(1, 1), o),
  useBackend: (o) => core.useBackend('cpu', o),
  SGD: (o) => new core.SGD(o),
  MomentumSGD: (o) => new core.MomentumSGD(o),
  NesterovAG: (o) => new core.NesterovAG(o),
  CorrectedMomentumSGD: (o) => new core.CorrectedMomentumSGD(o),
  Adam: (o) => new core.Adam(o),
  AdamW: (o) => new core.AdamW(o),
  AMSGrad: (o) => new core.AMSGrad(o),
  AdaBound: (o) => new core.AdaBound(o),
  AMSBound: (o) => new core.AMSBound(o),
  AdaGrad: (o) => new core.AdaGrad(o),
  AdaDelta: (o) => new core.AdaDelta(o),
  RMSprop: (o) => new core.RMSprop(o),
  RMSpropGraves: (o) => new core.RMSpropGraves(o),
  SMORMS3: (o) => new core.SMORMS3(o),
  Normal: (o) => new core.Normal(1, o),
  Uniform: (o) => new core.Uniform(1, o),
  LeCunNormal: (o) => new core.LeCunNormal(1, o),
  GlorotNormal: (o) => new core.GlorotNormal(1, o),
  HeNormal: (o) => new core.HeNormal(1, o),
  LeCunUniform: (o) => new core.LeCunUniform(1, o),
  GlorotUniform: (o) => new core.GlorotUniform(1, o),
  HeUniform: (o) => new core.HeUniform(1, o),
  Orthogonal: (o) => new core.Orthogonal(1, o),
};

const convolution = (options: never) => new core.Convolution2D(2, 2, 3, options);
const linear = (options: never) => new core.Linear(2, 2, options);
const transfer = (options: never) =>
  core.transferParams(new core.Linear(1, 1), new core.Linear(1, 1), options);

describe('options', () => {
  before(() => tf.setBackend('cpu'));

  describeOptions('core', takers, ['checkOptions', 'pickOptions']);

  const mistakes: [call: () => unknown, text: string][] = [
    [() => convolution({ padding: 1 } as never), "got 'padding'. Did you mean 'pad'?"],
    [() => convolution({ strides: 1 } as never), "Did you mean 'stride'?"],
    [() => convolution({ dilation: 1 } as never), "Did you mean 'dilate'?"],
    [() => convolution({ noBias: true } as never), "Did you mean 'nobias'?"],
    [() => linear({ no_bias: true } as never), "Did you mean 'nobias'?"],
    [() => new core.BatchNormalization(2, { epsilon: 1 } as never), "Did you mean 'eps'?"],
    [() => core.maxPooling2D(tf.ones([1, 4, 4, 1]), { kSize: 2 } as never), "Did you mean 'ksize'?"],
    [() => new core.Adam({ Alpha: 2 } as never), "Did you mean 'alpha'?"],
    [() => new core.MomentumSGD({ momentumm: 2 } as never), "Did you mean 'momentum'?"],
    [() => new core.Conv2DActiv(2, 2, 3, { activation: core.relu } as never), "Did you mean 'activ'?"],
    [() => convolution({ groups: '2' } as never), "Convolution2D groups: expected a number, got '2'"],
    [() => convolution({ pad: '1' } as never), "or a pair (y, x) of them, got '1'"],
    [() => convolution({ stride: '2' } as never), 'Convolution2D stride: expected an integer of at least 1'],
    [() => linear({ nobias: 'false' } as never), "Linear nobias: expected true or false, got 'false'"],
    [() => linear({ nobias: 0 } as never), 'Linear nobias: expected true or false, got 0'],
    [() => linear({ initialW: 'he' } as never), "an Initializer, a number, a tensor or an array, got 'he'"],
    [() => new core.SGD({ lr: '0.1' } as never), "SGD lr: expected a number, got '0.1'"],
    [
      () => core.hinge(tf.ones([1, 2]), tf.tensor1d([0], 'int32'), { norm: 'L3' } as never),
      "hinge norm: expected 'L1' | 'L2', got 'L3'",
    ],
    [
      () => core.getItem(tf.ones([2]), { stopp: 1 } as never),
      "getItem range: expected an option of start, stop, step, got 'stopp'",
    ],
    [() => transfer({ strict: false } as never), "got 'strict'. Did you mean match: 'exact' | 'common'?"],
    [() => transfer({ ignoreNames: /b/ } as never), "Did you mean 'ignore'?"],
    [() => transfer({ path: 'a' } as never), "Did you mean 'at'?"],
    [() => transfer({ onMissing: 'skip' } as never), "Did you mean match: 'common'?"],
    [() => transfer({ onmismatch: 'skip' } as never), "Did you mean 'onMismatch'?"],
    [
      () => transfer({ match: 'all' } as never),
      "transferParams match: expected 'exact' | 'common', got 'all'",
    ],
    [() => core.useBackend('cpu', { nThreads: 2 } as never), "Did you mean 'threads'?"],
    [() => core.average(tf.ones([2]), { keepDims: 1 } as never), "Did you mean 'keepdims'?"],
    [() => new core.Linear('2' as never), "Linear outSize: expected an integer of at least 1, got '2'"],
    [
      () => new core.Linear(3, '2' as never),
      "expected an object of the options nobias, initialW, initialBias, got '2'",
    ],
    [() => new core.Convolution2D(3, 8, '3' as never), "got '3'"],
    [() => new core.EmbedID('5' as never, 2), "EmbedID inSize: expected an integer of at least 1, got '5'"],
  ];
  describeMistakes(mistakes);

  it('undefined stands for the default', () => {
    expect(new core.Convolution2D(3, 4, 3, { pad: undefined, nobias: undefined }).b).not.to.equal(null);
    expect(new core.SGD({ lr: undefined } as never).lr).to.equal(0.01);
  });

  it('names of Object.prototype are unknown too', () => {
    const options = JSON.parse('{"__proto__": 1, "constructor": 2}');
    expect(() => checkOptions('f', options as object, {})).to.throw(
      UnknownOptionError,
      'f: expected no options',
    );
  });

  it('tells what programs need', () => {
    try {
      checkOptions('f', { padding: 1 } as object, { pad: 'any', stride: 'any' } as object);
      expect.fail('nothing thrown');
    } catch (error) {
      expect(error).to.deep.include({
        where: 'f',
        option: 'padding',
        nearest: 'pad',
        known: ['pad', 'stride'],
      });
    }
    const error = thrown(() => transfer({ onMissing: 'skip' } as never), UnknownOptionError);
    expect(error.nearest).to.equal('match');
  });

  it('suggests only what is near', () => {
    expect(nearestName('zebra', ['pad', 'stride'])).to.equal(null);
    expect(nearestName('initialWeight', ['initialW', 'initialBias'])).to.equal('initialW');
  });
});
