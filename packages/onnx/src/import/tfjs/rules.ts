/** How operators are computed that TensorFlow has and ONNX has not, or not so. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { convolutionRules } from '../ops/convolution.ts';
import { indexingRules } from '../ops/indexing.ts';
import { axisOf, Call, newestOpset, type Rule, type RuleTable } from '../ops/rule.ts';
import { sliceCut } from '../ops/shapes.ts';
import { combine, mapped } from '../values/aligned.ts';
import { type Dtype, elementwise, hostArray, numbers, sizeOf } from '../values/host-array.ts';
import { type Cut, cut, cutAxis } from '../values/moves.ts';
import { plainOrder, reshaped, transposed, Value } from '../values/value.ts';

const opsets = [1, newestOpset] as const;

/** A function of tensors, with no arithmetic on the host. */
const computed = (
  run: (call: Call, ...tensors: tf.Tensor[]) => tf.Tensor,
  more: Omit<Partial<Rule>, 'run'> = {},
  dtype: (call: Call) => Dtype = (call) => call.input(0).dtype,
): Rule => ({
  opsets,
  ...more,
  run: (call) => Value.device(run(call, ...call.inputs.map((_, i) => call.input(i).tensor())), dtype(call)),
});

/** Of two inputs, on the host where both are there. */
const binary = (
  onTensor: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  onHost: (a: number, b: number) => number,
): Rule => ({
  opsets,
  folds: true,
  run(call) {
    const [a, b] = [call.input(0), call.input(1)];
    const constants = call.constants;
    return constants !== null
      ? Value.host(elementwise(a.dtype, constants, onHost))
      : combine([a, b], a.dtype, onTensor);
  },
});

const unary = (onTensor: (x: tf.Tensor) => tf.Tensor, dtype?: Dtype): Rule => ({
  opsets,
  run: (call) => mapped(call.input(0), onTensor, dtype ?? call.input(0).dtype),
});

/** Integers are divided in float32, as tfjs does. */
const floorDiv = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => {
  if (a.dtype === 'float32') return tf.floor(tf.div(a, b));
  return tf.cast(tf.floor(tf.div(tf.cast(a, 'float32'), tf.cast(b, 'float32'))), 'int32');
};

