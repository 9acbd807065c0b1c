/** How each case of goldens/functions.json is computed here. Inputs and outputs of a row are in Chainer's layout. */
import {
  accuracy,
  average,
  averagePooling2D,
  batchNormalization,
  bias,
  clippedRelu,
  convolution2D,
  deconvolution2D,
  dilatedConvolution2D,
  dropout,
  elu,
  embedId,
  fixedBatchNormalization,
  getItem,
  groupNormalization,
  hardSigmoid,
  hinge,
  huberLoss,
  layerNormalization,
  leakyRelu,
  linear,
  localResponseNormalization,
  logSoftmax,
  logsumexp,
  maxPooling2D,
  meanAbsoluteError,
  meanSquaredError,
  moveaxis,
  normalize,
  relu,
  repeatElements,
  resizeImages,
  rollaxis,
  scale,
  selectItem,
  selu,
  sigmoid,
  sigmoidCrossEntropy,
  softmax,
  softmaxCrossEntropy,
  softplus,
  squaredError,
  swapaxes,
  tanh,
  unpooling2D,
  usingConfig,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

export type Inputs = Record<string, tf.Tensor>;
export interface Attrs {
  readonly stride?: number | [number, number];
  readonly pad?: number | [number, number];
  readonly dilate?: number | [number, number];
  readonly ksize?: number | [number, number];
  readonly groups?: number;
  readonly cover_all?: boolean;
  readonly outsize?: [number, number];
  readonly n_batch_axes?: number;
  readonly output_shape?: [number, number];
  readonly axis?: number | number[];
  readonly scalar?: number;
  readonly transa?: boolean;
  readonly transb?: boolean;
  readonly ignore_label?: number;
  readonly normalize?: boolean;
  readonly class_weight?: number[];
  readonly reduce?: string;
  readonly delta?: number;
  readonly eps?: number;
  readonly n?: number;
  readonly k?: number;
  readonly alpha?: number;
  readonly beta?: number;
  readonly ratio?: number;
}
/** The values of an input in JavaScript. */
export type Host = (key: string) => ArrayLike<number>;
/** From the inputs of a case to its outputs. */
export type Run = (inputs: Inputs, attrs: Attrs, host: Host) => tf.Tensor | tf.Tensor[];

/** Moves the channels (axis 1) of an input to the end. */
export const last = <T extends tf.Tensor = tf.Tensor4D>(x: tf.Tensor): T => {
  const axes = x.shape.map((_, i) => i);
  return tf.transpose(x, [0, ...axes.slice(2), 1]) as T;
};
/** Moves the channels of an output (the last axis) back to axis 1. */
export const first = (y: tf.Tensor): tf.Tensor => {
  const axes = y.shape.map((_, i) => i);
  return tf.transpose(y, [0, axes.length - 1, ...axes.slice(1, -1)]);
};
/** A function of channels-last activations, on channels-first ones. */
export const channelsLast =
  (fn: (x: tf.Tensor4D, inputs: Inputs, attrs: Attrs, host: Host) => tf.Tensor): Run =>
  (inputs, attrs, host) =>
    first(fn(last(inputs['x']!), inputs, attrs, host));

type One = (x: tf.Tensor, attrs: Attrs) => tf.Tensor | tf.Tensor[];
/** A function of x alone, in any layout. */
export const of =
  (fn: One): Run =>
  ({ x }, attrs) =>
    fn(x!, attrs);
/** A function of x and y, in any layout. */
export const of2 =
  (fn: (x: tf.Tensor, y: tf.Tensor, attrs: Attrs) => tf.Tensor): Run =>
  ({ x, y }, attrs) =>
    fn(x!, y!, attrs);

const filter = (inputs: Inputs) => inputs['W'] as tf.Tensor4D;
const offset = (inputs: Inputs) => (inputs['b'] ?? null) as tf.Tensor1D | null;
export const defined = <T extends object>(values: T) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
const window = ({ stride, pad, dilate, groups, cover_all: coverAll }: Attrs) =>
  defined({ stride, pad, dilate, groups, coverAll });

const crossEntropy: Run = ({ x, t }, a) =>
  softmaxCrossEntropy(
    x!.rank > 2 ? last(x!) : x!,
    t!,
    defined({
      normalize: a.normalize,
      ignoreLabel: a.ignore_label,
      classWeight: a.class_weight,
      reduce: a.reduce as 'mean' | 'no' | undefined,
    }),
  );

const batchOptions = ({ eps, axis }: Attrs) => defined({ eps, axis });
/** Axis 1 holds the channels unless the axes of the statistics are given. */
const batched = (run: (x: tf.Tensor, inputs: Inputs, attrs: Attrs) => tf.Tensor): Run => {
  return (inputs, attrs) => {
    const x = inputs['x']!;
    return x.rank === 2 || attrs.axis !== undefined
      ? run(x, inputs, attrs)
      : first(run(last(x), inputs, attrs));
  };
};

/** By case, or by the group of the case (what is before the slash). */
export const table: Readonly<Record<string, Run>> = {
  convolution_2d: channelsLast((x, i, a) => convolution2D(x, filter(i), offset(i), window(a))),
  dilated_convolution_2d: channelsLast((x, i, a) =>
    dilatedConvolution2D(x, filter(i), offset(i), { ...window(a), dilate: a.dilate! }),
  ),
  deconvolution_2d: channelsLast((x, i, a) =>
    deconvolution2D(x, filter(i), offset(i), defined({ stride: a.stride, pad: a.pad, outsize: a.outsize })),
  ),
  linear: (i, a) => {
    const x = i['x']!;
    return linear(x.rank === 4 ? last(x) : x, i['W'] as tf.Tensor2D, offset(i), {
      nBatchAxes: a.n_batch_axes,
    });
  },
  max_pooling_2d: channelsLast((x, _, a) =>
    maxPooling2D(x, { ksize: a.ksize!, stride: a.stride, pad: a.pad, ...defined({ coverAll: a.cover_all }) }),
  ),
  average_pooling_2d: channelsLast((x, _, a) =>
    averagePooling2D(x, { ksize: a.ksize!, stride: a.stride, pad: a.pad }),
  ),
  unpooling_2d: channelsLast((x, _, a) =>
    unpooling2D(x, { ksize: a.ksize!, stride: a.stride, pad: a.pad, ...defined({ coverAll: a.cover_all }) }),
  ),
  resize_images: channelsLast((x, _, a) => resizeImages(x, a.output_shape!)),

  'unary/relu': of(relu),
  'unary/leaky_relu': of((x) => leakyRelu(x)),
  'unary/sigmoid': of(sigmoid),
  'unary/tanh': of(tanh),
  'unary/elu': of((x) => elu(x)),
  'unary/softplus': of((x) => softplus(x)),
  'unary/clipped_relu': of((x) => clippedRelu(x, 1.5)),
  'unary/hard_sigmoid': of(hardSigmoid),
  'unary/selu': of(selu),
  'unary/softmax': of((x) => softmax(x)),
  'unary/log_softmax': of((x) => logSoftmax(x)),
  'unary/exp': of(tf.exp),
  'unary/square': of(tf.square),
  'unary/absolute': of(tf.abs),
  'unary/neg': of(tf.neg),
  'unary/clip': of((x) => tf.clipByValue(x, -1, 1)),
  'unary/sign_like_abs': of(tf.abs),
  'unary/sin': of(tf.sin),
  'unary/cos': of(tf.cos),
  'unary/log': of(tf.log),
  'unary/sqrt': of(tf.sqrt),
  'unary/rsqrt': of(tf.rsqrt),
  'unary/pow2.5': of((x) => tf.pow(x, 2.5)),
  'unary/rpow': of((x) => tf.pow(2, x)),
  'unary/pow_minus1': of((x) => tf.pow(x, -1)),
  'unary/reciprocal': of(tf.reciprocal),

  'softmax/axis1_4d': channelsLast((x) => softmax(x)),
  'softmax/axis2': of((x) => softmax(x, 2)),
  'softmax/large': of((x) => softmax(x)),
  'log_softmax/axis2': of((x) => logSoftmax(x, 2)),
  'logsumexp/axis1': of((x) => logsumexp(x, 1)),

  'binary/add_same': of2(tf.add),
  'binary/add_broadcast': of2(tf.add),
  'binary/sub_same': of2(tf.sub),
  'binary/sub_broadcast': of2(tf.sub),
  'binary/mul_same': of2(tf.mul),
  'binary/mul_broadcast': of2(tf.mul),
  'binary/div_same': of2(tf.div),
  'binary/div_broadcast': of2(tf.div),
  'binary/maximum_same': of2(tf.maximum),
  'binary/minimum_same': of2(tf.minimum),
  'binary/pow': of2(tf.pow),
  'scalar/add': of((x, a) => tf.add(x, a.scalar!)),
  'scalar/radd': of((x, a) => tf.add(a.scalar!, x)),
  'scalar/sub': of((x, a) => tf.sub(x, a.scalar!)),
  'scalar/rsub': of((x, a) => tf.sub(a.scalar!, x)),
  'scalar/mul': of((x, a) => tf.mul(x, a.scalar!)),
  'scalar/div': of((x, a) => tf.div(x, a.scalar!)),
  'scalar/rdiv': of((x, a) => tf.div(a.scalar!, x)),
  matmul: of2((x, y, a) => tf.matMul(x, y, a.transa, a.transb)),
  where: ({ x, y, c }) => tf.where(c!, x!, y!),

  'shape/reshape': of((x) => tf.reshape(x, [4, 6])),
  'shape/transpose_none': of((x) => tf.transpose(x)),
  'shape/transpose_021': of((x) => tf.transpose(x, [0, 2, 1])),
  'shape/flatten': of((x) => tf.reshape(x, [-1])),
  'shape/expand_dims_1': of((x) => tf.expandDims(x, 1)),
  'shape/squeeze': of((x) => tf.squeeze(tf.expandDims(x, 1), [1])),
  'shape/sum_all': of((x) => tf.sum(x)),
  'shape/sum_axis1': of((x) => tf.sum(x, 1)),
  'shape/sum_axis02': of((x) => tf.sum(x, [0, 2])),
  'shape/sum_keepdims': of((x) => tf.sum(x, 2, true)),
  'shape/mean_all': of((x) => tf.mean(x)),
  'shape/mean_axis1': of((x) => tf.mean(x, 1)),
  'shape/max_all': of((x) => tf.max(x)),
  'shape/max_axis1': of((x) => tf.max(x, 1)),
  'shape/min_axis2': of((x) => tf.min(x, 2)),
  'shape/prod_axis1': of((x) => tf.prod(x, 1)),
  'shape/broadcast_to': of((x) => tf.broadcastTo(tf.expandDims(x, 2), [2, 3, 5, 4])),
  'shape/broadcast_new_axis': of((x) => tf.broadcastTo(x, [2, 2, 3, 4])),
  'shape/getitem_int': of((x) => getItem(x, 1)),
  'shape/getitem_slice': of((x) => getItem(x, {}, { start: 1 }, { step: 2 })),
  'shape/getitem_neg_step': of((x) => getItem(x, '...', { step: -1 })),
  'shape/getitem_newaxis': of((x) => getItem(x, {}, null, 0)),
  'shape/getitem_intarray': of((x) => getItem(x, [1, 0, 1])),
  'shape/getitem_ellipsis': of((x) => getItem(x, '...', 3)),
  'shape/tile': of((x) => tf.tile(x, [1, 2, 1])),
  'shape/repeat': of((x) => repeatElements(x, 2, 1)),
  'shape/pad': of((x) =>
    tf.pad(x, [
      [0, 0],
      [1, 2],
      [0, 1],
    ]),
  ),
  'shape/swapaxes': of((x) => swapaxes(x, 0, 2)),
  'shape/moveaxis': of((x) => moveaxis(x, 0, -1)),
  'shape/rollaxis': of((x) => rollaxis(x, 2)),
  'shape/flip': of((x) => tf.reverse(x, 1)),
  'shape/split_axis_3': of((x) => tf.split(x, 3, 1)),
  'shape/split_axis_idx': of((x) => tf.split(x, [1, 3], 2)),
  'shape/separate': of((x) => tf.unstack(x, 1)),
  'shape/cumsum': of((x) => tf.cumsum(x, 1)),
  'shape/average_weighted': of((x) => average(x, { axis: 1, weights: tf.tensor1d([1, 2, 3]) })),
  concat: of2((x, y, a) => tf.concat([x, y], a.axis as number)),
  'stack/axis1': of2((x, y) => tf.stack([x, y], 1)),
  hstack: of2((x, y) => tf.concat([x, y], 1)),
  vstack: of2((x, y) => tf.concat([x, y], 0)),
  max_ties: of((x) => tf.max(x, 1)),

  embed_id: ({ W, i }, a) => embedId(i!, W as tf.Tensor2D, a.ignore_label),
  select_item: ({ x, t }) => selectItem(x!, t!),
  scale: of2((x, y, a) => scale(x, y, a.axis as number)),
  bias: of2((x, y, a) => bias(x, y, a.axis as number)),

  softmax_cross_entropy: crossEntropy,
  sigmoid_cross_entropy: ({ x, t }, a) =>
    sigmoidCrossEntropy(x!, t!, defined({ reduce: a.reduce as 'mean' | 'no' | undefined })),
  huber_loss: ({ x, t }, a) => huberLoss(x!, t!, a.delta!, a.reduce as 'no' | 'sum_along_second_axis'),
  mean_squared_error: of2(meanSquaredError),
  mean_absolute_error: of2(meanAbsoluteError),
  squared_error: of2(squaredError),
  hinge: ({ x, t }) => hinge(x as tf.Tensor2D, t as tf.Tensor1D),
  accuracy: ({ x, t }, a) => accuracy(x!, t!, a.ignore_label),

  'normalize/axis1_4d': channelsLast((x, _, a) => normalize(x, defined({ eps: a.eps }))),
  normalize: of((x, a) => normalize(x, defined({ eps: a.eps, axis: a.axis }))),
  local_response_normalization: channelsLast((x, _, { n, k, alpha, beta }) =>
    localResponseNormalization(x, defined({ n, k, alpha, beta })),
  ),
  batch_normalization: batched(
    (x, { gamma, beta }, a) => batchNormalization(x, gamma!, beta!, batchOptions(a)).y,
  ),
  fixed_batch_normalization: batched((x, i, a) =>
    fixedBatchNormalization(x, i['gamma']!, i['beta']!, i['mean']!, i['var']!, batchOptions(a)),
  ),
  layer_normalization: ({ x, gamma, beta }, a) => layerNormalization(x!, gamma!, beta!, a.eps),
  group_normalization: ({ x, gamma, beta }, a) =>
    first(groupNormalization(last(x!), a.groups!, gamma!, beta!, a.eps)),
  'dropout/test_mode': of((x) => usingConfig('train', false, () => dropout(x))),
  'dropout/given_mask': ({ x, mask }, a) => dropout(x!, a.ratio, { mask: mask! }),
};
