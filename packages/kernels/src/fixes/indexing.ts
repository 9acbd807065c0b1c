/** tfjs' kernels for computed places that wasm lacks or has wrong. */
import * as tf from '@tensorflow/tfjs-core';
import { input, inputTensor, type Kernel } from '../kernel.ts';
import { originalKernel } from '../registry.ts';

interface Gather {
  axis: number;
  batchDims: number;
}

const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);

/**
 * Sums the rows of x that have the same id; an id out of range is left out. One pass over x in JavaScript: tfjs' own on cpu
 * makes a pass over all of x for every segment.
 */
export const unsortedSegmentSum: Kernel<{ numSegments: number }> = (call) => {
  const { backend } = call;
  const { numSegments } = call.attrs;
  const [x, segmentIds] = [input(call, 'x'), input(call, 'segmentIds')];
  const shape = [numSegments, ...x.shape.slice(segmentIds.shape.length)];
  const row = product(shape.slice(1));
  const values = backend.readSync(x.dataId) as Float32Array | Int32Array;
  const ids = backend.readSync(segmentIds.dataId) as Int32Array;
  const sums = new Float64Array(numSegments * row);
  for (const [i, id] of ids.entries()) {
    if (id < 0 || id >= numSegments) continue;
    for (let k = 0; k < row; k++) sums[id * row + k]! += values[i * row + k]!;
  }
  const data = x.dtype === 'int32' ? new Int32Array(sums) : new Float32Array(sums);
  return { dataId: backend.write(data, shape, x.dtype), shape, dtype: x.dtype };
};

/** tfjs' own on wasm reads the wrong rows from the second batch on: with batch dimensions this gathers from all at once. */
export const gatherV2: Kernel<Gather> = (call) => {
  const { axis, batchDims } = call.attrs;
  if (batchDims === 0) {
    const original = originalKernel('GatherV2', tf.engine().backendName)!;
    return original(call as unknown as Parameters<tf.KernelFunc>[0]) as tf.TensorInfo;
  }
  return tf.tidy(() => {
    const x = inputTensor<tf.Tensor, Gather>(call, 'x');
    const indices = inputTensor<tf.Tensor, Gather>(call, 'indices');
    const along = axis < 0 ? axis + x.rank : axis;
    const dims = batchDims < 0 ? batchDims + indices.rank : batchDims;
    const batch = product(x.shape.slice(0, dims));
    const outer = product(x.shape.slice(dims, along));
    const size = x.shape[along]!;
    const inner = product(x.shape.slice(along + 1));
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
  const values = backend.readSync(tensor.dataId) as Float32Array | Int32Array;
  const dataId = backend.write(values.slice(), tensor.shape, tensor.dtype);
  const original = originalKernel('TensorScatterUpdate', tf.engine().backendName)!;
  const result = original({ ...call, inputs: { ...call.inputs, tensor: { ...tensor, dataId } } });
  backend.disposeData(dataId);
  return result;
};