/** All and Any are the smallest and the largest of truths. */
const truths = (onTensor: (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor): Rule => ({
  opsets,
  reads: [1],
  run(call) {
    const x = call.input(0);
    const axes = [...call.host(1).data].map((axis) => axisOf(axis, x.rank));
    return Value.device(onTensor(tf.cast(x.tensor(), 'bool'), axes, call.int('keepdims', 0) !== 0), 'bool');
  },
});

const filled = (value: number): Rule => ({
  opsets,
  folds: true,
  run(call) {
    const { dtype, shape } = call.input(0);
    return Value.host({ dtype, shape, data: numbers(dtype, sizeOf(shape)).fill(value) });
  },
});

/** Begins and sizes; a size of -1 reaches to the end. */
const slice: Rule = {
  opsets,
  reads: [1, 2],
  folds: true,
  run(call) {
    const x = call.input(0);
    const [begins, sizes] = [call.host(1).data, call.host(2).data];
    if (begins.length !== x.rank || sizes.length !== x.rank)
      throw new ChaingradError(
        `expected ${x.rank} begins and sizes, got ${begins.length} and ${sizes.length}.`,
      );
    const cuts = x.shape.map((n, i): Cut => {
      const count = sizes[i] === -1 ? n - begins[i]! : sizes[i]!;
      if (!(begins[i]! >= 0 && count >= 0 && begins[i]! + count <= n))
        throw new ChaingradError(
          `expected a part of the ${n} elements of axis ${i}, got ${count} from ${begins[i]} on.`,
        );
      return { first: begins[i]!, count, step: 1 };
    });
    return cut(x, cuts);
  },
};

/** NumPy's slices; bits of the masks say of which entries begins or ends do not count, and which add or take an axis. */
const stridedSlice: Rule = {
  opsets,
  reads: [1, 2, 3],
  folds: true,
  run(call) {
    const x = call.input(0);
    const [begins, ends, strides] = [call.host(1).data, call.host(2).data, call.host(3).data];
    if (ends.length !== begins.length || strides.length !== begins.length || begins.length > 32)
      throw new ChaingradError(
        `expected as many ends and strides as begins, at most 32, got ${begins.length}.`,
      );
    const has = (mask: string, i: number) => (call.int(mask, 0) & (1 << i)) !== 0;
    const entries = Array.from({ length: begins.length }, (_, i) => i);
    const added = entries.filter((i) => has('new_axis_mask', i) && !has('ellipsis_mask', i));
    const ellipsis = entries.find((i) => has('ellipsis_mask', i)) ?? begins.length;
    const behind = entries.filter((i) => i > ellipsis && !added.includes(i)).length;
    const cuts: Cut[] = [];
    const shape: number[] = [];
    const whole = (axis: number) => {
      cuts.push({ first: 0, count: x.shape[axis]!, step: 1 });
      shape.push(x.shape[axis]!);
    };
    for (const i of [...entries.slice(0, ellipsis), ellipsis, ...entries.slice(ellipsis + 1)]) {
      if (i === ellipsis) {
        while (cuts.length < x.rank - behind) whole(cuts.length);
        continue;
      }
      if (added.includes(i)) {
        shape.push(1);
        continue;
      }
      const size = x.shape[cuts.length];
      if (size === undefined)
        throw new ChaingradError(`expected at most ${x.rank} slices, got ${begins.length}.`);
      const step = strides[i]!;
      if (has('shrink_axis_mask', i)) {
        const at = begins[i]! < 0 ? begins[i]! + size : begins[i]!;
        if (!(at >= 0 && at < size))
          throw new ChaingradError(
            `expected an index within ${size} elements of axis ${cuts.length}, got ${begins[i]}.`,
          );
        cuts.push({ first: at, count: 1, step: 1 });
        continue;
      }
      const far = Number.MAX_SAFE_INTEGER;
      const begin = has('begin_mask', i) ? (step > 0 ? 0 : far) : begins[i]!;
      const end = has('end_mask', i) ? (step > 0 ? far : -far) : ends[i]!;
      const one = sliceCut(size, begin, end, step);
      cuts.push(one);
      shape.push(one.count);
    }
    return reshaped(cut(x, cuts), shape);
  },
};

/** The slices of an axis, each without it. */
const unpack: Rule = {
  opsets,
  folds: true,
  run(call) {
    const x = call.input(0);
    const axis = axisOf(call.int('axis', 0), x.rank);
    const rest = x.shape.filter((_, i) => i !== axis);
    if (x.shape[axis] !== call.node.outputs.length)
      throw new ChaingradError(`expected ${call.node.outputs.length} slices, got ${x.shape[axis]}.`);
    return call.node.outputs.map((_, first) =>
      reshaped(cutAxis(x, axis, { first, count: 1, step: 1 }), rest),
    );
  },
};

/** Parts of given sizes, one of which may be -1: what is left. */
const splitV: Rule = {
  opsets,
  reads: [1],
  folds: true,
  run(call) {
    const x = call.input(0);
    const axis = axisOf(call.int('axis', 0), x.rank);
    const given = [...call.host(1).data];
    if (given.length !== call.node.outputs.length)
      throw new ChaingradError(
        `expected ${call.node.outputs.length} parts, one for each output, got ${given.length}.`,
      );
    const rest = x.shape[axis]! - given.reduce((sum, n) => sum + Math.max(n, 0), 0);
    let first = 0;
    return given.map((n) => {
      const count = n === -1 ? rest : n;
      if (!(count >= 0 && first + count <= x.shape[axis]!))
        throw new ChaingradError(`expected parts of ${x.shape[axis]} in all, got ${given.join(', ')}.`);
      const part = cutAxis(x, axis, { first, count, step: 1 });
      first += count;
      return part;
    });
  },
};

const batchGather = computed((call, x, indices) =>
  tf.gather(x, tf.cast(indices, 'int32'), call.int('axis', 0), call.int('batch', 0)),
);

const hostInts = (call: Call, index: number): number[] => [...call.host(index).data];

/** Pairs of numbers: blocks of paddings and crops. */
const hostPairs = (call: Call, index: number): number[][] => {
  const flat = hostInts(call, index);
  return Array.from({ length: flat.length / 2 }, (_, i) => flat.slice(2 * i, 2 * i + 2));
};

/** With tfjs' resizing of pictures (N, H, W, C). */
const resized = (
  fn: (x: tf.Tensor4D, size: [number, number], align: boolean, half: boolean) => tf.Tensor,
): Rule => ({
  opsets,
  reads: [1],
  run(call) {
    const [height, width] = hostInts(call, 1) as [number, number];
    const picture = tf.cast(call.input(0).tensor(), 'float32') as tf.Tensor4D;
    const flags = [call.int('align_corners', 0) !== 0, call.int('half_pixel_centers', 0) !== 0] as const;
    return Value.device(fn(picture, [height, width], ...flags), 'float32');
  },
});

const cropAndResize: Rule = {
  opsets,
  reads: [3],
  run(call) {
    const [image, boxes, places] = [0, 1, 2].map((i) => call.input(i).tensor()) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const out = tf.image.cropAndResize(
      tf.cast(image, 'float32') as tf.Tensor4D,
      boxes as tf.Tensor2D,
      tf.cast(places, 'int32') as tf.Tensor1D,
      hostInts(call, 3) as [number, number],
      call.string('method', 'bilinear') as 'bilinear' | 'nearest',
      call.float('extrapolation_value', 0),
    );
    return Value.device(out, 'float32');
  },
};

/** The boxes of highest score that overlap no better one: by ONNX' rule for one picture of one class. */
const nonMaxSuppression: Rule = {
  opsets,
  reads: 'all',
  run(call) {
    const { node } = call;
    const [boxes, scores, most] = [call.host(0), call.host(1), call.host(2).data[0]!];
    const number = (index: number, fallback: number) => call.optional(index)?.hostArray?.data[0] ?? fallback;
    if (number(5, 0) !== 0) call.unsupported('suppression that lowers scores (soft_nms_sigma).');
    const scalar = (value: number) => Value.host(hostArray('float32', [], [value]));
    const found = indexingRules['NonMaxSuppression']!.run(
      new Call({ ...node, attributes: new Map() }, call.opset, [
        Value.host({ ...boxes, shape: [1, ...boxes.shape] }),
        Value.host({ ...scores, shape: [1, 1, ...scores.shape] }),
        Value.host(hostArray('int64', [], [most])),
        scalar(number(3, call.float('iou_threshold', 0.5))),
        scalar(number(4, Number.NEGATIVE_INFINITY)),
      ]),
    ) as Value;
    const list = [...found.hostArray!.data].filter((_, i) => i % 3 === 2);
    const count = list.length;
    if (call.int('pad_to_max_output_size', 0) !== 0) list.push(...new Array<number>(most - count).fill(0));
    const indices = Value.host(hostArray('int32', [list.length], list));
    const valid = Value.host(hostArray('int32', [], [count]));
    if (node.outputs.length === 1) return indices;
    if (node.outputs.length === 2) return [indices, valid];
    const best = list.map((i) => scores.data[i]!);
    return [indices, Value.host(hostArray('float32', [count], best)), valid];
  },
};

/** A transposed convolution whose size is computed. */
const convTranspose: Rule = {
  opsets,
  reads: [2],
  weights: { 1: 'weight' },
  run(call) {
    const sizes = hostInts(call, 2);
    const attributes = new Map(call.node.attributes);
    attributes.set('output_shape', {
      kind: 'ints',
      value: call.int('second', 0) !== 0 ? sizes.slice(2) : sizes.slice(1, -1),
    });
    const node = { ...call.node, attributes };
    return convolutionRules['ConvTranspose']!.run(new Call(node, call.opset, [call.input(0), call.input(1)]));
  },
};

export const ownRules: RuleTable = {
  FloorDiv: binary(floorDiv, (a, b) => Math.floor(a / b)),
  DivNoNan: binary(tf.divNoNan, (a, b) => (b === 0 ? 0 : a / b)),
  Atan2: binary(tf.atan2, Math.atan2),
  Expm1: unary(tf.expm1),
  Log1p: unary(tf.log1p),
  IsFinite: unary(tf.isFinite, 'bool'),
  Prelu: computed((_, x, slope) => tf.prelu(x, slope)),
  All: truths(tf.all),
  Any: truths(tf.any),
  SwapLastAxes: {
    opsets,
    folds: true,
    run(call) {
      const x = call.input(0);
      return transposed(x, [...plainOrder(x.rank).slice(0, -2), x.rank - 1, x.rank - 2]);
    },
  },
  Slice: slice,
  StridedSlice: stridedSlice,
  Unpack: unpack,
  SplitV: splitV,
  BatchGather: batchGather,
  ScatterNd: {
    opsets,
    reads: [2],
    run(call) {
      const [indices, updates] = [call.input(0), call.input(1)];
      const out = tf.scatterND(tf.cast(indices.tensor(), 'int32'), updates.tensor(), hostInts(call, 2));
      return Value.device(out, updates.dtype);
    },
  },
  ZerosLike: filled(0),
  OnesLike: filled(1),
  Reverse: {
    opsets,
    reads: [1],
    run: (call) => Value.device(tf.reverse(call.input(0).tensor(), hostInts(call, 1)), call.input(0).dtype),
  },
  SpaceToBatchND: {
    opsets,
    reads: [1, 2],
    run: (call) =>
      Value.device(
        tf.spaceToBatchND(call.input(0).tensor(), hostInts(call, 1), hostPairs(call, 2)),
        call.input(0).dtype,
      ),
  },
  BatchToSpaceND: {
    opsets,
    reads: [1, 2],
    run: (call) =>
      Value.device(
        tf.batchToSpaceND(call.input(0).tensor(), hostInts(call, 1), hostPairs(call, 2)),
        call.input(0).dtype,
      ),
  },
  ResizeBilinear: resized(tf.image.resizeBilinear),
  ResizeNearestNeighbor: resized(tf.image.resizeNearestNeighbor),
  CropAndResize: cropAndResize,
  NonMaxSuppression: nonMaxSuppression,
  ConvTranspose: convTranspose,
};
