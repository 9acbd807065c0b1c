/** Reductions, rearrangements, indexing and products. */
import * as tf from '@tensorflow/tfjs-core';
import type { GradientCase, GradientCases, Input } from '../../support/gradient-case.ts';

const { mul, cast } = tf;

const x: Input = { shape: [2, 3, 4] };
const maps: Input = { shape: [2, 4, 6, 2] };

const on = (of: (x: tf.Tensor) => tf.Tensor, input: Input = x): GradientCase => ({
  of: of as GradientCase['of'],
  inputs: [input],
});

const integers = (values: number[], shape = [values.length]) => tf.tensor(values, shape, 'int32');

/** One axis, several, none named, and with the axis kept. */
const reduced = (
  of: (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor,
  input = x,
) => [
  on((t) => of(t), input),
  on((t) => of(t, 1), input),
  on((t) => of(t, [0, -1]), input),
  on((t) => of(t, -1, true), input),
];

/** Boxes that are not changed by a small step. */
const boxes: Input = { shape: [4, 4], scale: 1 };

/** Its kernels read their inputs at once, which tfjs' webgpu backend can only in a browser. */
const without = { backends: ['webgpu'], reason: 'it reads from the GPU at once: browsers only' };

const suppressed =
  (of: (boxes: tf.Tensor2D, scores: tf.Tensor1D) => tf.Tensor): GradientCase['of'] =>
  (b) => {
    const scores = tf.slice(tf.reshape(b, [16]), 0, 4) as tf.Tensor1D;
    return tf.gather(b, of(b as tf.Tensor2D, scores) as tf.Tensor1D);
  };

export const structureCases: GradientCases = {
  All: on((t) => mul(cast(tf.all(tf.greater(t, 0), 1), 'float32'), tf.sum(t, 1))),
  Any: on((t) => mul(cast(tf.any(tf.greater(t, 0), 1), 'float32'), tf.sum(t, 1))),
  ArgMax: on((t) => mul(cast(tf.argMax(t, 1), 'float32'), tf.sum(t, 1))),
  ArgMin: on((t) => mul(cast(tf.argMin(t, 1), 'float32'), tf.sum(t, 1))),
  BatchMatMul: [
    ...[false, true].flatMap((ta) =>
      [false, true].map(
        (tb): GradientCase => ({
          of: (a, b) => tf.matMul(a, b, ta, tb),
          inputs: [{ shape: ta ? [3, 2] : [2, 3] }, { shape: tb ? [4, 3] : [3, 4] }],
        }),
      ),
    ),
    { of: (a, b) => tf.matMul(a, b), inputs: [{ shape: [2, 2, 3] }, { shape: [2, 3, 2] }] },
    { of: (a, b) => tf.matMul(a, b, true, true), inputs: [{ shape: [2, 3, 2] }, { shape: [4, 3] }] },
    { of: (a, b) => tf.dot(a, b), inputs: [{ shape: [3] }, { shape: [3] }] },
  ],
  BatchToSpaceND: on(
    (t) =>
      tf.batchToSpaceND(
        t,
        [2, 2],
        [
          [0, 1],
          [1, 0],
        ],
      ),
    { shape: [8, 2, 3, 1] },
  ),
  BitwiseAnd: {
    of: (a, b) => mul(cast(tf.bitwiseAnd(cast(a, 'int32'), cast(b, 'int32')), 'float32'), a),
    inputs: [
      { shape: [6], scale: 1, offset: 8 },
      { shape: [6], scale: 1, offset: 5 },
    ],
  },
  Concat: [
    { of: (a, b) => tf.concat([a, b, a], 1), inputs: [x, { shape: [2, 1, 4] }] },
    { of: (a, b) => tf.concat([a, b], -1), inputs: [x, { shape: [2, 3, 1] }] },
  ],
  Cumprod: [
    on((t) => tf.cumprod(t, 1), { shape: [2, 3, 4], offset: 1 }),
    on((t) => tf.cumprod(t, 2, true, true), { shape: [2, 3, 4], offset: 1 }),
  ],
  Cumsum: [on((t) => tf.cumsum(t, 1)), on((t) => tf.cumsum(t, 0, true, true))],
  DepthToSpace: on((t) => tf.depthToSpace(t as tf.Tensor4D, 2), { shape: [2, 2, 3, 8] }),
  Diag: on((t) => tf.diag(t), { shape: [2, 3] }),
  Einsum: [
    { of: (a, b) => tf.einsum('bij,jk->bik', a, b), inputs: [x, { shape: [4, 2] }] },
    { of: (a, b) => tf.einsum('bij,bkj->ikb', a, b), inputs: [x, { shape: [2, 2, 4] }] },
    { of: (a, b) => tf.einsum('i,j->ji', a, b), inputs: [{ shape: [3] }, { shape: [4] }] },
    on((t) => tf.einsum('ijk->ki', t)),
  ],
  ExpandDims: on((t) => tf.expandDims(t, 1)),
  FlipLeftRight: on((t) => tf.image.flipLeftRight(t as tf.Tensor4D), maps),
  GatherNd: on((t) => tf.gatherND(t, integers([1, 2, 0, 0, 1, 2], [3, 2]))),
  GatherV2: [
    on((t) => tf.gather(t, integers([2, 0, 2]), 1)),
    on((t) => tf.gather(t, integers([1, 3, 0, 3, 3, 1], [2, 3]), -1)),
    on((t) => tf.gather(t, integers([2, 2, 0, 1], [2, 2]), 1, 1)),
    on((t) => tf.gather(t, integers([3, 0, 1, 1], [2, 2]), 2, 1)),
    on((t) => tf.gather(t, cast(tf.argMax(t, 1), 'int32'), 2)),
  ],
  Max: reduced(tf.max),
  Mean: reduced(tf.mean),
  Min: reduced(tf.min),
  MirrorPad: [
    on((t) =>
      tf.mirrorPad(
        t,
        [
          [0, 0],
          [1, 2],
          [2, 0],
        ],
        'reflect',
      ),
    ),
    on((t) =>
      tf.mirrorPad(
        t,
        [
          [1, 1],
          [0, 3],
          [2, 1],
        ],
        'symmetric',
      ),
    ),
  ],
  NonMaxSuppressionV3: {
    of: suppressed((b, s) => tf.image.nonMaxSuppression(b, s, 3)),
    inputs: [boxes],
    without,
  },
  NonMaxSuppressionV4: {
    of: suppressed((b, s) => tf.image.nonMaxSuppressionPadded(b, s, 3)['selectedIndices']!),
    inputs: [boxes],
    without,
  },
  NonMaxSuppressionV5: {
    of: suppressed((b, s) => tf.image.nonMaxSuppressionWithScore(b, s, 3)['selectedIndices']!),
    inputs: [boxes],
    without,
  },
  OneHot: on((t) => mul(tf.oneHot(cast(tf.argMax(t, 1), 'int32'), 3), tf.reshape(t, [2, 4, 3]))),
  Pack: { of: (a, b) => tf.stack([a, b, a], -1), inputs: [x, x] },
  PadV2: on((t) =>
    tf.pad(
      t,
      [
        [0, 1],
        [2, 0],
        [1, 1],
      ],
      7,
    ),
  ),
  Prod: [
    ...reduced(tf.prod),
    on((t) => tf.prod(tf.relu(t), 1)),
    on((t) => tf.prod(tf.transpose(t, [2, 0, 1]), [0, 2])),
  ],
  Reshape: on((t) => tf.reshape(t, [4, 6])),
  Reverse: [on((t) => tf.reverse(t, [0, 2])), on((t) => tf.reverse(t, -2))],
  ScatterNd: on((t) => tf.scatterND(integers([1, 3, 1], [3, 1]), t, [5, 4]), { shape: [3, 4] }),
  Slice: [on((t) => tf.slice(t, [0, 1, 2], [2, 2, 1])), on((t) => tf.slice(t, 1))],
  SpaceToBatchND: on(
    (t) =>
      tf.spaceToBatchND(
        t,
        [2, 3],
        [
          [1, 1],
          [0, 0],
        ],
      ),
    maps,
  ),
  SplitV: [
    on((t) => {
      const [a, b] = tf.split(t, 2, -1);
      return tf.add(mul(a!, a!), b!);
    }),
    on((t) => tf.split(t, [1, 2], 1)[1]!),
  ],
  StridedSlice: [
    on((t) => tf.stridedSlice(t, [0, 2, 3], [2, 0, 0], [1, -1, -2])),
    on((t) => tf.stridedSlice(t, [1, 0, 1], [2, 3, 4], [1, 2, 2])),
    // t[..., newaxis, 1:4:2] and t[1, :, ::2]
    on((t) => tf.stridedSlice(t, [0, 0, 1], [0, 0, 4], [1, 1, 2], 0, 0, 1, 2)),
    on((t) => tf.stridedSlice(t, [1, 0, 0], [2, 0, 0], [1, 1, 2], 6, 6, 0, 0, 1)),
  ],
  Sum: reduced(tf.sum),
  TensorScatterUpdate: {
    of: (t, updates) => tf.tensorScatterUpdate(t, integers([3, 1], [2, 1]), updates),
    inputs: [{ shape: [5, 4] }, { shape: [2, 4] }],
  },
  Tile: on((t) => tf.tile(t, [2, 1, 3])),
  TopK: on((t) => {
    const { values, indices } = tf.topk(t, 2);
    return mul(values, cast(indices, 'float32'));
  }),
  Transpose: on((t) => tf.transpose(t, [2, 0, 1])),
  Unpack: on((t) => {
    const [a, b, c] = tf.unstack(t, 1);
    return tf.add(mul(a!, b!), c!);
  }),
  UnsortedSegmentSum: [
    on((t) => tf.unsortedSegmentSum(t, integers([1, 1]) as tf.Tensor1D, 3)),
    on((t) => tf.unsortedSegmentSum(t, integers([2, 0, 2, -1, 0]) as tf.Tensor1D, 4), { shape: [5, 3] }),
  ],
};
