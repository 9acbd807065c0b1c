/**
 * The shape rule of every kernel that a forward pass may use: what each gives, without computing it.
 * Rules stand next to their neighbours, so that an omission is visible. Kernels go by their tfjs names.
 */
import {
  AVG_POOL_2D,
  AVG_POOL_2D_GRAD,
  CONV_2D,
  CONV_2D_BACKPROP_FILTER,
  CONV_2D_BACKPROP_INPUT,
  type Conv2DAttrs,
  type CSRAttrs,
  MAX_POOL_2D,
  MAX_POOL_2D_GRAD,
  type Pool2DAttrs,
  SPARSE_ARG_MAX,
  SPARSE_MAT_MUL,
} from '@chaingrad/kernels';
import { backend_util, type DataType, slice_util, util } from '@tensorflow/tfjs-core';

/** What is known of a tensor here. */
export interface ShapeInfo {
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

/** The outputs of a kernel, and the multiply-accumulate operations it costs. */
export interface Inferred {
  readonly out: ShapeInfo | readonly ShapeInfo[];
  readonly macs?: number;
}

type Inputs = Readonly<Record<string, ShapeInfo>>;
type Attrs = Readonly<Record<string, unknown>>;
export type ShapeRule = (inputs: Inputs, attrs: Attrs) => Inferred;

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

// ---- rules that many kernels share ------------------------------------------------------------------------------

const sameAs =
  (input: string, dtype?: DataType): ShapeRule =>
  (inputs) => ({ out: { shape: inputs[input]!.shape, dtype: dtype ?? inputs[input]!.dtype } });

const broadcast =
  (dtype?: DataType): ShapeRule =>
  ({ a, b }) => ({
    out: {
      shape: backend_util.assertAndGetBroadcastShape([...a!.shape], [...b!.shape]),
      dtype: dtype ?? a!.dtype,
    },
  });

const reduce =
  (axesKey: string, dtype?: DataType): ShapeRule =>
  ({ x }, attrs) => {
    const given = attrs[axesKey] as number | number[];
    const axes = util.parseAxisParam(given, [...x!.shape]);
    const [reduced] = backend_util.computeOutAndReduceShapes([...x!.shape], axes);
    const shape = attrs['keepDims'] ? backend_util.expandShapeToKeepDim(reduced, axes) : reduced;
    return { out: { shape, dtype: dtype ?? x!.dtype } };
  };

/** tfjs' own convolutions and pools; filters are HWIO. */
const conv =
  (depthwise: boolean): ShapeRule =>
  ({ x, filter }, attrs) => {
    const info = backend_util.computeConv2DInfo(
      x!.shape as [number, number, number, number],
      filter!.shape as [number, number, number, number],
      attrs['strides'] as [number, number],
      (attrs['dilations'] ?? 1) as [number, number],
      attrs['pad'] as 'same' | 'valid' | number,
      attrs['dimRoundingMode'] as 'floor' | 'round' | 'ceil' | undefined,
      depthwise,
    );
    const perOutput = info.filterHeight * info.filterWidth * (depthwise ? 1 : info.inChannels);
    return { out: { shape: info.outShape, dtype: x!.dtype }, macs: sizeOf(info.outShape) * perOutput };
  };

const pool: ShapeRule = ({ x }, attrs) => ({
  out: {
    shape: backend_util.computePool2DInfo(
      x!.shape as [number, number, number, number],
      attrs['filterSize'] as [number, number],
      attrs['strides'] as [number, number],
      1,
      attrs['pad'] as 'same' | 'valid' | number,
      attrs['dimRoundingMode'] as 'floor' | 'round' | 'ceil' | undefined,
    ).outShape,
    dtype: x!.dtype,
  },
});

const matMul: ShapeRule = ({ a, b }, { transposeA, transposeB }) => {
  const [m, k] = [a!.shape.at(transposeA ? -1 : -2)!, a!.shape.at(transposeA ? -2 : -1)!];
  const n = b!.shape.at(transposeB ? -2 : -1)!;
  const batch = backend_util.assertAndGetBroadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
  const shape = [...batch, m, n];
  return { out: { shape, dtype: a!.dtype }, macs: sizeOf(shape) * k };
};

const resize: ShapeRule = ({ images }, attrs) => {
  const [n, , , c] = images!.shape;
  const [h, w] = attrs['size'] as [number, number];
  return { out: { shape: [n!, h, w, c!], dtype: 'float32' } };
};

// ---- chaingrad's own kernels --------------------------------------------------------------------------------------

const ownConv: ShapeRule = ({ x, filter }, attributes) => {
  const attrs = attributes as unknown as Conv2DAttrs;
  const [n, h, w] = x!.shape as [number, number, number];
  const [o, c, kh, kw] = filter!.shape as [number, number, number, number];
  const size = (i: number, pads: number, k: number, d: number, s: number) =>
    Math.floor((i + pads - ((k - 1) * d + 1)) / s) + 1;
  const { pad, dilation, stride } = attrs;
  const shape = [
    n,
    size(h, pad[0] + pad[1], kh, dilation[0], stride[0]),
    size(w, pad[2] + pad[3], kw, dilation[1], stride[1]),
    o,
  ];
  return { out: { shape, dtype: 'float32' }, macs: sizeOf(shape) * c * kh * kw };
};

const ownPool: ShapeRule = ({ x }, attributes) => {
  const { ksize, pad, stride } = attributes as unknown as Pool2DAttrs;
  const [n, h, w, c] = x!.shape as [number, number, number, number];
  const shape = [
    n,
    Math.floor((h + pad[0] + pad[1] - ksize[0]) / stride[0]) + 1,
    Math.floor((w + pad[2] + pad[3] - ksize[1]) / stride[1]) + 1,
    c,
  ];
  return { out: { shape, dtype: 'float32' } };
};

/** A sparse matrix by rows of channels. */
const csr =
  (dtype: DataType): ShapeRule =>
  ({ x }, attributes) => {
    const { matrix } = attributes as unknown as CSRAttrs;
    const channels = x!.shape[1]!;
    return { out: { shape: [matrix.shape[0], channels], dtype }, macs: matrix.columns.length * channels };
  };

const attrShape =
  (key: string, input: string): ShapeRule =>
  (inputs, attrs) => ({ out: { shape: attrs[key] as number[], dtype: inputs[input]!.dtype } });

const floats = (...names: string[]): [string, ShapeRule][] => names.map((name) => [name, sameAs('x')]);

export const shapeRules: ReadonlyMap<string, ShapeRule> = new Map<string, ShapeRule>([
  // elementwise, one input
  ...floats(
    'Abs',
    'Acos',
    'Acosh',
    'Asin',
    'Asinh',
    'Atan',
    'Atanh',
    'Ceil',
    'ClipByValue',
    'Cos',
    'Cosh',
    'Elu',
  ),
  ...floats('Erf', 'Exp', 'Expm1', 'Floor', 'Identity', 'LeakyRelu', 'Log', 'Log1p', 'LRN', 'Neg', 'Prelu'),
  ...floats(
    'Reciprocal',
    'Relu',
    'Relu6',
    'Round',
    'Rsqrt',
    'Selu',
    'Sigmoid',
    'Sign',
    'Sin',
    'Sinh',
    'Softplus',
  ),
  ...floats('Sqrt', 'Square', 'Step', 'Tan', 'Tanh', 'ZerosLike', 'OnesLike', 'Cumsum', 'Cumprod', 'Reverse'),
  ...floats('FusedBatchNorm', 'RotateWithOffset'),
  ['Softmax', sameAs('logits')],
  ['LogSoftmax', sameAs('logits')],
  ['LogicalNot', sameAs('x', 'bool')],
  ['IsNan', sameAs('x', 'bool')],
  ['IsInf', sameAs('x', 'bool')],
  ['IsFinite', sameAs('x', 'bool')],
  ['Cast', ({ x }, attrs) => ({ out: { shape: x!.shape, dtype: attrs['dtype'] as DataType } })],
  // elementwise, two inputs
  ...[
    'Add',
    'Sub',
    'Multiply',
    'RealDiv',
    'FloorDiv',
    'Mod',
    'Pow',
    'Maximum',
    'Minimum',
    'SquaredDifference',
    'Atan2',
  ].map((name): [string, ShapeRule] => [name, broadcast()]),
  ...['Equal', 'NotEqual', 'Less', 'LessEqual', 'Greater', 'GreaterEqual', 'LogicalAnd', 'LogicalOr'].map(
    (name): [string, ShapeRule] => [name, broadcast('bool')],
  ),
  ['AddN', (inputs) => ({ out: Object.values(inputs)[0]! })],
  ['Select', ({ t }) => ({ out: t! })],
  // reductions
  ['Sum', reduce('axis')],
  ['Mean', reduce('axis', 'float32')],
  ['Max', reduce('reductionIndices')],
  ['Min', reduce('axis')],
  ['Prod', reduce('axis')],
  ['All', reduce('axis', 'bool')],
  ['Any', reduce('axis', 'bool')],
  ['ArgMax', reduce('axis', 'int32')],
  ['ArgMin', reduce('axis', 'int32')],
  [
    'TopK',
    ({ x }, { k }) => {
      const shape = [...x!.shape.slice(0, -1), k as number];
      return {
        out: [
          { shape, dtype: x!.dtype },
          { shape, dtype: 'int32' },
        ],
      };
    },
  ],
  // shapes
  [
    'Reshape',
    ({ x }, attrs) => ({
      out: {
        shape: util.inferFromImplicitShape(attrs['shape'] as number[], sizeOf(x!.shape)),
        dtype: x!.dtype,
      },
    }),
  ],
  [
    'ExpandDims',
    ({ input }, { dim }) => ({
      out: {
        shape: input!.shape.toSpliced(
          ((dim as number) + input!.shape.length + 1) % (input!.shape.length + 1),
          0,
          1,
        ),
        dtype: input!.dtype,
      },
    }),
  ],
  [
    'Transpose',
    ({ x }, { perm }) => ({ out: { shape: (perm as number[]).map((p) => x!.shape[p]!), dtype: x!.dtype } }),
  ],
  [
    'Concat',
    (inputs, { axis }) => {
      const all = Object.values(inputs);
      const at = util.parseAxisParam(axis as number, [...all[0]!.shape])[0]!;
      return {
        out: {
          shape: backend_util.computeOutShape(
            all.map((t) => [...t.shape]),
            at,
          ),
          dtype: all[0]!.dtype,
        },
      };
    },
  ],
  [
    'Pack',
    (inputs, { axis }) => {
      const all = Object.values(inputs);
      const rank = all[0]!.shape.length + 1;
      return {
        out: {
          shape: all[0]!.shape.toSpliced(((axis as number) + rank) % rank, 0, all.length),
          dtype: all[0]!.dtype,
        },
      };
    },
  ],
  [
    'Unpack',
    ({ value }, { axis }) => {
      const at = ((axis as number) + value!.shape.length) % value!.shape.length;
      const shape = value!.shape.toSpliced(at, 1);
      return { out: Array.from({ length: value!.shape[at]! }, () => ({ shape, dtype: value!.dtype })) };
    },
  ],
  [
    'Slice',
    ({ x }, { begin, size }) => {
      const shape = slice_util.parseSliceParams(
        { shape: [...x!.shape], rank: x!.shape.length } as never,
        begin as number[],
        size as number[],
      )[1]!;
      return { out: { shape, dtype: x!.dtype } };
    },
  ],
  [
    'StridedSlice',
    ({ x }, a) => {
      const info = slice_util.sliceInfo(
        [...x!.shape],
        a['begin'] as number[],
        a['end'] as number[],
        a['strides'] as number[],
        a['beginMask'] as number,
        a['endMask'] as number,
        a['ellipsisMask'] as number,
        a['newAxisMask'] as number,
        a['shrinkAxisMask'] as number,
      );
      return { out: { shape: info.finalShape, dtype: x!.dtype } };
    },
  ],
  [
    'SplitV',
    ({ x }, { numOrSizeSplits, axis }) => {
      const at = util.parseAxisParam(axis as number, [...x!.shape])[0]!;
      const sizes = backend_util.prepareSplitSize(
        { shape: [...x!.shape] } as never,
        numOrSizeSplits as number[],
        at,
      );
      return { out: sizes.map((n) => ({ shape: x!.shape.toSpliced(at, 1, n), dtype: x!.dtype })) };
    },
  ],
  ...['PadV2', 'MirrorPad'].map((name): [string, ShapeRule] => [
    name,
    ({ x }, { paddings }) => ({
      out: {
        shape: (paddings as [number, number][]).map(([lo, hi], i) => x!.shape[i]! + lo + hi),
        dtype: x!.dtype,
      },
    }),
  ]),
  [
    'Tile',
    ({ x }, { reps }) => ({
      out: { shape: x!.shape.map((n, i) => n * (reps as number[])[i]!), dtype: x!.dtype },
    }),
  ],
  ['BroadcastTo', ({ x }, { shape }) => ({ out: { shape: shape as number[], dtype: x!.dtype } })],
  [
    'Fill',
    (_, { shape, dtype }) => ({
      out: { shape: shape as number[], dtype: (dtype as DataType | undefined) ?? 'float32' },
    }),
  ],
  [
    'Range',
    (_, { start, stop, step, dtype }) => ({
      out: {
        shape: [Math.max(0, Math.ceil(((stop as number) - (start as number)) / (step as number)))],
        dtype: dtype as DataType,
      },
    }),
  ],
  [
    'OneHot',
    ({ indices }, { depth, dtype }) => ({
      out: {
        shape: [...indices!.shape, depth as number],
        dtype: (dtype as DataType | undefined) ?? 'float32',
      },
    }),
  ],
  [
    'GatherV2',
    ({ x, indices }, { axis, batchDims }) => {
      const at = util.parseAxisParam(axis as number, [...x!.shape])[0]!;
      return {
        out: {
          shape: [
            ...x!.shape.slice(0, at),
            ...indices!.shape.slice((batchDims as number | undefined) ?? 0),
            ...x!.shape.slice(at + 1),
          ],
          dtype: x!.dtype,
        },
      };
    },
  ],
  [
    'GatherNd',
    ({ params, indices }) => ({
      out: {
        shape: [...indices!.shape.slice(0, -1), ...params!.shape.slice(indices!.shape.at(-1))],
        dtype: params!.dtype,
      },
    }),
  ],
  ['TensorScatterUpdate', ({ tensor }) => ({ out: { shape: tensor!.shape, dtype: tensor!.dtype } })],
  ['ScatterNd', attrShape('shape', 'updates')],
  [
    'SpaceToBatchND',
    ({ x }, { blockShape, paddings }) => {
      const block = blockShape as number[];
      const spatial = block.map(
        (b, i) =>
          (x!.shape[i + 1]! + (paddings as number[][])[i]![0]! + (paddings as number[][])[i]![1]!) / b,
      );
      return {
        out: {
          shape: [x!.shape[0]! * sizeOf(block), ...spatial, ...x!.shape.slice(1 + block.length)],
          dtype: x!.dtype,
        },
      };
    },
  ],
  [
    'BatchToSpaceND',
    ({ x }, { blockShape, crops }) => {
      const block = blockShape as number[];
      const spatial = block.map(
        (b, i) => x!.shape[i + 1]! * b - (crops as number[][])[i]![0]! - (crops as number[][])[i]![1]!,
      );
      return {
        out: {
          shape: [x!.shape[0]! / sizeOf(block), ...spatial, ...x!.shape.slice(1 + block.length)],
          dtype: x!.dtype,
        },
      };
    },
  ],
  [
    'DepthToSpace',
    ({ x }, { blockSize }) => {
      const [n, h, w, c] = x!.shape as [number, number, number, number];
      const b = blockSize as number;
      return { out: { shape: [n, h * b, w * b, c / (b * b)], dtype: x!.dtype } };
    },
  ],
  [
    'RandomUniform',
    (_, { shape, dtype }) => ({ out: { shape: shape as number[], dtype: dtype as DataType } }),
  ],
  // matrices, convolutions, pools
  [
    'Einsum',
    (inputs, { equation }) => {
      const [from, to] = (equation as string).replaceAll(' ', '').split('->') as [string, string];
      const all = Object.values(inputs);
      const sizes = new Map(
        from.split(',').flatMap((part, i) => [...part].map((name, k) => [name, all[i]!.shape[k]!])),
      );
      const product = [...sizes.values()].reduce((a, b) => a * b, 1);
      return { out: { shape: [...to].map((name) => sizes.get(name)!), dtype: all[0]!.dtype }, macs: product };
    },
  ],
  [
    'UnsortedSegmentSum',
    ({ x, segmentIds }, { numSegments }) => ({
      out: { shape: [numSegments as number, ...x!.shape.slice(segmentIds!.shape.length)], dtype: x!.dtype },
    }),
  ],
  ['BatchMatMul', matMul],
  ['_FusedMatMul', matMul],
  ['Conv2D', conv(false)],
  ['FusedConv2D', conv(false)],
  ['DepthwiseConv2dNative', conv(true)],
  ['FusedDepthwiseConv2D', conv(true)],
  ['Conv2DBackpropInput', attrShape('inputShape', 'dy')],
  ['MaxPool', pool],
  ['AvgPool', pool],
  ['ResizeBilinear', resize],
  ['ResizeNearestNeighbor', resize],
  [CONV_2D, ownConv],
  [CONV_2D_BACKPROP_INPUT, attrShape('inputShape', 'dy')],
  [CONV_2D_BACKPROP_FILTER, attrShape('filterShape', 'x')],
  [MAX_POOL_2D, ownPool],
  [MAX_POOL_2D_GRAD, sameAs('x')],
  [AVG_POOL_2D, ownPool],
  [AVG_POOL_2D_GRAD, attrShape('inputShape', 'dy')],
  [SPARSE_MAT_MUL, csr('float32')],
  [SPARSE_ARG_MAX, csr('int32')],
]);
