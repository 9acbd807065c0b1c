/** Filters in the layouts that tfjs' kernels want, made once and kept as long as the filter lives. */
import * as tf from '@tensorflow/tfjs-core';
import { onDispose } from '../dispose.ts';
import { input, inputTensor, type KernelCall } from '../kernel.ts';

const caches = new WeakMap<tf.KernelBackend, WeakMap<tf.DataId, Map<string, tf.TensorInfo>>>();

/**
 * The call's `filter`, prepared by `make` under the name `layout`. Tensors are immutable, so the filter's data identifies
 * the result. It belongs to the backend alone: tf.memory() does not count it, and it is freed with the filter's data.
 */
export function preparedFilter<A>(
  call: KernelCall<A>,
  layout: string,
  make: (filter: tf.Tensor4D) => tf.Tensor,
): tf.TensorInfo {
  const { backend } = call;
  const { dataId, shape } = input(call, 'filter');
  let cache = caches.get(backend);
  if (cache === undefined) {
    cache = new WeakMap();
    caches.set(backend, cache);
  }
  let layouts = cache.get(dataId);
  if (layouts === undefined) {
    layouts = new Map();
    cache.set(dataId, layouts);
    const gone = layouts;
    onDispose(backend, dataId, () => {
      for (const info of gone.values()) backend.disposeData(info.dataId);
      gone.clear();
      caches.get(backend)?.delete(dataId);
    });
  }
  // A reshape shares its data with the original: the shape is part of the name.
  const key = `${layout}/${shape.join('x')}`;
  const known = layouts.get(key);
  if (known !== undefined) return known;
  const tensor = tf.tidy(() => make(inputTensor<tf.Tensor4D, A>(call, 'filter')));
  const info: tf.TensorInfo = { dataId: tensor.dataId, shape: tensor.shape, dtype: tensor.dtype };
  if (tensor.dataId === dataId) {
    // A transpose that moves nothing shares the filter's data; holding on to that would keep it from ever being freed.
    tensor.dispose();
    return info;
  }
  detach(backend, tensor);
  layouts.set(key, info);
  return info;
}

/** Takes a tensor out of the engine's books; its data stays with the backend. */
function detach(backend: tf.KernelBackend, tensor: tf.Tensor): void {
  const { dataId } = tensor;
  backend.incRef(dataId);
  tensor.dispose();
  tf.engine().removeDataId(dataId, backend);
}
