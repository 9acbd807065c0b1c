/** How each case of goldens/functions_more.json is computed here. Inputs and outputs of a row are in Chainer's layout. */
import * as F from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import {
  type Attrs,
  channelsLast,
  defined,
  first,
  type Inputs,
  last,
  of,
  of2,
  type Run,
} from './golden-table.ts';

/** The attributes that these cases have besides. */
interface More extends Omit<Attrs, 'outsize' | 'axis' | 'ksize' | 'stride' | 'pad'> {
  readonly outh: number;
  readonly outw: number;
  readonly outsize: [number, number];
  readonly spatial_scale: number;
  readonly sampling_ratio?: number | [number, number] | null;
  readonly pool_size: number;
  readonly axis: number;
  readonly pyramid_height: number;
  readonly ksize: number;
  readonly stride?: number;
  readonly pad?: number;
  readonly r: number;
  readonly mode?: 'bilinear' | 'nearest';
  readonly align_corners?: boolean;
  readonly output_shape: [number, number];
  readonly padding: number;
  readonly inv?: boolean;
  readonly margin: number;
  readonly reduce: 'mean' | 'no';
  readonly t: number[][];
  readonly blank_symbol: number;
  readonly input_length: number[] | null;
  readonly label_length: number[] | null;
  readonly lengths: number[];
  readonly kind: string;
  readonly bidirectional: boolean;
  readonly soft_target_loss?: 'cross-entropy' | 'kl-divergence';
  readonly tau: number;
  readonly shape: number[];
  readonly multioutput: 'uniform_average' | 'raw_values';
}
const more = (attrs: Attrs) => attrs as unknown as More;

const region = (
  fn: (
    x: tf.Tensor4D,
    rois: ArrayLike<number>,
    indices: ArrayLike<number>,
    o: F.RoiAlignOptions,
  ) => tf.Tensor,
): Run =>
  channelsLast((x, _, a, host) => {
    const { outsize, spatial_scale: spatialScale, sampling_ratio: samplingRatio } = more(a);
    const options = { outsize, spatialScale, ...(samplingRatio === undefined ? {} : { samplingRatio }) };
    return fn(x, host('rois'), host('roi_indices'), options);
  });

/** A function of x in channels-last layout, of any rank. */
const channels =
  (fn: (x: tf.Tensor, inputs: Inputs, attrs: More) => tf.Tensor): Run =>
  (inputs, attrs) =>
    first(fn(last(inputs['x']!), inputs, more(attrs)));

const listed = (inputs: Inputs, pattern: RegExp) =>
  Object.keys(inputs)
    .filter((key) => pattern.test(key))
    .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)))
    .map((key) => inputs[key]!);

const layersOf = (inputs: Inputs): F.LayerWeights[] => {
  const layers: F.LayerWeights[] = [];
  for (let l = 0; inputs[`w${l}_0`] !== undefined; l++) {
    const own = (letter: string) =>
      Array.from({ length: 8 }, (_, i) => inputs[`${letter}${l}_${i}`]).filter((w) => w !== undefined);
    layers.push({ ws: own('w'), bs: own('b') });
  }
  return layers;
};

const nStep: Run = (inputs, attrs) => {
  const { kind, bidirectional } = more(attrs);
  const [hx, cx] = [inputs['hx'], inputs['cx']] as tf.Tensor3D[];
  const xs = listed(inputs, /^x\d$/);
  const layers = layersOf(inputs);
  if (kind === 'lstm') return F.nStepLSTM(hx!, cx!, layers, xs, { bidirectional }).flat();
  if (kind === 'gru') return F.nStepGRU(hx!, layers, xs, { bidirectional }).flat();
  const activation = kind === 'rnn_tanh' ? 'tanh' : 'relu';
  return F.nStepRNN(hx!, layers, xs, { bidirectional, activation }).flat();
};

const offset = (inputs: Inputs) => (inputs['b'] ?? null) as tf.Tensor1D | null;

const softmaxCrossEntropy: Run = ({ x, t }, a) => {
  const { soft_target_loss: softTargetLoss, class_weight: classWeight, reduce } = more(a);
  const isSoft = t!.dtype === 'float32';
  return F.softmaxCrossEntropy(
    x!.rank > 2 ? last(x!) : x!,
    isSoft && t!.rank > 2 ? last(t!) : t!,
    defined({ softTargetLoss, classWeight, reduce }),
  );
};

