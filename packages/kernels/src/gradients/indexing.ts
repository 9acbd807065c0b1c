/** Gradients of reading and writing at computed places. Indices themselves get zeros. */
import * as tf from '@tensorflow/tfjs-core';
import { runKernel } from '../run.ts';
import { axesOf, product, type RuleTable, rule, ruleOfMany, zeros } from './rule.ts';

/** Adds the rows of x at their segments; runs by name, so that a backend without the kernel gets ours. */
const segmentSum = (x: tf.Tensor, segmentIds: tf.Tensor, numSegments: number) =>
  runKernel('UnsortedSegmentSum', { x, segmentIds }, { numSegments });

/** x was read along `axis` at the indices, separately in each of the leading batches. */
function gatherGradient(
  dy: tf.Tensor,
  x: tf.Tensor,
  indices: tf.Tensor,
  axis: number,
  batchDims: number,
): tf.Tensor {
  const batch = product(x.shape.slice(0, batchDims));
  const outer = product(x.shape.slice(batchDims, axis));
  const size = x.shape[axis]!;
  const inner = product(x.shape.slice(axis + 1));
  const count = indices.size / batch;
  const rows = tf.reshape(tf.transpose(tf.reshape(dy, [batch, outer, count, inner]), [0, 2, 1, 3]), [
    batch * count,
    outer * inner,
  ]);
  // Each batch has segments of its own.
  const offsets = tf.mul(tf.range(0, batch, 1, 'int32'), tf.scalar(size, 'int32'));
  const ids = tf.reshape(tf.add(tf.reshape(indices, [batch, count]), tf.reshape(offsets, [batch, 1])), [
    batch * count,
  ]);
  const sums = tf.reshape(segmentSum(rows, ids, batch * size), [batch, size, outer, inner]);
  return tf.reshape(tf.transpose(sums, [0, 2, 1, 3]), x.shape);
}

const nms = rule({ inputs: ['boxes', 'scores'] }, (_, [boxes, scores]) => ({
  boxes: () => zeros(boxes!),
  scores: () => zeros(scores!),
}));

export const indexingRules: RuleTable = {
  GatherNd: rule({ inputs: ['params', 'indices'] }, (dy, [params, indices]) => ({
    params: () => tf.scatterND(indices!, dy, params!.shape),
    indices: () => zeros(indices!),
  })),
  GatherV2: rule<{ axis: number; batchDims: number }>(
    { inputs: ['x', 'indices'] },
    (dy, [x, indices], a) => ({
      x: () =>
        gatherGradient(dy, x!, indices!, axesOf(a.axis, x!.rank)[0]!, axesOf(a.batchDims, indices!.rank)[0]!),
      indices: () => zeros(indices!),
    }),
  ),
  NonMaxSuppressionV3: nms,
  NonMaxSuppressionV4: nms,
  NonMaxSuppressionV5: nms,
  OneHot: rule({ inputs: ['indices'] }, (_, [indices]) => ({ indices: () => zeros(indices!) })),
  ScatterNd: rule({ inputs: ['indices'] }, (dy, [indices]) => ({
    indices: () => zeros(indices!),
    updates: () => tf.gatherND(dy, indices!),
  })),
  TensorScatterUpdate: rule({ inputs: ['indices', 'updates'] }, (dy, [indices, updates]) => ({
    tensor: () => tf.tensorScatterUpdate(dy, indices!, tf.zerosLike(updates!)),
    indices: () => zeros(indices!),
    updates: () => tf.gatherND(dy, indices!),
  })),
  TopK: ruleOfMany<{ k: number }>(
    { inputs: ['x'], secondOutput: true },
    ([dValues], [x, indices], { k }) => ({
      x: () => {
        const size = x!.shape.at(-1)!;
        const rows = x!.size / size;
        const offsets = tf.reshape(tf.mul(tf.range(0, rows, 1, 'int32'), tf.scalar(size, 'int32')), [
          rows,
          1,
        ]);
        const ids = tf.reshape(tf.add(tf.reshape(indices!, [rows, k]), offsets), [rows * k]);
        return tf.reshape(segmentSum(tf.reshape(dValues!, [rows * k]), ids, rows * size), x!.shape);
      },
    }),
  ),
  UnsortedSegmentSum: rule({ inputs: ['segmentIds'] }, (dy, [ids]) => ({
    x: () => {
      // Ids out of range were left out.
      const count = tf.scalar(dy.shape[0]!, 'int32');
      const valid = tf.logicalAnd(tf.greaterEqual(ids!, tf.scalar(0, 'int32')), tf.less(ids!, count));
      const rows = tf.gather(dy, tf.where(valid, ids!, tf.zerosLike(ids!)));
      const mask = tf.reshape(tf.cast(valid, 'float32'), [...ids!.shape, ...dy.shape.slice(1).map(() => 1)]);
      return tf.mul(rows, mask);
    },
    segmentIds: () => zeros(ids!),
  })),
};
