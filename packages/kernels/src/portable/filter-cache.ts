/** Filters in the layouts that tfjs' kernels want, made once and kept as long as the filter lives. */
import * as tf from '@tensorflow/tfjs-core';
import { input, inputTensor, type KernelCall } from '../kernel.ts';
import { bareInfo, type DataKey, detach, keyOf, onRelease, release } from '../tfjs-internals.ts';

const caches = new WeakMap<tf.KernelBackend, WeakMap<DataKey, Map<string, tf.TensorInfo>>>();

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
  const filter = input(call, 'filter');
  const data = keyOf(filter);
  let cache = caches.get(backend);
  if (cache === undefined) {
    cache = new WeakMap();
    caches.set(backend, cache);
  }
  let layouts = cache.get(data);
  if (layouts === undefined) {
    layouts = new Map();
    cache.set(data, layouts);
    const gone = layouts;
    onRelease(backend, data, () => {
      for (const info of gone.values()) release(backend, info);
      gone.clear();
      caches.get(backend)?.delete(data);
    });
  }
  // A reshape shares its data with the original: the shape is part of the name.
  const key = `${layout}/${filter.shape.join('x')}`;
  const known = layouts.get(key);
  if (known !== undefined) return known;
  const tensor = tf.tidy(() => make(inputTensor<tf.Tensor4D, A>(call, 'filter')));
  const info = bareInfo(tensor);
  if (keyOf(tensor) === data) {
    // A transpose that moves nothing shares the filter's data; holding on to that would keep it from ever being freed.
    tensor.dispose();
    return info;
  }
  detach(backend, tensor);
  layouts.set(key, info);
  return info;
}
