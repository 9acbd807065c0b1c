/** Gradients of what moves elements about: reshaping, joining, cutting, padding, repeating. */
import * as tf from '@tensorflow/tfjs-core';
import { type StridedSliceAttrs, stridedSliceInfo } from '../strided-slice-info.ts';
import { dilateAxis, padAxis, reverseAxis, sliceAxis } from './axis.ts';
import { axesOf, product, type RuleTable, rule, ruleOfMany } from './rule.ts';

const inverse = (perm: readonly number[]) => perm.map((_, axis) => perm.indexOf(axis));

const reshapeTo = (name: string) =>
  rule({ inputs: [name] }, (dy, [x]) => ({ [name]: () => tf.reshape(dy, x!.shape) }));

/** Puts dy, which was read at first, first + step, ..., back along one axis of the given size. */
function scatterAxis(dy: tf.Tensor, axis: number, size: number, first: number, step: number): tf.Tensor {
  const count = dy.shape[axis]!;
  const start = step > 0 ? first : first + (count - 1) * step;
  const forward = step > 0 ? dy : reverseAxis(dy, axis);
  const spread = dilateAxis(forward, axis, Math.abs(step));
  return padAxis(spread, axis, start, size - start - spread.shape[axis]!);
}

function stridedSliceGradient(dy: tf.Tensor, x: tf.Tensor, a: StridedSliceAttrs): tf.Tensor {
  const { begin, end, strides } = stridedSliceInfo(x.shape, a);
  const counts = x.shape.map((_, i) => Math.max(0, Math.ceil((end[i]! - begin[i]!) / strides[i]!)));
  if (product(counts) === 0) return tf.zeros(x.shape);
  // Without new and dropped axes, which have one element each.
  const dense = tf.reshape(dy, counts);
  return x.shape.reduce<tf.Tensor>(
    (g, size, axis) => scatterAxis(g, axis, size, begin[axis]!, strides[axis]!),
    dense,
  );
}

/** Adds what was mirrored into the padding back to where it came from. */
function mirrorPadGradient(
  dy: tf.Tensor,
  paddings: [number, number][],
  mode: 'reflect' | 'symmetric',
): tf.Tensor {
  const skip = mode === 'reflect' ? 1 : 0;
  return paddings.reduce<tf.Tensor>((g, [before, after], axis) => {
    const size = g.shape[axis]! - before - after;
    let sum = sliceAxis(g, axis, before, size);
    if (before > 0) {
      const mirrored = reverseAxis(sliceAxis(g, axis, 0, before), axis);
      sum = tf.add(sum, padAxis(mirrored, axis, skip, size - skip - before));
    }
    if (after > 0) {
      const mirrored = reverseAxis(sliceAxis(g, axis, before + size, after), axis);
      sum = tf.add(sum, padAxis(mirrored, axis, size - skip - after, skip));
    }
    return sum;
  }, dy);
}

/** Sums the copies, axis by axis. */
function tileGradient(dy: tf.Tensor, reps: readonly number[]): tf.Tensor {
  return reps.reduce<tf.Tensor>((g, rep, axis) => {
    if (rep === 1) return g;
    const size = g.shape[axis]! / rep;
    const before = g.shape.slice(0, axis);
    const after = g.shape.slice(axis + 1);
    const copies = tf.reshape(g, [product(before), rep, size * product(after)]);
    return tf.reshape(tf.sum(copies, 1), [...before, size, ...after]);
  }, dy);
}

/** The inverse of depthToSpace for NHWC. */
function spaceToDepth(x: tf.Tensor, block: number): tf.Tensor {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const cells = tf.reshape(x, [n, h / block, block, w / block, block * c]);
  return tf.reshape(tf.transpose(cells, [0, 1, 3, 2, 4]), [n, h / block, w / block, block * block * c]);
}

