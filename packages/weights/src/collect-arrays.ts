/** The values of a link or an optimizer as arrays for a file. */

import {
  type ArrayPlan,
  FormatError,
  floatToBfloat,
  floatToHalf,
  InvalidArgumentError,
  mappedName,
  type NamedArray,
  type NameMap,
  type NameMapFor,
  type SerialEntry,
  type Serializable,
  type SerialValue,
} from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';

export interface CollectOptions {
  readonly parameterDtype?: 'float32' | 'float16' | 'bfloat16' | undefined;
  readonly names?: NameMapFor | undefined;
}

/**
 * Downloads every value. Numbers become int64 where they are integers and float64 otherwise, as Python's do in Chainer.
 * @throws FormatError when a parameter is too large for float16; InvalidArgumentError for values that no file can hold.
 */
export async function collectArrays(
  target: Serializable,
  { parameterDtype = 'float32', names }: CollectOptions = {},
): Promise<[string, NamedArray][]> {
  const written = writtenBy(typeof names === 'function' ? names(target) : names);
  const arrays: [string, NamedArray][] = [];
  // All values are of one moment: a step of training between two downloads would mix two models.
  const values = [...target.serialEntries()].map((entry) => ({ entry, value: held(entry.read()) }));
  try {
    for (const { entry, value } of values) {
      const array = value instanceof tf.Tensor ? await download(value, entry.key) : plain(value);
      const half = entry.kind === 'parameter' && parameterDtype !== 'float32';
      const named = written(entry.key, half ? narrow(array, parameterDtype, entry) : array);
      if (named !== null) arrays.push(named);
    }
  } finally {
    for (const { value } of values) if (value instanceof tf.Tensor) value.dispose();
  }
  return arrays;
}

/**
 * The name and the layout with which a map lets a value be written: the first name of those that are read; null for what files of its kind
 * do not have.
 */
function writtenBy(
  map: NameMap | undefined,
): (key: string, array: NamedArray) => [string, NamedArray] | null {
  if (map === undefined) return (key, array) => [key, array];
  return (key, array) => {
    const mapped = mappedName(map, key);
    if (mapped === undefined && map.absent?.test(key)) return null;
    const { from = key, transform, fileShape } = mapped ?? {};
    const name = [from].flat()[0];
    if (typeof name === 'string' && transform === undefined) return [name, array];
    const shape = fileShape?.(array.shape);
    const plan = shape === undefined ? null : (transform?.(shape) ?? null);
    if (typeof name !== 'string' || plan === null || plan.flip !== undefined || plan.scale !== undefined) {
      const advice = 'Its layouts are read, not written: save without names.';
      throw new InvalidArgumentError('names', 'a map that can be written by', map.title, advice);
    }
    return [name, undone(array, plan, shape!)];
  };
}

/** The array of `shape` that `plan` makes this one of. */
function undone(array: NamedArray, { view, order }: ArrayPlan, shape: readonly number[]): NamedArray {
  const { data } = array as { data: Float32Array };
  const strides = view.map((_, axis) => view.slice(axis + 1).reduce((size, n) => size * n, 1));
  const sizes = order.map((axis) => view[axis]!);
  const index = new Int32Array(order.length);
  const out = data.slice();
  let to = 0;
  for (const value of data) {
    out[to] = value;
    // The next place, the last axis first.
    for (let k = index.length - 1; k >= 0; k--) {
      const stride = strides[order[k]!]!;
      to += stride;
      if (++index[k]! < sizes[k]!) break;
      to -= stride * sizes[k]!;
      index[k] = 0;
    }
  }
  return { ...array, shape, data: out } as NamedArray;
}

function held(value: SerialValue): SerialValue {
  if (value instanceof Int32Array) return value.slice();
  return value instanceof tf.Tensor ? tf.keep(tf.clone(value)) : value;
}

async function download(tensor: tf.Tensor, key: string): Promise<NamedArray> {
  const { shape } = tensor;
  const data = await tensor.data();
  switch (tensor.dtype) {
    // Copies: on the cpu backend the array is the tensor's own memory.
    case 'float32':
      return { shape, dtype: 'float32', data: new Float32Array(data as Float32Array) };
    case 'int32':
      return { shape, dtype: 'int32', data: new Int32Array(data as Int32Array) };
    case 'bool':
      return { shape, dtype: 'bool', data: new Uint8Array(data as Uint8Array) };
    default:
      throw new InvalidArgumentError(key, 'a tensor of float32, int32 or bool', tensor.dtype);
  }
}

function plain(value: Exclude<SerialValue, tf.Tensor>): NamedArray {
  if (value === null) return { shape: [], dtype: 'object-null', data: null };
  if (value instanceof Int32Array) {
    return { shape: [value.length], dtype: 'int32', data: value as Int32Array<ArrayBuffer> };
  }
  if (typeof value === 'string') return { shape: [], dtype: 'str', data: [value] };
  if (typeof value === 'boolean') return { shape: [], dtype: 'bool', data: Uint8Array.of(value ? 1 : 0) };
  if (!Number.isSafeInteger(value)) return { shape: [], dtype: 'float64', data: Float64Array.of(value) };
  return { shape: [], dtype: 'int64', data: BigInt64Array.of(BigInt(value)) };
}

function narrow(array: NamedArray, dtype: 'float16' | 'bfloat16', { key }: SerialEntry): NamedArray {
  if (array.dtype !== 'float32') return array;
  const toBits = dtype === 'float16' ? floatToHalf : floatToBfloat;
  const infinity = dtype === 'float16' ? 0x7c00 : 0x7f80;
  const data = new Uint16Array(array.data.length);
  for (let i = 0; i < data.length; i++) {
    const value = array.data[i]!;
    const bits = toBits(value);
    if ((bits & 0x7fff) === infinity && Number.isFinite(value)) {
      throw new FormatError({ file: dtype, key }, 'values in its range', `${value}`, 'Write float32.');
    }
    data[i] = bits;
  }
  return { shape: array.shape, dtype, data };
}
