/** TFLite's operators in TensorFlow's. Numbers of operators and of fields of their options are those of TensorFlow's schema.fbs. */
import { FormatError, type NamedArray } from '@chaingrad/core';
import type { TfliteOperator } from '@chaingrad/weights';
import { UnsupportedForm } from '../errors.ts';
import { hostArray, type Numbers, strided, stridesOf } from '../values/host-array.ts';
import type { AttributeJson, TfliteConverter } from './converter.ts';

/** Types of elements as GraphDef names them. */
export const typeNames: Readonly<Record<string, string>> = {
  float32: 'DT_FLOAT',
  float16: 'DT_FLOAT',
  float64: 'DT_DOUBLE',
  int32: 'DT_INT32',
  int64: 'DT_INT64',
  int16: 'DT_INT16',
  int8: 'DT_INT8',
  uint8: 'DT_UINT8',
  bool: 'DT_BOOL',
};

type Write = (c: TfliteConverter) => void;

interface Translation {
  readonly name: string;
  readonly write: Write;
}

const flag = (value: number) => ({ b: value !== 0 });
const integer = (value: number) => ({ i: value });
const integers = (...values: number[]) => ({ list: { i: values } });
const text = (value: string) => ({ s: btoa(value) });

function paddingOf(value: number): AttributeJson {
  if (value !== 0 && value !== 1) throw new UnsupportedForm(`padding ${value}.`);
  return text(value === 0 ? 'SAME' : 'VALID');
}

/** The axes of a constant in another order. */
function turned(array: NamedArray, perm: readonly number[], c: TfliteConverter): NamedArray {
  if (array.shape.length !== perm.length)
    throw new FormatError(
      { file: c.file, key: c.outputTensor.name },
      `weights of ${perm.length} axes`,
      `(${array.shape.join(', ')})`,
    );
  const strides = stridesOf(array.shape);
  const host = hostArray(array.dtype as 'float32', array.shape, [...(array.data as Numbers)]);
  const out = strided(
    host,
    perm.map((axis) => array.shape[axis]!),
    perm.map((axis) => strides[axis]!),
  );
  return { dtype: array.dtype, shape: out.shape, data: out.data } as NamedArray;
}

const convolution: Write = (c) => {
  const filter = c.filter(1, 'HWIO', (array) => turned(array, [1, 2, 3, 0], c));
  const inner = c.constant(1)!.shape[3]!;
  const channels = c.tensor(0).shape[3] ?? inner;
  const bias = c.has(2);
  c.give('_FusedConv2D', [c.ref(0), filter, ...(bias ? [c.ref(2)] : [])], {
    padding: paddingOf(c.byte(0)),
    strides: integers(1, c.int(2), c.int(1), 1),
    dilations: integers(1, c.int(5, 1), c.int(4, 1), 1),
    ...(channels === inner ? {} : { groups: integer(channels / inner) }),
    ...c.fused(bias, c.byte(3)),
  });
};

const depthwise: Write = (c) => {
  const multiplier = c.int(3);
  const filter = c.filter(1, 'HWCM', (array) => {
    const [one, kh, kw, channels] = array.shape as [number, number, number, number];
    if (one !== 1 || array.shape.length !== 4 || !(multiplier > 0 && channels % multiplier === 0))
      throw new FormatError(
        { file: c.file, key: c.outputTensor.name },
        `weights (1, kh, kw, a multiple of ${multiplier})`,
        `(${array.shape.join(', ')})`,
      );
    return { ...array, shape: [kh, kw, channels / multiplier, multiplier] };
  });
  const bias = c.has(2);
  c.give('FusedDepthwiseConv2dNative', [c.ref(0), filter, ...(bias ? [c.ref(2)] : [])], {
    padding: paddingOf(c.byte(0)),
    strides: integers(1, c.int(2), c.int(1), 1),
    dilations: integers(1, c.int(6, 1), c.int(5, 1), 1),
    ...c.fused(bias, c.byte(4)),
  });
};

/** Inputs: the size of the output, weights (out, kh, kw, in), what goes in, a bias. */
const transposedConvolution: Write = (c) => {
  const filter = c.filter(1, 'HWOI', (array) => turned(array, [1, 2, 0, 3], c));
  const attributes = { padding: paddingOf(c.byte(0)), strides: integers(1, c.int(2), c.int(1), 1) };
  const inputs = [c.ref(0), filter, c.ref(2)];
  if (!c.has(3)) c.giveActive(c.byte(3), 'Conv2DBackpropInput', inputs, attributes);
  else c.giveActive(c.byte(3), 'BiasAdd', [c.emit('Conv2DBackpropInput', inputs, attributes), c.ref(3)]);
};

