import { installFastKernels } from '@chaingrad/kernels';
import { importTfjs } from '@chaingrad/onnx';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { operatorGroups } from '../../../packages/onnx/src/import/tfjs/operators.ts';
import { describeBackends, expectClose } from '../../support/backends.ts';
import { generator } from '../../weights/fuzz/mutate.ts';
import {
  type Attr,
  type Constant,
  executorOf,
  filesOf,
  flag,
  float,
  floats,
  graphModel,
  int,
  integers,
  ints,
  list,
  type NodeText,
  single,
  text,
  texts,
  type,
} from './graph-model.ts';

/** One graph: its input x, constants, and nodes, the last of which gives the outputs that are compared. */
interface Case {
  readonly shape?: readonly number[];
  readonly dtype?: 'DT_INT32' | 'DT_BOOL';
  /** From..to of the random values of x. */
  readonly values?: readonly [number, number];
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly nodes: Readonly<Record<string, NodeText>>;
  readonly outputs?: readonly string[];
}

function randoms(count: number, seed: number, [low, high]: readonly [number, number] = [-1, 1]): number[] {
  const random = generator(seed);
  return Array.from({ length: count }, () => low + (high - low) * random());
}

const random = (shape: readonly number[], seed: number, range?: readonly [number, number]): Constant =>
  floats(shape, randoms(tf.util.sizeFromShape([...shape]), seed, range));

const one = (op: string, inputs = 'x', attr: Readonly<Record<string, Attr>> = {}) => ({
  y: { op, inputs, attr },
});
const strides = (size: number) => ints(1, size, size, 1);
const picture = [2, 6, 7, 4];

const unary = (range: readonly [number, number], ...ops: string[]): [string, Case][] =>
  ops.map((op) => [op, { shape: [2, 3, 4], values: range, nodes: one(op) }]);
const binary = (...ops: string[]): [string, Case][] =>
  ops.map((op) => [
    op,
    { shape: [2, 3, 4], constants: { b: random([3, 1], 2, [0.3, 1.5]) }, nodes: one(op, 'x b') },
  ]);
const compared = (...ops: string[]): [string, Case][] =>
  ops.map((op) => [
    op,
    {
      shape: [6],
      dtype: 'DT_INT32',
      values: [0, 3],
      constants: { b: list(0, 1, 2, 0, 1, 2) },
      nodes: one(op, 'x b'),
    },
  ]);
const logical = (...ops: string[]): [string, Case][] =>
  ops.map((op) => [
    op,
    {
      shape: [6],
      constants: { zero: floats([], [0]), half: floats([], [0.2]) },
      nodes: {
        a: { op: 'Greater', inputs: 'x zero' },
        b: { op: 'Less', inputs: 'x half' },
        y: { op, inputs: op === 'LogicalNot' ? 'a' : 'a b' },
      },
    },
  ]);
const reduced = (...ops: string[]): [string, Case][] =>
  ops.flatMap((op): [string, Case][] => [
    [op, { shape: [2, 3, 4], constants: { axes: list(1, -1) }, nodes: one(op, 'x axes') }],
    [
      `${op}, axes kept`,
      {
        shape: [2, 3, 4],
        constants: { axes: single(1) },
        nodes: one(op, 'x axes', { keep_dims: flag(true) }),
      },
    ],
  ]);

const conv = (attr: Readonly<Record<string, Attr>>) => ({
  padding: text('SAME'),
  strides: strides(1),
  dilations: strides(1),
  ...attr,
});
const filter = random([3, 3, 4, 5], 3);
const depthwise = random([3, 3, 4, 2], 4);
const norms = {
  scale: random([4], 5, [0.5, 1.5]),
  offset: random([4], 6),
  mean: random([4], 7),
  variance: random([4], 8, [0.5, 1.5]),
};
const boxes = floats([4, 4], [0, 0, 0.5, 0.5, 0.05, 0, 0.5, 0.5, 0.4, 0.4, 1, 1, 0.6, 0.1, 0.9, 0.3]);
const suppressed = {
  boxes,
  scores: floats([4], [0.9, 0.8, 0.7, 0.2]),
  most: single(3),
  iou: floats([], [0.5]),
  least: floats([], [0.3]),
};

