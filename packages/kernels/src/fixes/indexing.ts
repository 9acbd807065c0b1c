/** tfjs' kernels for computed places that wasm lacks or has wrong. */
import * as tf from '@tensorflow/tfjs-core';
import { input, inputTensor, type Kernel } from '../kernel.ts';
import { newData, release, runOriginal, valuesOf } from '../tfjs-internals.ts';

interface Gather {
  axis: number;
  batchDims: number;
}

/**
 * Sums the rows of x that have the same id; an id out of range is left out. One pass over x in JavaScript: tfjs' own on cpu
 * makes a pass over all of x for every segment.
 */
export const unsortedSegmentSum: Kernel<{ numSegments: number }> = (call) => {
  const { backend } = call;
  const { numSegments } = call.attrs;
  const [x, segmentIds] = [input(call, 'x'), input(call, 'segmentIds')];
  const shape = [numSegments, ...x.shape.slice(segmentIds.shape.length)];
  const row = tf.util.sizeFromShape(shape.slice(1));
  const values = valuesOf(backend, x);
  const ids = valuesOf(backend, segmentIds);
  const sums = new Float64Array(numSegments * row);
  for (const [i, id] of ids.entries()) {
    if (id < 0 || id >= numSegments) continue;
    for (let k = 0; k < row; k++) sums[id * row + k]! += values[i * row + k]!;
  }
  const data = x.dtype === 'int32' ? new Int32Array(sums) : new Float32Array(sums);
  return newData(backend, data, shape, x.dtype);
};

/** tfjs' own on wasm reads the wrong rows from the second batch on: with batch dimensions this gathers from all at once. */
export const gatherV2: Kernel<Gather> = (call) => {
  const { axis, batchDims } = call.attrs;
  if (batchDims === 0) return runOriginal('GatherV2', call);
  return tf.tidy(() => {
    const x = inputTensor<tf.Tensor, Gather>(call, 'x');
    const indices = inputTensor<tf.Tensor, Gather>(call, 'indices');
    const along = axis < 0 ? axis + x.rank : axis;
    const dims = batchDims < 0 ? batchDims + indices.rank : batchDims;
    const batch = tf.util.sizeFromShape(x.shape.slice(0, dims));
    const outer = tf.util.sizeFromShape(x.shape.slice(dims, along));
    const size = x.shape[along]!;
    const inner = tf.util.sizeFromShape(x.shape.slice(along + 1));
    const rows = tf.transpose(tf.reshape(x, [batch, outer, size, inner]), [0, 2, 1, 3]);
    const offsets = tf.mul(tf.range(0, batch, 1, 'int32'), tf.scalar(size, 'int32'));
    const flat = tf.add(tf.reshape(indices, [batch, indices.size / batch]), tf.reshape(offsets, [batch, 1]));
    const found = tf.gather(
      tf.reshape(rows, [batch * size, outer, inner]),
      tf.reshape(flat, [-1]) as tf.Tensor1D,
    );
    const back = tf.transpose(tf.reshape(found, [batch, indices.size / batch, outer, inner]), [0, 2, 1, 3]);
    return tf.reshape(back, [
      ...x.shape.slice(0, along),
      ...indices.shape.slice(dims),
      ...x.shape.slice(along + 1),
    ]);
  });
};

/** tfjs' own on cpu writes into the tensor that it was given. */
export const tensorScatterUpdate: tf.KernelFunc = (call) => {
  const backend = call.backend as tf.KernelBackend;
  const tensor = call.inputs['tensor']!;
  const copy = newData(backend, valuesOf(backend, tensor).slice(), tensor.shape, tensor.dtype);
  const result = runOriginal('TensorScatterUpdate', { ...call, inputs: { ...call.inputs, tensor: copy } });
  release(backend, copy);
  return result;
};