const train =
  (run: Run): Run =>
  (inputs, attrs, host) =>
    F.usingConfig('train', true, () => run(inputs, attrs, host));
const test =
  (run: Run): Run =>
  (inputs, attrs, host) =>
    F.usingConfig('train', false, () => run(inputs, attrs, host));

export const moreTable: Readonly<Record<string, Run>> = {
  roi_pooling_2d: channelsLast((x, _, a, host) => {
    const { outh, outw, spatial_scale: spatialScale } = more(a);
    return F.roiPooling2D(x, host('rois'), { outsize: [outh, outw], spatialScale });
  }),
  roi_average_align_2d: region(F.roiAverageAlign2D),
  roi_max_align_2d: region(F.roiMaxAlign2D),
  roi_average_pooling_2d: region(F.roiAveragePooling2D),
  roi_max_pooling_2d: region(F.roiMaxPooling2D),

  'prelu/scalar': of2Named('W', F.prelu),
  'prelu/channel': channels((x, { W }) => F.prelu(x, W!)),
  'prelu/full': channels((x, { W }) => F.prelu(x, tf.transpose(W!))),
  'maxout/axis1': of((x, a) => F.maxout(x, more(a).pool_size, 1)),
  'maxout/axis2': of((x, a) => F.maxout(x, more(a).pool_size)),
  'swish/scalar': of2Named('beta', F.swish),
  'swish/channel': channels((x, { beta }) => F.swish(x, beta!)),
  crelu: of((x) => F.crelu(x, 1)),
  relu6: of(F.relu6),
  'softplus/beta2': of((x, a) => F.softplus(x, a.beta!)),
  'rrelu/test': test(of((x) => F.rrelu(x))),
  'rrelu/train': train(({ x, 'draw/0': r }) => F.rrelu(x!, { lower: 0.1, upper: 0.4, r: r! })),
  'attention/single': ({ q, k, v }, a) =>
    F.scaledDotProductAttention(q!, k!, v!, { scale: 1 / (a as unknown as { scale: number }).scale }),
  'attention/masked': ({ q, k, v, mask }) =>
    F.scaledDotProductAttention(q!, k!, v!, { mask: mask!, scale: 1 }),
  'attention/multi_head': ({ x, W, O }, a) => {
    const { heads } = a as unknown as { heads: number };
    const [n, t, d] = x!.shape as [number, number, number];
    const split = tf.split(F.linear(x!, W as tf.Tensor2D, null, { nBatchAxes: 2 }) as tf.Tensor, 3, 2);
    const [q, k, v] = split.map((part) =>
      tf.transpose(tf.reshape(part, [n, t, heads, d / heads]), [0, 2, 1, 3]),
    );
    const merged = tf.reshape(tf.transpose(F.scaledDotProductAttention(q!, k!, v!), [0, 2, 1, 3]), [n, t, d]);
    return F.linear(merged, O as tf.Tensor2D, null, { nBatchAxes: 2 });
  },
  matmul: of2((x, y, a) =>
    x.rank === 1 ? tf.reshape(tf.matMul(tf.expandDims(x, 0), y), [-1]) : tf.matMul(x, y, a.transa, a.transb),
  ),
  'einsum/bhqd': of2((x, y) => tf.einsum('bhqd,bhkd->bhqk', x, y)),
  'einsum/trace_like': of2((x, y) => tf.einsum('ij,kj->ik', x, y)),
  'tensordot/2': of2((x, y) => F.tensordot(x, y)),
  'tensordot/pairs': of2((x, y) =>
    F.tensordot(x, y, [
      [2, 0],
      [0, 1],
    ]),
  ),

  'lstm/4d': ({ c_prev: c, x }) => F.lstm(last(c!), last(x!)).map(first),
  lstm: ({ c_prev: c, x }) => F.lstm(c!, x!),
  slstm: ({ c1, c2, x1, x2 }) => F.slstm(c1!, c2!, x1!, x2!),
  'tree_lstm/2': ({ c1, c2, x }) => F.treeLstm([c1!, c2!], x!),
  n_step_lstm: nStep,
  n_step_bilstm: nStep,
  n_step_gru: nStep,
  n_step_bigru: nStep,
  n_step_rnn: nStep,
  n_step_birnn: nStep,

  spatial_pyramid_pooling_2d: channels((x, _, a) =>
    F.spatialPyramidPooling2D(x as tf.Tensor4D, a.pyramid_height),
  ),
  upsampling_2d: channels((x, { indexes }, a) => {
    const { ksize, stride, pad, outsize, cover_all: coverAll } = a;
    return F.upsampling2D(x as tf.Tensor4D, last(indexes!), {
      ksize,
      ...defined({ stride, pad, outsize, coverAll }),
    });
  }),
  unpooling_2d: channels((x, _, a) => {
    const { ksize, stride, pad, outsize, cover_all: coverAll } = a;
    return F.unpooling2D(x as tf.Tensor4D, { ksize, ...defined({ stride, pad, outsize, coverAll }) });
  }),
  max_pooling_1d: channels((x, _, { ksize, stride, pad }) =>
    F.maxPooling1D(x as tf.Tensor3D, { ksize, ...defined({ stride, pad }) }),
  ),
  max_pooling_3d: channels((x, _, { ksize }) => F.maxPooling3D(x as tf.Tensor5D, { ksize })),
  average_pooling_1d: channels((x, _, { ksize, stride, pad }) =>
    F.averagePooling1D(x as tf.Tensor3D, { ksize, ...defined({ stride, pad }) }),
  ),
  average_pooling_nd: channels((x, _, { ksize, stride, pad }) =>
    F.averagePooling2D(x as tf.Tensor4D, { ksize, padValue: null, ...defined({ stride, pad }) }),
  ),
  depth2space: channels((x, _, { r }) => F.depth2space(x as tf.Tensor4D, r)),
  space2depth: channels((x, _, { r }) => F.space2depth(x as tf.Tensor4D, r)),
  'pixel_shuffle_by_hand/r2': of((x) => {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    return tf.reshape(tf.transpose(tf.reshape(x, [n, c / 4, 2, 2, h, w]), [0, 1, 4, 2, 5, 3]), [
      n,
      c / 4,
      2 * h,
      2 * w,
    ]);
  }),
  resize_images: channels((x, _, { output_shape: size, mode, align_corners: alignCorners }) =>
    F.resizeImages(x as tf.Tensor4D, size, defined({ mode, alignCorners })),
  ),

  pad_sequence: ({ x, y, w }, a) => F.padSequence([x!, y!, w!], { padding: more(a).padding }),
  transpose_sequence: ({ x, y, w }) => F.transposeSequence([x!, y!, w!]),
  permutate: ({ x }, a, host) => {
    const { axis, inv } = more(a);
    return F.permutate(x!, Array.from(host('i')), { axis, ...defined({ inv }) });
  },
  scatter_add: of2((x, y) => F.scatterAdd(x, tf.tensor1d([2, 0, 2], 'int32'), y)),
  diagonal: of((x) => F.diagonal(x, 1)),
  dstack: of2((x, y) => tf.stack([x, y], 2)),
  fliplr: of((x) => tf.reverse(x, 1)),
  flipud: of((x) => tf.reverse(x, 0)),
  copy: of((x) => tf.clone(x)),
  spatial_transformer_grid: ({ theta }, a) =>
    tf.transpose(F.spatialTransformerGrid(theta as tf.Tensor3D, more(a).output_shape), [0, 3, 1, 2]),
  spatial_transformer_sampler: channels((x, { grid }) =>
    F.spatialTransformerSampler(x as tf.Tensor4D, tf.transpose(grid as tf.Tensor4D, [0, 2, 3, 1])),
  ),

  bilinear: ({ e1, e2, W, V1, V2, b }) =>
    F.bilinear(e1 as tf.Tensor2D, e2 as tf.Tensor2D, W as tf.Tensor3D, {
      ...{ V1: V1 as tf.Tensor2D, V2: V2 as tf.Tensor2D, b: b as tf.Tensor1D },
    }),
  depthwise_convolution_2d: channels((x, i, { stride, pad }) =>
    F.depthwiseConvolution2D(x as tf.Tensor4D, i['W'] as tf.Tensor4D, offset(i), defined({ stride, pad })),
  ),
  convolution_1d: channels((x, i, { stride, pad, dilate }) =>
    F.convolution1D(
      x as tf.Tensor3D,
      i['W'] as tf.Tensor3D,
      offset(i),
      defined({ stride, pad, dilate: dilate as number }),
    ),
  ),
  convolution_3d: channels((x, i, { pad }) =>
    F.convolution3D(x as tf.Tensor5D, i['W'] as tf.Tensor5D, offset(i), defined({ pad })),
  ),
  deconvolution_1d: channels((x, i, { stride, pad }) =>
    F.deconvolution1D(x as tf.Tensor3D, i['W'] as tf.Tensor3D, offset(i), defined({ stride, pad })),
  ),
  'deconvolution_2d/groups_dilate': channels((x, i, { stride, pad, dilate, groups }) =>
    F.deconvolution2D(
      x as tf.Tensor4D,
      i['W'] as tf.Tensor4D,
      offset(i),
      defined({ stride, pad, dilate, groups }),
    ),
  ),
  'embed_id/2d_ignore': ({ W, i }, a) => F.embedId(i!, W as tf.Tensor2D, a.ignore_label),
  'linear/no_bias_3axes': ({ x, W }, a) =>
    F.linear(x!, W as tf.Tensor2D, null, { nBatchAxes: a.n_batch_axes! }),
  group_normalization: channels((x, { gamma, beta }, a) =>
    F.groupNormalization(x, a.groups!, gamma!, beta!, a.eps),
  ),
  'layer_normalization/eps': ({ x, gamma, beta }, a) => F.layerNormalization(x!, gamma!, beta!, a.eps),

  contrastive: ({ x0, x1, y }, a) => {
    const { margin, reduce } = more(a);
    return F.contrastive(x0 as tf.Tensor2D, x1 as tf.Tensor2D, y as tf.Tensor1D, { margin, reduce });
  },
  triplet: ({ anchor, positive, negative }, a) => {
    const { margin, reduce } = more(a);
    const [p, q, r] = [anchor, positive, negative] as tf.Tensor2D[];
    return F.triplet(p!, q!, r!, { margin, reduce });
  },
  ctc: (inputs, attrs) => {
    const { t, blank_symbol, input_length, label_length, reduce } = more(attrs);
    const options = {
      reduce,
      ...(input_length && { inputLength: input_length }),
      ...(label_length && { labelLength: label_length }),
    };
    const xs = listed(inputs, /^x\d$/) as tf.Tensor2D[];
    return F.connectionistTemporalClassification(
      xs,
      tf.tensor2d(t, undefined, 'int32'),
      blank_symbol,
      options,
    );
  },
  softmax_cross_entropy: softmaxCrossEntropy,
  'sigmoid_cross_entropy/nonorm': ({ x, t }) => F.sigmoidCrossEntropy(x!, t!, { normalize: false }),
  'hinge/L2': ({ x, t }) => F.hinge(x as tf.Tensor2D, t as tf.Tensor1D, { norm: 'L2' }),
  decov: ({ h }) => F.decov(h as tf.Tensor2D),
  cross_covariance: ({ y, z }) => F.crossCovariance(y as tf.Tensor2D, z as tf.Tensor2D),
  gaussian_kl_divergence: ({ mean, ln_var: v }) => F.gaussianKLDivergence(mean!, v!),
  bernoulli_nll: of2((x, y) => F.bernoulliNLL(x, y)),
  gaussian_nll: ({ x, mean, ln_var: v }) => F.gaussianNLL(x!, mean!, v!),
  absolute_error: ({ x0, x1 }) => F.absoluteError(x0!, x1!),
  'zoneout/train': train(({ h, x, 'draw/0': drawn }) =>
    F.zoneout(h!, x!, 0.4, { mask: tf.greaterEqual(drawn!, 0.4) }),
  ),
  'zoneout/test': test(({ h, x }) => F.zoneout(h!, x!, 0.4)),
  gumbel_softmax: ({ log_pi: x, 'draw/0': noise }, a) => F.gumbelSoftmax(x!, more(a).tau, { noise: noise! }),
  gaussian: ({ mean, ln_var: v, 'draw/0': eps }) => F.gaussian(mean!, v!, { eps: eps! }),

  'unary/erf': of(tf.erf),
  'unary/erfc': of(F.erfc),
  'unary/log1p': of(tf.log1p),
  'unary/expm1': of(tf.expm1),
  'unary/sinh': of(tf.sinh),
  'unary/cosh': of(tf.cosh),
  'unary/tan': of(tf.tan),
  'unary/arcsin': of(tf.asin),
  'unary/arccos': of(tf.acos),
  'unary/arctan': of(tf.atan),
  'unary/arctanh': of(tf.atanh),
  'unary/ndtr': of(F.ndtr),
  'unary/gelu_by_erf': of((x) => F.gelu(x)),
  'unary/gelu_by_tanh': of((x) => F.gelu(x, 'tanh')),
  'unary/log2': of(F.log2),
  'unary/log10': of(F.log10),
  'unary/floor': of(tf.floor),
  'unary/ceil': of(tf.ceil),
  'unary/fix': of(F.fix),
  'unary/sign': of(tf.sign),
  'unary/argmax1': of((x) => tf.argMax(x, 1)),
  'unary/argmin_all': of((x) => tf.argMin(tf.reshape(x, [-1]))),
  arctan2: ({ y, x }) => tf.atan2(y!, x!),
  fmod: of2(F.fmod),
  cumprod: of((x) => tf.cumprod(x, 1)),
  linear_interpolate: ({ p, x, y }) => F.linearInterpolate(p!, x!, y!),
  batch_l2_norm_squared: of(F.batchL2NormSquared),
  squared_difference: ({ x1, x2 }) => tf.squaredDifference(x1!, x2!),
  sum_to: of((x, a) => F.sumTo(x, more(a).shape)),
  'log_softmax/axis3_4d': of((x) => F.logSoftmax(x, 3)),
  binary_accuracy: ({ y, t }) => F.binaryAccuracy(y!, t!),
  r2_score: ({ pred, true: t }, a) => F.r2Score(pred!, t!, { multioutput: more(a).multioutput }),
  classification_summary: ({ y, t }, a) => {
    const { beta, ignore_label: ignoreLabel } = a;
    const found = F.classificationSummary(y as tf.Tensor2D, t as tf.Tensor1D, defined({ beta, ignoreLabel }));
    return [found.precision, found.recall, found.fbeta, found.support];
  },
};

