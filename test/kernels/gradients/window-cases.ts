/** Convolution, pooling, normalisation and resizing: tfjs' own kernels, and ours. */

import type { Conv2DAttrs, Pad2D } from '@chaingrad/kernels';
import * as kernels from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import type { GradientCase, GradientCases, Input } from '../../support/gradient-case.ts';

type Padding = 'same' | 'valid' | number | [[0, 0], [number, number], [number, number], [0, 0]];

const odd: Input = { shape: [2, 5, 7, 3], scale: 1 / 64 };
const even: Input = { shape: [2, 6, 4, 2], scale: 1 / 64 };
/** All below zero. */
const negative: Input = { shape: [2, 5, 7, 2], scale: 1 / 16, offset: -6 };
const volume: Input = { shape: [1, 4, 5, 3, 2], scale: 1 / 16, offset: -6 };

const on = (of: (x: tf.Tensor4D) => tf.Tensor, input: Input): GradientCase => ({
  of: of as GradientCase['of'],
  inputs: [input],
});

const asymmetric: Padding = [
  [0, 0],
  [1, 2],
  [0, 1],
  [0, 0],
];

const conv = (stride: number, pad: Padding, dilation: number, x: Input, k = 3): GradientCase => ({
  of: (t, filter) => tf.conv2d(t as tf.Tensor4D, filter as tf.Tensor4D, stride, pad, 'NHWC', dilation),
  inputs: [x, { shape: [k, k, x.shape[3]!, 2], scale: 1 / 32 }],
});

const depthwise = (
  stride: number,
  pad: Padding,
  dilation: number,
  x: Input,
  multiplier: number,
): GradientCase => ({
  of: (t, filter) =>
    tf.depthwiseConv2d(t as tf.Tensor4D, filter as tf.Tensor4D, stride, pad, 'NHWC', dilation),
  inputs: [x, { shape: [3, 2, x.shape[3]!, multiplier], scale: 1 / 32 }],
});

/** Small sums and large biases, so that each channel is on one side of its activation's bends. */
const ours = (x: number[], filter: number[], attrs: Partial<Conv2DAttrs>): GradientCase => ({
  of: (t, w, b) => kernels.conv2d(t as tf.Tensor4D, w as tf.Tensor4D, b as tf.Tensor1D, attrs),
  inputs: [
    { shape: x, scale: 1 / 64 },
    { shape: filter, scale: 1 / 64 },
    { shape: [filter[0]!], scale: 3 },
  ],
});

/** Bias, mean, variance, gamma and beta; large betas, for the same reason. */
const normalized = (x: number[], filter: number[], attrs: Partial<Conv2DAttrs>): GradientCase => ({
  of: (t, w, b, mean, variance, gamma, beta) =>
    kernels.conv2d(t as tf.Tensor4D, w as tf.Tensor4D, b as tf.Tensor1D, attrs, {
      ...({ mean, variance, gamma, beta } as Record<string, tf.Tensor1D>),
      epsilon: 0.01,
    } as kernels.BatchStatistics),
  inputs: [
    { shape: x, scale: 1 / 64 },
    { shape: filter, scale: 1 / 64 },
    { shape: [filter[0]!], scale: 1 / 8 },
    { shape: [filter[0]!], scale: 1 / 8 },
    { shape: [filter[0]!], scale: 1 / 16, offset: 2 },
    { shape: [filter[0]!], scale: 1 / 8 },
    { shape: [filter[0]!], scale: 3 },
  ],
});

const attrs: Conv2DAttrs = {
  stride: [2, 1],
  pad: [1, 0, 1, 2],
  dilation: [1, 2],
  groups: 1,
  activation: 'linear',
};

const run = (name: string, inputs: Record<string, tf.Tensor>, a: object) =>
  tf.engine().runKernel(name, inputs, a as tf.NamedAttrMap) as tf.Tensor;

const pads: Pad2D = [1, 2, 0, 1];

const norm = (optional: string): GradientCase => ({
  of: (x, mean, variance, a, b) => {
    const offset = optional.includes('offset') ? (a as tf.Tensor1D) : undefined;
    const scale = optional.includes('scale') ? ((b ?? a) as tf.Tensor1D) : undefined;
    return tf.batchNorm(x as tf.Tensor4D, mean as tf.Tensor1D, variance as tf.Tensor1D, offset, scale, 0.01);
  },
  inputs: [
    { shape: [2, 2, 2, 3] },
    { shape: [3] },
    { shape: [3], offset: 1 },
    ...optional
      .split(' ')
      .filter(Boolean)
      .map(() => ({ shape: [3], offset: 1 })),
  ],
});