const cases: [string, Case][] = [
  ...unary(
    [-2, 2],
    'Abs',
    'Neg',
    'Exp',
    'Sign',
    'Floor',
    'Ceil',
    'Round',
    'Erf',
    'Sigmoid',
    'Tanh',
    'Softplus',
    'Sin',
    'Cos',
    'Tan',
  ),
  ...unary(
    [-2, 2],
    'Sinh',
    'Cosh',
    'Asinh',
    'Atan',
    'Relu',
    'Elu',
    'Selu',
    'Square',
    'Identity',
    'StopGradient',
    'Expm1',
  ),
  ...unary([-2, 2], 'ZerosLike', 'OnesLike', 'Snapshot', 'IsNan', 'IsInf', 'IsFinite'),
  ...unary([0.2, 2], 'Log', 'Sqrt', 'Rsqrt', 'Reciprocal', 'Log1p'),
  ...unary([-0.9, 0.9], 'Asin', 'Acos', 'Atanh'),
  [
    'PlaceholderWithDefault',
    { nodes: { d: { op: 'PlaceholderWithDefault', inputs: 'x' }, y: { op: 'Neg', inputs: 'd' } } },
  ],
  ['Acosh', { shape: [5], values: [1.1, 3], nodes: one('Acosh') }],
  ['Relu6', { shape: [2, 3], values: [-9, 9], nodes: one('Relu6') }],
  ['LeakyRelu', { shape: [2, 3], nodes: one('LeakyRelu', 'x', { alpha: float(0.3) }) }],
  [
    'Prelu of a picture',
    { shape: picture, constants: { alpha: random([1, 1, 4], 2) }, nodes: one('Prelu', 'x alpha') },
  ],
  [
    'Prelu of a matrix',
    { shape: [3, 4], constants: { alpha: random([4], 2) }, nodes: one('Prelu', 'x alpha') },
  ],
  [
    'ClipByValue',
    {
      shape: [9],
      constants: { low: floats([], [-0.5]), high: floats([], [0.25]) },
      nodes: one('ClipByValue', 'x low high'),
    },
  ],
  ...binary(
    'Add',
    'AddV2',
    'Sub',
    'Mul',
    'Div',
    'RealDiv',
    'DivNoNan',
    'FloorDiv',
    'FloorMod',
    'Mod',
    'Minimum',
    'Maximum',
  ),
  ...binary('SquaredDifference', 'Greater', 'Less', 'Atan2'),
  ['BiasAdd', { shape: picture, constants: { b: random([4], 2) }, nodes: one('BiasAdd', 'x b') }],
  ['Pow', { shape: [2, 3], values: [0.2, 2], constants: { b: random([3], 2) }, nodes: one('Pow', 'x b') }],
  ['AddN', { shape: [2, 3], constants: { b: random([2, 3], 2) }, nodes: one('AddN', 'x b x') }],
  [
    'FloorDiv of integers',
    {
      shape: [6],
      dtype: 'DT_INT32',
      values: [-9, 9],
      constants: { b: single(4) },
      nodes: one('FloorDiv', 'x b'),
    },
  ],
  [
    'FloorMod of integers',
    {
      shape: [6],
      dtype: 'DT_INT32',
      values: [-9, 9],
      constants: { b: single(4) },
      nodes: one('FloorMod', 'x b'),
    },
  ],
  ...compared('Equal', 'NotEqual', 'LessEqual', 'GreaterEqual'),
  ...logical('LogicalAnd', 'LogicalOr', 'LogicalNot'),
  ...(['Select', 'SelectV2', 'Where'] as const).map((op): [string, Case] => [
    op,
    {
      shape: [2, 3],
      constants: { zero: floats([], [0]) },
      nodes: {
        c: { op: 'Greater', inputs: 'x zero' },
        n: { op: 'Neg', inputs: 'x' },
        y: op === 'Where' ? { op, inputs: 'c' } : { op, inputs: 'c n x' },
      },
    },
  ]),
  [
    'Cast',
    {
      shape: [6],
      values: [-3, 3],
      nodes: one('Cast', 'x', { SrcT: type('DT_FLOAT'), DstT: type('DT_INT32') }),
    },
  ],
  [
    'IdentityN',
    { shape: [3], nodes: { ...one('IdentityN', 'x x'), z: { op: 'Add', inputs: 'y y:1' } }, outputs: ['z'] },
  ],
  ...reduced('Sum', 'Mean', 'Max', 'Min', 'Prod'),
  ...(['All', 'Any'] as const).map((op): [string, Case] => [
    op,
    {
      shape: [3, 4],
      constants: { axes: list(1), zero: floats([], [0.4]) },
      nodes: { c: { op: 'Less', inputs: 'x zero' }, y: { op, inputs: 'c axes' } },
    },
  ]),
  ['ArgMax', { shape: [3, 4], constants: { axis: single(-1) }, nodes: one('ArgMax', 'x axis') }],
  ['ArgMin', { shape: [3, 4], constants: { axis: single(0) }, nodes: one('ArgMin', 'x axis') }],
  ['Softmax', { shape: [3, 4], nodes: one('Softmax') }],
  ['LogSoftmax', { shape: [3, 4], nodes: one('LogSoftmax') }],
  [
    'TopKV2',
    {
      shape: [2, 9],
      constants: { k: single(3) },
      nodes: one('TopKV2', 'x k', { sorted: flag(true) }),
      outputs: ['y', 'y:1'],
    },
  ],
  [
    'Cumsum',
    {
      shape: [2, 5],
      constants: { axis: single(1) },
      nodes: one('Cumsum', 'x axis', { exclusive: flag(true) }),
    },
  ],
  // layers
  [
    'Conv2D',
    { shape: picture, constants: { w: filter }, nodes: one('Conv2D', 'x w', conv({ strides: strides(2) })) },
  ],
  [
    'Conv2D, dilated',
    {
      shape: picture,
      constants: { w: filter },
      nodes: one('Conv2D', 'x w', conv({ padding: text('VALID'), dilations: strides(2) })),
    },
  ],
  [
    'Conv2D with explicit paddings',
    {
      shape: picture,
      constants: { w: filter },
      nodes: one(
        'Conv2D',
        'x w',
        conv({ padding: text('EXPLICIT'), explicit_paddings: ints(0, 0, 1, 2, 0, 1, 0, 0) }),
      ),
    },
  ],
  [
    'Conv2D, a bias added, hard swish',
    {
      shape: picture,
      constants: { w: filter, b: random([5], 2), three: floats([], [3]), sixth: floats([], [1 / 6]) },
      nodes: {
        c: { op: 'Conv2D', inputs: 'x w', attr: conv({}) },
        d: { op: 'AddV2', inputs: 'c b' },
        e: { op: 'AddV2', inputs: 'd three' },
        f: { op: 'Relu6', inputs: 'e' },
        g: { op: 'Mul', inputs: 'sixth d' },
        y: { op: 'Mul', inputs: 'g f' },
      },
    },
  ],
  [
    'Conv2D, batch normalization, bounds in halves',
    {
      shape: picture,
      constants: { w: random([1, 1, 4, 4], 2), ...norms, zero: floats([], [0]), six: floats([], [0.6]) },
      nodes: {
        c: { op: 'Conv2D', inputs: 'x w', attr: conv({}) },
        n: {
          op: 'FusedBatchNormV3',
          inputs: 'c scale offset mean variance',
          attr: { epsilon: float(0.01), is_training: flag(false) },
        },
        m: { op: 'Minimum', inputs: 'n six' },
        y: { op: 'Maximum', inputs: 'm zero' },
      },
    },
  ],
  ...(
    [
      [['BiasAdd'], 'x w b'],
      [['BiasAdd', 'Relu'], 'x w b'],
      [['BiasAdd', 'Relu6'], 'x w b'],
      [['BiasAdd', 'Elu'], 'x w b'],
      [['BiasAdd', 'LeakyRelu'], 'x w b'],
      [['BiasAdd', 'Prelu'], 'x w b a'],
    ] as const
  ).flatMap(([ops, inputs]): [string, Case][] =>
    // tfjs' own depthwise kernels forget the slope of LeakyRelu.
    (ops[1] === 'LeakyRelu'
      ? (['_FusedConv2D'] as const)
      : (['_FusedConv2D', 'FusedDepthwiseConv2dNative'] as const)
    ).map((op) => {
      const deep = op === '_FusedConv2D' ? 5 : 8;
      return [
        `${op}: ${ops.join(', ')}`,
        {
          shape: picture,
          constants: {
            w: deep === 5 ? filter : depthwise,
            b: random([deep], 2),
            ...(inputs.includes('a') ? { a: random([1, 1, deep], 9) } : {}),
          },
          nodes: one(
            op,
            inputs,
            conv({
              fused_ops: texts(...ops),
              num_args: int(ops[1] === 'Prelu' ? 2 : 1),
              leakyrelu_alpha: float(0.3),
            }),
          ),
        },
      ];
    }),
  ),
  [
    'DepthwiseConv2dNative',
    {
      shape: picture,
      constants: { w: depthwise },
      nodes: one('DepthwiseConv2dNative', 'x w', conv({ strides: strides(2) })),
    },
  ],
  [
    'DepthwiseConv2d',
    {
      shape: picture,
      constants: { w: depthwise },
      nodes: one('DepthwiseConv2d', 'x w', conv({ padding: text('VALID') })),
    },
  ],
  [
    'Conv3D',
    {
      shape: [1, 3, 5, 4, 2],
      constants: { w: random([2, 3, 3, 2, 3], 2) },
      nodes: one('Conv3D', 'x w', {
        padding: text('VALID'),
        strides: ints(1, 1, 1, 1, 1),
        dilations: ints(1, 1, 1, 1, 1),
        data_format: text('NDHWC'),
      }),
    },
  ],
  [
    'Conv2DBackpropInput',
    {
      shape: [2, 3, 4, 5],
      constants: { w: filter, size: list(2, 6, 8, 4) },
      nodes: one('Conv2DBackpropInput', 'size w x', conv({ strides: strides(2) })),
    },
  ],
  [
    'Conv2DBackpropInput of a computed size',
    {
      shape: [2, 3, 4, 5],
      constants: {
        w: filter,
        two: list(1, 2, 2, 1),
        tail: list(4),
        zero: list(0),
        three: list(3),
        one: list(1),
        axis: single(0),
      },
      nodes: {
        s: { op: 'Shape', inputs: 'x' },
        d: { op: 'Mul', inputs: 's two' },
        e: { op: 'StridedSlice', inputs: 'd zero three one' },
        size: { op: 'ConcatV2', inputs: 'e tail axis', attr: { N: int(2) } },
        y: { op: 'Conv2DBackpropInput', inputs: 'size w x', attr: conv({ strides: strides(2) }) },
      },
    },
  ],
  ['MatMul', { shape: [3, 4], constants: { w: random([4, 5], 2) }, nodes: one('MatMul', 'x w') }],
  [
    'MatMul, turned',
    {
      shape: [4, 3],
      constants: { w: random([5, 4], 2) },
      nodes: one('MatMul', 'x w', { transpose_a: flag(true), transpose_b: flag(true) }),
    },
  ],
  [
    'MatMul, a bias added',
    {
      shape: [3, 4],
      constants: { w: random([4, 5], 2), b: random([5], 3) },
      nodes: { m: { op: 'MatMul', inputs: 'x w' }, y: { op: 'BiasAdd', inputs: 'm b' } },
    },
  ],
  [
    '_FusedMatMul',
    {
      shape: [3, 4],
      constants: { w: random([4, 5], 2), b: random([5], 3) },
      nodes: one('_FusedMatMul', 'x w b', { fused_ops: texts('BiasAdd', 'Relu'), num_args: int(1) }),
    },
  ],
  ...(['BatchMatMul', 'BatchMatMulV2'] as const).map((op): [string, Case] => [
    op,
    {
      shape: [2, 3, 4],
      constants: { w: random([2, 5, 4], 2) },
      nodes: one(op, 'x w', { adj_y: flag(true) }),
    },
  ]),
  [
    'Einsum',
    {
      shape: [2, 3, 4],
      constants: { w: random([4, 5], 2) },
      nodes: one('Einsum', 'x w', { equation: text('abc,cd->abd'), N: int(2) }),
    },
  ],
  ...(['MaxPool', 'AvgPool'] as const).flatMap((op): [string, Case][] => [
    [
      op,
      {
        shape: picture,
        nodes: one(op, 'x', { ksize: ints(1, 3, 2, 1), strides: strides(2), padding: text('SAME') }),
      },
    ],
    [
      `${op}3D`,
      {
        shape: [1, 4, 5, 6, 2],
        nodes: one(`${op}3D`, 'x', {
          ksize: ints(1, 2, 2, 2, 1),
          strides: ints(1, 2, 2, 2, 1),
          padding: text('VALID'),
        }),
      },
    ],
  ]),
  ...(['FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'] as const).map((op): [string, Case] => [
    op,
    {
      shape: picture,
      constants: norms,
      nodes: one(op, 'x scale offset mean variance', { epsilon: float(0.01) }),
    },
  ]),
  [
    'LRN',
    {
      shape: picture,
      nodes: one('LRN', 'x', { depth_radius: int(1), bias: float(1), alpha: float(0.5), beta: float(0.7) }),
    },
  ],
  // shapes
  ['Shape', { shape: [2, 3, 4], nodes: one('Shape') }],
  ['Size', { shape: [2, 3, 4], nodes: one('Size') }],
  ['Rank', { shape: [2, 3, 4], nodes: one('Rank') }],
  ['Reshape', { shape: [2, 3, 4], constants: { s: list(4, -1) }, nodes: one('Reshape', 'x s') }],
  ['Transpose', { shape: [2, 3, 4], constants: { p: list(2, 0, 1) }, nodes: one('Transpose', 'x p') }],
  ['Squeeze', { shape: [1, 3, 1, 4], nodes: one('Squeeze', 'x', { squeeze_dims: ints(2) }) }],
  ['Squeeze of every axis', { shape: [1, 3, 1, 4], nodes: one('Squeeze') }],
  ['ExpandDims', { shape: [3, 4], constants: { at: single(-1) }, nodes: one('ExpandDims', 'x at') }],
  ['Concat', { shape: [2, 3], constants: { at: single(1) }, nodes: one('Concat', 'at x x', { N: int(2) }) }],
  [
    'ConcatV2',
    { shape: picture, constants: { at: single(-1) }, nodes: one('ConcatV2', 'x x at', { N: int(2) }) },
  ],
  ['Pack', { shape: [2, 3], nodes: one('Pack', 'x x', { axis: int(1), N: int(2) }) }],
  [
    'Unpack',
    { shape: [2, 3, 4], nodes: one('Unpack', 'x', { axis: int(-2), num: int(3) }), outputs: ['y', 'y:2'] },
  ],
  [
    'Split',
    {
      shape: [2, 6],
      constants: { at: single(1) },
      nodes: one('Split', 'at x', { num_split: int(3) }),
      outputs: ['y', 'y:2'],
    },
  ],
  [
    'SplitV',
    {
      shape: [2, 6],
      constants: { at: single(1), sizes: list(1, 3, 2) },
      nodes: one('SplitV', 'x sizes at', { num_split: int(3) }),
      outputs: ['y:1'],
    },
  ],
  [
    'Slice',
    { shape: [3, 4, 5], constants: { b: list(1, 0, 2), s: list(1, -1, 2) }, nodes: one('Slice', 'x b s') },
  ],
  [
    'StridedSlice',
    {
      shape: [5, 6, 7],
      constants: { b: list(-1, 1, 0), e: list(0, 5, 3), s: list(-2, 2, 1) },
      nodes: one('StridedSlice', 'x b e s', { end_mask: int(1) }),
    },
  ],
  [
    'StridedSlice with every mask',
    {
      shape: [3, 4, 5, 6],
      constants: { b: list(1, 0, 0, -2, 2), e: list(2, 0, 0, 0, 4), s: list(1, 1, 1, 1, 1) },
      nodes: one('StridedSlice', 'x b e s', {
        new_axis_mask: int(2),
        ellipsis_mask: int(4),
        shrink_axis_mask: int(8),
        begin_mask: int(16),
      }),
    },
  ],
  ['Gather', { shape: [5, 3], constants: { i: list(4, 0, 4) }, nodes: one('Gather', 'x i') }],
  [
    'GatherV2',
    {
      shape: [2, 5, 3],
      constants: { i: integers([2, 2], [4, 0, 1, 1]), at: single(1) },
      nodes: one('GatherV2', 'x i at'),
    },
  ],
  [
    'GatherV2, batch by batch',
    {
      shape: [2, 5, 3],
      constants: { i: integers([2, 2], [4, 0, 1, 1]), at: single(1) },
      nodes: one('GatherV2', 'x i at', { batch_dims: int(1) }),
    },
  ],
  [
    'GatherNd',
    {
      shape: [4, 5, 3],
      constants: { i: integers([3, 2], [0, 1, 3, 4, 2, 2]) },
      nodes: one('GatherNd', 'x i'),
    },
  ],
  [
    'ScatterNd',
    {
      shape: [3, 2],
      constants: { i: integers([3, 1], [4, 0, 2]), s: list(5, 2) },
      nodes: one('ScatterNd', 'i x s'),
    },
  ],
  [
    'TensorScatterUpdate',
    {
      shape: [5, 2],
      constants: { i: integers([2, 1], [4, 1]), u: random([2, 2], 2) },
      nodes: one('TensorScatterUpdate', 'x i u'),
    },
  ],
  ['Tile', { shape: [2, 3], constants: { r: list(2, 3) }, nodes: one('Tile', 'x r') }],
  ['BroadcastTo', { shape: [2, 1, 3], constants: { s: list(2, 4, 3) }, nodes: one('BroadcastTo', 'x s') }],
  ['Fill', { shape: [], constants: { s: list(2, 3) }, nodes: one('Fill', 's x') }],
  [
    'Range',
    {
      shape: [4],
      constants: { zero: single(0), one: single(1) },
      nodes: {
        n: { op: 'Size', inputs: 'x' },
        r: { op: 'Range', inputs: 'zero n one' },
        c: { op: 'Cast', inputs: 'r', attr: { DstT: type('DT_FLOAT') } },
        y: { op: 'Mul', inputs: 'x c' },
      },
    },
  ],
  [
    'OneHot',
    {
      shape: [2, 3],
      dtype: 'DT_INT32',
      values: [0, 4],
      constants: { n: single(5), on: floats([], [2]), off: floats([], [-1]) },
      nodes: one('OneHot', 'x n on off', { axis: int(-1) }),
    },
  ],
  ['ReverseV2', { shape: [2, 3, 4], constants: { at: list(0, -1) }, nodes: one('ReverseV2', 'x at') }],
  [
    'Pad',
    {
      shape: picture,
      constants: { p: integers([4, 2], [0, 0, 1, 2, 0, 3, 1, 0]) },
      nodes: one('Pad', 'x p'),
    },
  ],
  [
    'PadV2',
    {
      shape: [2, 3],
      constants: { p: integers([2, 2], [1, 0, 0, 2]), v: floats([], [7]) },
      nodes: one('PadV2', 'x p v'),
    },
  ],
  ...(['REFLECT', 'SYMMETRIC'] as const).map((mode): [string, Case] => [
    `MirrorPad, ${mode}`,
    {
      shape: [3, 4],
      constants: { p: integers([2, 2], [2, 1, 0, 2]) },
      nodes: one('MirrorPad', 'x p', { mode: text(mode) }),
    },
  ]),
  [
    'DepthToSpace',
    {
      shape: [2, 2, 3, 8],
      nodes: one('DepthToSpace', 'x', { block_size: int(2), data_format: text('NHWC') }),
    },
  ],
  [
    'SpaceToBatchND',
    {
      shape: [2, 4, 5, 3],
      constants: { b: list(2, 2), p: integers([2, 2], [0, 0, 1, 0]) },
      nodes: one('SpaceToBatchND', 'x b p'),
    },
  ],
  [
    'BatchToSpaceND',
    {
      shape: [8, 2, 3, 3],
      constants: { b: list(2, 2), c: integers([2, 2], [0, 0, 1, 0]) },
      nodes: one('BatchToSpaceND', 'x b c'),
    },
  ],
  // pictures
  ...(['ResizeBilinear', 'ResizeNearestNeighbor'] as const).flatMap((op) =>
    ([{}, { align_corners: flag(true) }, { half_pixel_centers: flag(true) }] as const).map(
      (attr): [string, Case] => [
        `${op} ${Object.keys(attr).join()}`.trim(),
        { shape: picture, constants: { s: list(9, 5) }, nodes: one(op, 'x s', attr) },
      ],
    ),
  ),
  [
    'CropAndResize',
    {
      shape: picture,
      constants: { boxes: floats([2, 4], [0, 0, 0.7, 0.8, 0.2, 0.3, 1, 1.2]), at: list(1, 0), s: list(4, 3) },
      nodes: one('CropAndResize', 'x boxes at s', {
        method: text('bilinear'),
        extrapolation_value: float(0.5),
      }),
    },
  ],
  ...(['NonMaxSuppressionV3', 'NonMaxSuppressionV4', 'NonMaxSuppressionV5'] as const).map(
    (op): [string, Case] => [
      op,
      {
        shape: [4],
        values: [0, 0.01],
        constants: { ...suppressed, sigma: floats([], [0]), axis: single(0) },
        nodes: {
          s: { op: 'Add', inputs: 'x scores' },
          y: {
            op,
            inputs: `boxes s most iou least${op.endsWith('5') ? ' sigma' : ''}`,
            attr: { pad_to_max_output_size: flag(op.endsWith('4')) },
          },
          g: { op: 'GatherV2', inputs: 's y axis' },
        },
        outputs: ['g', 'y'],
      },
    ],
  ),
];