/** What has more axes than two is a matrix first, and again what it was afterwards where that is asked for. */
const fullyConnected: Write = (c) => {
  const { shape } = c.tensor(1);
  const bias = c.has(2);
  const flat =
    c.tensor(0).shape.length === 2 ? c.ref(0) : c.emit('Reshape', [c.ref(0), c.list([-1, shape[1]!])]);
  const inputs = [flat, c.ref(1), ...(bias ? [c.ref(2)] : [])];
  const attributes = { transpose_b: flag(1), ...c.fused(bias, c.byte(0)) };
  const out = c.outputTensor.shape;
  if (out.length === 2) c.give('_FusedMatMul', inputs, attributes);
  else c.give('Reshape', [c.emit('_FusedMatMul', inputs, attributes), c.list(out)]);
};

const pool =
  (op: string): Write =>
  (c) =>
    c.giveActive(c.byte(5), op, [c.ref(0)], {
      padding: paddingOf(c.byte(0)),
      strides: integers(1, c.int(2), c.int(1), 1),
      ksize: integers(1, c.int(4), c.int(3), 1),
    });

/** An operator under TensorFlow's name, with what its options say. */
const plain =
  (op: string, attributes: (c: TfliteConverter) => AttributeJson = () => ({})): Write =>
  (c) =>
    c.give(op, c.refs(), attributes(c));

/** Arithmetic with an activation. */
const active =
  (op: string): Write =>
  (c) =>
    c.giveActive(c.byte(0), op);

const reduction = (op: string): Write => plain(op, (c) => ({ keep_dims: flag(c.byte(0)) }));

const reshape: Write = (c) => c.give('Reshape', [c.ref(0), c.has(1) ? c.ref(1) : c.list(c.ints(0))]);

const softmax: Write = (c) => {
  const beta = c.float(0, 1);
  c.give('Softmax', [beta === 1 ? c.ref(0) : c.emit('Mul', [c.ref(0), c.number(beta)])]);
};

const hardSwish: Write = (c) => {
  const gate = c.emit('Relu6', [c.emit('AddV2', [c.ref(0), c.number(3)])]);
  c.give('Mul', [c.emit('Mul', [c.ref(0), gate]), c.number(1 / 6)]);
};

/** Of its own accord a float: what it was made of is one already. */
const dequantize: Write = (c) => {
  if (c.tensor(0).quantized && c.tensor(0).constant === null)
    throw new UnsupportedForm('an array of quantized integers that are computed.');
  c.give('Identity', [c.ref(0)]);
};

const cast: Write = (c) => {
  const type = typeNames[c.outputTensor.dtype ?? ''];
  if (type === undefined) throw new UnsupportedForm('a cast to values that are no numbers.');
  c.give('Cast', [c.ref(0)], { DstT: { type } });
};

const masks = ['begin_mask', 'end_mask', 'ellipsis_mask', 'new_axis_mask', 'shrink_axis_mask'];

const concat: Write = (c) => c.giveActive(c.byte(1), 'ConcatV2', [...c.refs(), c.list([c.int(0)], [])]);

const resize = (op: string, first: number): Write =>
  plain(op, (c) => ({ align_corners: flag(c.byte(first)), half_pixel_centers: flag(c.byte(first + 1)) }));