const resizes = (of: (x: tf.Tensor4D, size: [number, number], align: boolean, half: boolean) => tf.Tensor) =>
  (
    [
      [7, 5],
      [3, 9],
      [1, 2],
    ] as [number, number][]
  ).flatMap((size) =>
    (
      [
        [false, false],
        [true, false],
        [false, true],
      ] as const
    ).map(([align, half]) => on((x) => of(x, size, align, half), { shape: [2, 4, 5, 2] })),
  );

/** With an empty row, and a column that comes twice in a row. */
const matrix = kernels.CSRMatrix.of(4, [
  [
    [0, 2],
    [3, -1],
  ],
  [],
  [
    [1, 0.5],
    [2, 1],
    [1, 3],
  ],
]);

export const windowCases: GradientCases = {
  AvgPool: [
    on((x) => tf.avgPool(x, 3, 2, 1), odd),
    on((x) => tf.avgPool(x, [2, 3], [1, 2], 'same'), even),
    on((x) => tf.avgPool(x, 2, 2, 0, 'ceil'), odd),
  ],
  AvgPool3D: [
    on((x) => tf.avgPool3d(x as unknown as tf.Tensor5D, [2, 3, 2], 2, 'same'), volume),
    on((x) => tf.avgPool3d(x as unknown as tf.Tensor5D, 2, [1, 2, 1], 'valid'), volume),
  ],
  Conv2D: [
    conv(1, 'same', 1, odd),
    conv(2, 1, 1, even),
    conv(2, 'same', 1, even),
    conv(1, 'same', 2, odd),
    conv(1, asymmetric, 1, odd),
    conv(1, 6, 6, { shape: [1, 3, 2, 2] }),
    conv(2, 'valid', 1, odd, 1),
    {
      of: (x, filter) => tf.conv2d(x as tf.Tensor3D, filter as tf.Tensor4D, 1, 'same'),
      inputs: [{ shape: [4, 4, 2] }, { shape: [3, 3, 2, 2] }],
    },
  ],
  Conv2DBackpropInput: {
    of: (dy, filter) => tf.conv2dTranspose(dy as tf.Tensor4D, filter as tf.Tensor4D, [2, 6, 8, 3], 2, 'same'),
    inputs: [{ shape: [2, 3, 4, 2] }, { shape: [3, 3, 3, 2] }],
  },
  Conv2DBackpropFilter: {
    of: (t, dy) =>
      run(
        'Conv2DBackpropFilter',
        { x: t, dy },
        {
          strides: [2, 2],
          pad: 'same',
          dataFormat: 'NHWC',
          filterShape: [3, 3, 2, 3],
        },
      ),
    inputs: [even, { shape: [2, 3, 2, 3] }],
  },
  Conv3D: [
    {
      of: (x, filter) => tf.conv3d(x as tf.Tensor5D, filter as tf.Tensor5D, 2, 'same'),
      inputs: [
        { shape: [2, 4, 5, 3, 2], scale: 1 / 64 },
        { shape: [2, 3, 3, 2, 2], scale: 1 / 64 },
      ],
    },
    {
      of: (x, filter) => tf.conv3d(x as tf.Tensor5D, filter as tf.Tensor5D, 1, 'valid', 'NDHWC', [2, 1, 2]),
      inputs: [{ shape: [1, 4, 3, 5, 2] }, { shape: [2, 2, 2, 2, 1] }],
    },
  ],
  Conv3DBackpropInputV2: {
    of: (dy, filter) =>
      tf.conv3dTranspose(dy as tf.Tensor5D, filter as tf.Tensor5D, [1, 4, 5, 6, 2], [2, 1, 2], 'same'),
    inputs: [{ shape: [1, 2, 5, 3, 2] }, { shape: [2, 3, 2, 2, 2] }],
  },
  CropAndResize: (
    [
      ['bilinear', [3, 2]],
      ['bilinear', [1, 4]],
      ['nearest', [2, 3]],
    ] as const
  ).map(
    ([method, size]): GradientCase => ({
      of: (image, change) => {
        // One lies partly outside, and one is turned round. No sample is close to a pixel.
        const boxes = tf.tensor2d([
          [0.12, 0.15, 0.87, 0.83],
          [-0.21, 0.6, 0.38, 1.3],
          [0.9, 0.31, 0.23, 0.69],
        ]);
        const moved = tf.add(boxes, change) as tf.Tensor2D;
        const ids = tf.tensor1d([1, 0, 1], 'int32');
        return tf.image.cropAndResize(image as tf.Tensor4D, moved, ids, [...size], method, 0);
      },
      inputs: [
        { shape: [2, 4, 5, 2], scale: 1 / 32 },
        { shape: [3, 4], scale: 2 ** -12 },
      ],
    }),
  ),
  DepthwiseConv2dNative: [
    depthwise(1, 'same', 1, odd, 1),
    depthwise(2, 1, 1, even, 2),
    depthwise(1, 'same', 2, odd, 2),
    depthwise(1, asymmetric, 1, odd, 1),
  ],
  DepthwiseConv2dNativeBackpropFilter: {
    of: (t, dy) =>
      run(
        'DepthwiseConv2dNativeBackpropFilter',
        { x: t, dy },
        {
          strides: [1, 1],
          pad: 'same',
          dilations: [1, 1],
          filterShape: [3, 3, 2, 2],
        },
      ),
    inputs: [even, { shape: [2, 6, 4, 4] }],
  },
  DepthwiseConv2dNativeBackpropInput: {
    of: (dy, filter) =>
      run(
        'DepthwiseConv2dNativeBackpropInput',
        { dy, filter },
        {
          strides: [1, 1],
          pad: 'same',
          dilations: [1, 1],
          inputShape: even.shape,
        },
      ),
    inputs: [{ shape: [2, 6, 4, 4] }, { shape: [3, 3, 2, 2] }],
  },
  Dilation2D: {
    of: (x, filter) => tf.dilation2d(x as tf.Tensor4D, filter as tf.Tensor3D, 1, 'valid'),
    inputs: [
      { shape: [1, 4, 4, 2], scale: 1 },
      { shape: [2, 2, 2], scale: 1 / 8 },
    ],
  },
  FusedBatchNorm: [norm(''), norm('offset'), norm('scale'), norm('offset scale')],
  LogSoftmax: on((x) => run('LogSoftmax', { logits: x }, { axis: 2 }), { shape: [2, 3, 4], scale: 1 / 4 }),
  LRN: [
    on((x) => tf.localResponseNormalization(x, 1, 1, 0.5, 0.75), { shape: [1, 2, 2, 5] }),
    on((x) => tf.localResponseNormalization(x, 2, 2, 0.1, 0.5), { shape: [1, 2, 2, 5] }),
  ],
  MaxPool: [
    on((x) => tf.maxPool(x, 3, 2, 1), negative),
    on((x) => tf.maxPool(x, [2, 3], [1, 2], 'same'), even),
    on((x) => tf.maxPool(x, 2, 2, 0, 'ceil'), negative),
    on((x) => tf.maxPool(tf.reshape(x, [10, 7, 2]) as tf.Tensor3D, 2, 2, 'valid'), negative),
  ],
  MaxPool3D: [
    on((x) => tf.maxPool3d(x as unknown as tf.Tensor5D, [2, 3, 2], 2, 'same'), volume),
    on((x) => tf.maxPool3d(x as unknown as tf.Tensor5D, 2, [1, 2, 1], 'valid'), volume),
  ],
  MaxPoolWithArgmax: on((x) => tf.maxPoolWithArgmax(x, 3, 2, 'same')['result']!, negative),
  ResizeBilinear: resizes((x, size, align, half) => tf.image.resizeBilinear(x, size, align, half)),
  ResizeNearestNeighbor: resizes((x, size, align, half) =>
    tf.image.resizeNearestNeighbor(x, size, align, half),
  ),
  Softmax: on((x) => tf.softmax(x), { shape: [2, 3, 4], scale: 1 / 4 }),

  [kernels.CONV_2D]: [
    ours([2, 5, 7, 3], [4, 3, 3, 2], { pad: [1, 2, 0, 1], stride: [2, 1] }),
    ours([2, 6, 4, 2], [3, 2, 3, 3], { pad: [1, 1, 1, 1], stride: [2, 2], activation: 'relu' }),
    ours([1, 3, 3, 2], [2, 2, 3, 3], { pad: [6, 6, 6, 6], dilation: [6, 6] }),
    ours([2, 4, 4, 4], [6, 2, 2, 2], { groups: 2, activation: 'relu6' }),
    ours([2, 4, 4, 3], [6, 1, 3, 3], { groups: 3, pad: [1, 1, 1, 1] }),
    ours([2, 4, 5, 3], [3, 1, 3, 3], { groups: 3, pad: [2, 2, 2, 2], dilation: [2, 2], stride: [1, 2] }),
    ours([2, 1, 1, 3], [4, 3, 1, 1], {}),
    ours([2, 1, 1, 3], [4, 3, 3, 3], { pad: [1, 1, 1, 1] }),
    ours([1, 2, 2, 2], [2, 2, 1, 1], { pad: [3, 3, 3, 3] }),
  ],
  [kernels.CONV_2D_BATCH_NORM]: [
    normalized([2, 5, 7, 3], [4, 3, 3, 2], { pad: [1, 2, 0, 1], stride: [2, 1] }),
    normalized([2, 6, 4, 2], [3, 2, 3, 3], { pad: [1, 1, 1, 1], activation: 'relu' }),
    normalized([2, 4, 4, 4], [6, 2, 2, 2], { groups: 2, activation: 'relu6' }),
    normalized([2, 4, 4, 3], [3, 1, 3, 3], { groups: 3, pad: [1, 1, 1, 1] }),
  ],
  [kernels.CONV_2D_BACKPROP_INPUT]: {
    of: (dy, filter) =>
      run(kernels.CONV_2D_BACKPROP_INPUT, { dy, filter }, { ...attrs, inputShape: [2, 5, 4, 2] }),
    inputs: [{ shape: [2, 2, 3, 3] }, { shape: [3, 2, 3, 3] }],
  },
  [kernels.CONV_2D_BACKPROP_FILTER]: {
    of: (x, dy) => run(kernels.CONV_2D_BACKPROP_FILTER, { x, dy }, { ...attrs, filterShape: [3, 2, 3, 3] }),
    inputs: [{ shape: [2, 5, 4, 2] }, { shape: [2, 2, 3, 3] }],
  },
  [kernels.MAX_POOL_2D]: [
    on((x) => kernels.maxPool2d(x, { ksize: [3, 3], stride: [2, 2], pad: pads }), negative),
    on((x) => kernels.maxPool2d(x, { ksize: [3, 2], stride: [1, 1], pad: [1, 1, 0, 1] }), negative),
    on((x) => kernels.maxPool2d(x, { ksize: [2, 2] }), even),
    on((x) => kernels.maxPool2d(x, { ksize: [1, 2], stride: [3, 3] }), negative),
  ],
  [kernels.MAX_POOL_2D_GRAD]: on((x) => {
    const y = kernels.maxPool2d(x, { ksize: [2, 2] });
    return run(
      kernels.MAX_POOL_2D_GRAD,
      { dy: tf.square(y), x, y },
      { ksize: [2, 2], stride: [2, 2], pad: [0, 0, 0, 0] },
    );
  }, even),
  [kernels.AVG_POOL_2D]: [
    on((x) => kernels.avgPool2d(x, { ksize: [3, 3], stride: [2, 2], pad: pads }), odd),
    on((x) => kernels.avgPool2d(x, { ksize: [2, 2] }), even),
  ],
  [kernels.AVG_POOL_2D_GRAD]: {
    of: (dy) =>
      run(
        kernels.AVG_POOL_2D_GRAD,
        { dy },
        { ksize: [3, 2], stride: [2, 2], pad: pads, inputShape: [2, 5, 3, 2] },
      ),
    inputs: [{ shape: [2, 3, 2, 2] }],
  },
  [kernels.SPARSE_MAT_MUL]: {
    of: (x) => kernels.sparseMatMul(matrix, x as tf.Tensor2D),
    inputs: [{ shape: [4, 2] }],
  },
  [kernels.SPARSE_ARG_MAX]: {
    of: (x) => kernels.sparseMax(matrix, tf.square(x!) as tf.Tensor2D, 0),
    inputs: [{ shape: [4, 2], offset: 1 }],
  },
};