/** x and another input, in any layout. */
function of2Named(name: string, fn: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor): Run {
  return (inputs) => fn(inputs['x']!, inputs[name]!);
}

const tail = "tfjs' erf is right within 1.5e-7, which is no digit of the tail";
const gammas = 'tfjs has no gamma function, and no network here needs one';
const decomposition = 'a factorization goes step by step; no backend of tfjs has one that learns';
const rare = 'no published network that is trained in a browser has it';

/** What is not computed here, and why. */
export const leftOut: Readonly<Record<string, string>> = {
  argmax_crf1d: `${rare}; taggers are not what this library is for`,
  batch_det: decomposition,
  batch_inv: decomposition,
  batch_renormalization: `${rare}; BatchNormalization in test mode computes the same`,
  'cast/f64': 'tfjs has no float64',
  'chainercv/ps_roi_average_align_2d': 'of R-FCN and Light-Head R-CNN, which are not here',
  'chainercv/ps_roi_average_pooling_2d': 'of R-FCN and Light-Head R-CNN, which are not here',
  'chainercv/ps_roi_max_align_2d': 'of R-FCN and Light-Head R-CNN, which are not here',
  'chainercv/ps_roi_max_pooling_2d': 'of R-FCN and Light-Head R-CNN, which are not here',
  cholesky: decomposition,
  crf1d: `${rare}; taggers are not what this library is for`,
  decorrelated_batch_normalization: decomposition,
  deformable_convolution_2d_sampler: `${rare}; spatialTransformerSampler samples at learned places`,
  det: decomposition,
  fixed_batch_renormalization: 'fixedBatchNormalization computes the same',
  fixed_decorrelated_batch_normalization: decomposition,
  im2col: 'the convolutions do it inside, in pieces that fit the cache',
  inv: decomposition,
  local_convolution_2d: `${rare}; its weights grow with the map`,
  'rrelu/given_r':
    'the slopes that were given are not in the goldens; rrelu/train gives the ones that were drawn',
  'softmax_cross_entropy/soft_class_weight':
    'Chainer does not look at the class weights of soft targets; here they count, as in PyTorch',
  'softmax_cross_entropy/soft_unnormalised_target':
    'Chainer takes y - t for the gradient, which is that of targets that add up to 1; here it is the gradient',
  shift: `${rare}; padding and slices do it`,
  'simplified_dropconnect/mask': `${rare}; dropout of W does it: linear(x, dropout(W), b)`,
  'unary/digamma': gammas,
  'unary/lgamma': gammas,
  'unary/log_ndtr': tail,
  unpooling_1d: 'repeatElements does it',
};