/** Operators under a second name, and SpaceToDepth, which tfjs' executor has not. */
const shown = new Set(['Concat', 'Gather', 'TopK', 'Reverse', 'NonMaxSuppressionV2', 'SpaceToDepth']);

describe('the operators of TensorFlow', () => {
  it('each stand in a case', () => {
    const inCases = new Set(cases.flatMap(([, { nodes }]) => Object.values(nodes).map(({ op }) => op)));
    const all = Object.values(operatorGroups).flatMap((table) => Object.keys(table));
    expect(all.filter((op) => !inCases.has(op) && !shown.has(op))).to.deep.equal([]);
  });
});

describeBackends('operators of TensorFlow', (backend) => {
  before(() => (backend === 'wasm' ? installFastKernels('wasm') : undefined));

  for (const [title, { shape = [3], dtype, values, constants, nodes, outputs = ['y'] }] of cases) {
    it(title, async () => {
      const parts = graphModel({
        inputs: { x: { shape, dtype: dtype ?? 'DT_FLOAT' } },
        ...(constants === undefined ? {} : { constants }),
        nodes,
        outputs: Object.fromEntries(outputs.map((name) => [name, name.includes(':') ? name : `${name}:0`])),
      });
      const numbers = randoms(tf.util.sizeFromShape([...shape]), 1, values);
      const x = tf.tensor(
        numbers.map((v) => (dtype === undefined ? v : Math.floor(v))),
        [...shape],
        dtype === undefined ? 'float32' : 'int32',
      );
      const executor = await executorOf(parts);
      await tf.setBackend('cpu');
      const expected = [await executor.executeAsync({ x }, outputs as string[])].flat();
      const wanted = await Promise.all(expected.map(async (y) => ({ shape: y.shape, data: await y.data() })));
      executor.dispose();
      tf.dispose(expected);
      await tf.setBackend(backend);
      const before = tf.memory().numTensors;
      const model = await importTfjs<tf.Tensor | Record<string, tf.Tensor>>(filesOf(parts));
      const y = await model.callAsync(x);
      const actual = y instanceof tf.Tensor ? [y] : outputs.map((name) => y[name]!);
      for (const [i, tensor] of actual.entries()) {
        expect(tensor.shape).to.deep.equal(wanted[i]!.shape);
        expectClose(await tensor.data(), wanted[i]!.data, backend === 'webgpu' ? 5e-4 : 1e-5);
      }
      tf.dispose(actual);
      model.dispose();
      expect(tf.memory().numTensors).to.equal(before);
      x.dispose();
    });
  }
});