export const shapeRules: RuleTable = {
  AddN: rule({ inputs: 'all' }, (dy, xs) => Object.fromEntries(xs.map((_, i) => [i, () => tf.clone(dy)]))),
  BatchToSpaceND: rule<{ blockShape: number[]; crops: number[][] }>({}, (dy, _, { blockShape, crops }) => ({
    x: () => tf.spaceToBatchND(dy, blockShape, crops),
  })),
  Concat: rule<{ axis: number }>({ inputs: 'all' }, (dy, xs, { axis }) => {
    const [along] = axesOf(axis, dy.rank) as [number];
    let begin = 0;
    const entries = xs.map((x, i) => {
      const from = begin;
      begin += x.shape[along]!;
      return [i, () => sliceAxis(dy, along, from, x.shape[along]!)] as const;
    });
    return Object.fromEntries(entries);
  }),
  DepthToSpace: rule<{ blockSize: number; dataFormat: 'NHWC' | 'NCHW' }>(
    {},
    (dy, _, { blockSize, dataFormat }) => ({
      x: () => {
        if (dataFormat === 'NHWC') return spaceToDepth(dy, blockSize);
        return tf.transpose(spaceToDepth(tf.transpose(dy, [0, 2, 3, 1]), blockSize), [0, 3, 1, 2]);
      },
    }),
  ),
  ExpandDims: reshapeTo('input'),
  FlipLeftRight: rule({}, (dy) => ({ image: () => tf.reverse(dy, 2) })),
  MirrorPad: rule<{ paddings: [number, number][]; mode: 'reflect' | 'symmetric' }>({}, (dy, _, a) => ({
    x: () => mirrorPadGradient(dy, a.paddings, a.mode),
  })),
  Pack: rule<{ axis: number }>({ inputs: 'all' }, (dy, xs, { axis }) => {
    const [along] = axesOf(axis, dy.rank) as [number];
    return Object.fromEntries(xs.map((x, i) => [i, () => tf.reshape(sliceAxis(dy, along, i, 1), x.shape)]));
  }),
  PadV2: rule<{ paddings: [number, number][] }>({}, (dy, _, { paddings }) => ({
    x: () => {
      const begin = paddings.map(([before]) => before);
      return tf.slice(
        dy,
        begin,
        dy.shape.map((size, i) => size - paddings[i]![0] - paddings[i]![1]),
      );
    },
  })),
  Reshape: reshapeTo('x'),
  Reverse: rule<{ dims: number | number[] }>({}, (dy, _, { dims }) => ({ x: () => tf.reverse(dy, dims) })),
  Slice: rule<{ begin: number | number[]; size: number | number[] }>({ inputs: ['x'] }, (dy, [x], a) => ({
    x: () => {
      const [begin] = tf.slice_util.parseSliceParams(x!, a.begin, a.size) as [number[], number[]];
      return x!.shape.reduce<tf.Tensor>(
        (g, size, axis) => scatterAxis(g, axis, size, begin[axis]!, 1),
        tf.clone(dy),
      );
    },
  })),
  SpaceToBatchND: rule<{ blockShape: number[]; paddings: number[][] }>(
    {},
    (dy, _, { blockShape, paddings }) => ({
      x: () => tf.batchToSpaceND(dy, blockShape, paddings),
    }),
  ),
  SplitV: ruleOfMany<{ axis: number }>({}, (dys, _, { axis }) => ({ x: () => tf.concat(dys, axis) })),
  StridedSlice: rule<StridedSliceAttrs>({ inputs: ['x'] }, (dy, [x], a) => ({
    x: () => stridedSliceGradient(dy, x!, a),
  })),
  Tile: rule<{ reps: number[] }>({}, (dy, _, { reps }) => ({ x: () => tileGradient(tf.clone(dy), reps) })),
  Transpose: rule<{ perm: number[] }>({}, (dy, _, { perm }) => ({
    x: () => tf.transpose(dy, inverse(perm)),
  })),
  Unpack: ruleOfMany<{ axis: number }>({}, (dys, _, { axis }) => ({ value: () => tf.stack(dys, axis) })),
};