const rows: readonly (readonly [code: number, name: string, write: Write])[] = [
  [0, 'ADD', active('AddV2')],
  [1, 'AVERAGE_POOL_2D', pool('AvgPool')],
  [2, 'CONCATENATION', concat],
  [3, 'CONV_2D', convolution],
  [4, 'DEPTHWISE_CONV_2D', depthwise],
  [5, 'DEPTH_TO_SPACE', plain('DepthToSpace', (c) => ({ block_size: integer(c.int(0)) }))],
  [6, 'DEQUANTIZE', dequantize],
  [8, 'FLOOR', plain('Floor')],
  [9, 'FULLY_CONNECTED', fullyConnected],
  [14, 'LOGISTIC', plain('Sigmoid')],
  [17, 'MAX_POOL_2D', pool('MaxPool')],
  [18, 'MUL', active('Mul')],
  [19, 'RELU', plain('Relu')],
  [20, 'RELU_N1_TO_1', (c) => c.give('ClipByValue', [c.ref(0), c.number(-1), c.number(1)])],
  [21, 'RELU6', plain('Relu6')],
  [22, 'RESHAPE', reshape],
  [23, 'RESIZE_BILINEAR', resize('ResizeBilinear', 2)],
  [25, 'SOFTMAX', softmax],
  [26, 'SPACE_TO_DEPTH', plain('SpaceToDepth', (c) => ({ block_size: integer(c.int(0)) }))],
  [28, 'TANH', plain('Tanh')],
  [34, 'PAD', plain('Pad')],
  [
    36,
    'GATHER',
    (c) =>
      c.give('GatherV2', [c.ref(0), c.ref(1), c.list([c.int(0)], [])], { batch_dims: integer(c.int(1)) }),
  ],
  [37, 'BATCH_TO_SPACE_ND', plain('BatchToSpaceND')],
  [38, 'SPACE_TO_BATCH_ND', plain('SpaceToBatchND')],
  [39, 'TRANSPOSE', plain('Transpose')],
  [40, 'MEAN', reduction('Mean')],
  [41, 'SUB', active('Sub')],
  [42, 'DIV', active('RealDiv')],
  [43, 'SQUEEZE', plain('Squeeze', (c) => ({ squeeze_dims: integers(...c.ints(0)) }))],
  [
    45,
    'STRIDED_SLICE',
    plain('StridedSlice', (c) => Object.fromEntries(masks.map((name, i) => [name, integer(c.int(i))]))),
  ],
  [47, 'EXP', plain('Exp')],
  [48, 'TOPK_V2', plain('TopKV2')],
  [49, 'SPLIT', plain('Split', (c) => ({ num_split: integer(c.outputCount) }))],
  [50, 'LOG_SOFTMAX', plain('LogSoftmax')],
  [53, 'CAST', cast],
  [54, 'PRELU', plain('Prelu')],
  [55, 'MAXIMUM', plain('Maximum')],
  [56, 'ARG_MAX', plain('ArgMax')],
  [57, 'MINIMUM', plain('Minimum')],
  [58, 'LESS', plain('Less')],
  [59, 'NEG', plain('Neg')],
  [60, 'PADV2', plain('PadV2')],
  [61, 'GREATER', plain('Greater')],
  [62, 'GREATER_EQUAL', plain('GreaterEqual')],
  [63, 'LESS_EQUAL', plain('LessEqual')],
  [64, 'SELECT', plain('Select')],
  [65, 'SLICE', plain('Slice')],
  [66, 'SIN', plain('Sin')],
  [67, 'TRANSPOSE_CONV', transposedConvolution],
  [69, 'TILE', plain('Tile')],
  [70, 'EXPAND_DIMS', plain('ExpandDims')],
  [71, 'EQUAL', plain('Equal')],
  [72, 'NOT_EQUAL', plain('NotEqual')],
  [73, 'LOG', plain('Log')],
  [74, 'SUM', reduction('Sum')],
  [75, 'SQRT', plain('Sqrt')],
  [76, 'RSQRT', plain('Rsqrt')],
  [77, 'SHAPE', plain('Shape')],
  [78, 'POW', plain('Pow')],
  [79, 'ARG_MIN', plain('ArgMin')],
  [81, 'REDUCE_PROD', reduction('Prod')],
  [82, 'REDUCE_MAX', reduction('Max')],
  [83, 'PACK', plain('Pack', (c) => ({ axis: integer(c.int(1)) }))],
  [84, 'LOGICAL_OR', plain('LogicalOr')],
  [86, 'LOGICAL_AND', plain('LogicalAnd')],
  [87, 'LOGICAL_NOT', plain('LogicalNot')],
  [88, 'UNPACK', plain('Unpack', (c) => ({ num: integer(c.outputCount), axis: integer(c.int(1)) }))],
  [89, 'REDUCE_MIN', reduction('Min')],
  [90, 'FLOOR_DIV', plain('FloorDiv')],
  [92, 'SQUARE', plain('Square')],
  [93, 'ZEROS_LIKE', plain('ZerosLike')],
  [94, 'FILL', plain('Fill')],
  [95, 'FLOOR_MOD', plain('FloorMod')],
  [96, 'RANGE', plain('Range')],
  [97, 'RESIZE_NEAREST_NEIGHBOR', resize('ResizeNearestNeighbor', 0)],
  [98, 'LEAKY_RELU', plain('LeakyRelu', (c) => ({ alpha: { f: c.float(0, 0) } }))],
  [99, 'SQUARED_DIFFERENCE', plain('SquaredDifference')],
  [100, 'MIRROR_PAD', plain('MirrorPad', (c) => ({ mode: text(c.byte(0) === 0 ? 'REFLECT' : 'SYMMETRIC') }))],
  [101, 'ABS', plain('Abs')],
  [102, 'SPLIT_V', plain('SplitV', (c) => ({ num_split: integer(c.outputCount) }))],
  [104, 'CEIL', plain('Ceil')],
  [105, 'REVERSE_V2', plain('ReverseV2')],
  [106, 'ADD_N', plain('AddN')],
  [107, 'GATHER_ND', plain('GatherNd')],
  [108, 'COS', plain('Cos')],
  [111, 'ELU', plain('Elu')],
  [116, 'ROUND', plain('Round')],
  [117, 'HARD_SWISH', hardSwish],
  [123, 'SELECT_V2', plain('SelectV2')],
  [126, 'BATCH_MATMUL', plain('BatchMatMulV2', (c) => ({ adj_x: flag(c.byte(0)), adj_y: flag(c.byte(1)) }))],
  [128, 'CUMSUM', plain('Cumsum', (c) => ({ exclusive: flag(c.byte(0)), reverse: flag(c.byte(1)) }))],
  [130, 'BROADCAST_TO', plain('BroadcastTo')],
];

/** By the number of the operator. */
export const tfliteTranslations: Readonly<Record<number, Translation>> = Object.fromEntries(
  rows.map(([code, name, write]) => [code, { name, write }]),
);

export const nameOfCode = ({ code, custom }: TfliteOperator): string =>
  tfliteTranslations[code]?.name ?? (custom !== '' ? custom : `operator ${code}`);
