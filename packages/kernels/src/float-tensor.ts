/** A tensor that is filled piece by piece, so that its values are never in memory twice. */
import * as tf from '@tensorflow/tfjs-core';

export interface FloatTensor {
  /** The values; to be asked for again after every wait, as the memory of WASM moves when it grows. */
  values(): Float32Array;
  /** The tensor; the caller's. */
  finish(): tf.Tensor;
  /** Frees the memory of a tensor that is not finished. */
  abandon(): void;
}

/** What the WASM backend of tfjs can do besides. */
interface WasmBackend {
  makeOutput(shape: number[], dtype: 'float32'): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array;
  disposeData(dataId: object, force?: boolean): boolean;
}

const isWasm = (backend: object): backend is WasmBackend =>
  'makeOutput' in backend && 'typedArrayFromHeap' in backend;

/** @throws RangeError when there is no room for it. */
export function floatTensor(shape: readonly number[]): FloatTensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const backend: object = tf.backend();
  if (isWasm(backend) && size > 0) {
    // Written straight into the memory of WASM: `tf.tensor` would copy from an array beside it.
    const info = backend.makeOutput([...shape], 'float32');
    return {
      values: () => backend.typedArrayFromHeap(info),
      finish: () => tf.engine().makeTensorFromTensorInfo(info),
      abandon: () => void backend.disposeData(info.dataId, true),
    };
  }
  const values = new Float32Array(size);
  return { values: () => values, finish: () => tf.tensor(values, [...shape], 'float32'), abandon() {} };
}
