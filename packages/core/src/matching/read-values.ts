/** Reads the arrays of a plan into tensors, each piece by piece, so that no array is in memory twice. */
import { type FloatTensor, floatTensor } from '@chaingrad/kernels';
import * as tf from '@tensorflow/tfjs-core';
import type { ArraySource } from '../arrays/array-source.ts';
import { FormatError, type FormatPlace } from '../arrays/format-error.ts';
import {
  type ArrayDtype,
  elementCount,
  isBinary,
  type NamedArray,
  toFloat32Array,
  toInt32Array,
  toScalar,
} from '../arrays/named-array.ts';
import { readArray } from '../arrays/read-array.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { PlanStep } from './plan.ts';
import { Scatter } from './scatter.ts';
import type { SerialEntry, SerialValue } from './serial-entry.ts';

export interface ReadOptions {
  /** Stops the reading; the model is then as it was. */
  readonly signal?: AbortSignal | undefined;
  /** Told how many bytes of values are read, and how many there are. */
  readonly onProgress?: ((progress: { loaded: number; total: number | null }) => void) | undefined;
}

/** A value that is ready for its entry. */
export interface ReadyValue {
  readonly step: PlanStep;
  value(): SerialValue;
  /** Where the value is a tensor already: whoever writes it owns it. */
  readonly tensor?: tf.Tensor;
}

/**
 * Everything that a plan needs; nothing is left behind when one of the arrays cannot be read.
 * @throws FormatError for damaged content, and for values that their entries cannot hold.
 */
export async function readValues(
  file: ArraySource,
  steps: readonly PlanStep[],
  { signal, onProgress }: ReadOptions,
): Promise<ReadyValue[]> {
  const ready: ReadyValue[] = [];
  const sizes = steps.map(({ info }) => info.shape.reduce((a, b) => a * b, 4));
  const total = sizes.reduce((a, b) => a + b, 0);
  let loaded = 0;
  try {
    for (const [i, step] of steps.entries()) {
      signal?.throwIfAborted();
      if (takesFloats(step.entry)) ready.push(await readFloats(file, step, signal));
      else ready.push(await readOther(file, step));
      loaded += sizes[i]!;
      onProgress?.({ loaded, total });
    }
    return ready;
  } catch (error) {
    for (const { tensor } of ready) tensor?.dispose();
    throw error;
  }
}

/** Whether an entry takes a float32 tensor, which is then filled piece by piece. */
function takesFloats(entry: SerialEntry): boolean {
  if (entry.kind === 'parameter') return true;
  const old = entry.read();
  return old instanceof tf.Tensor ? old.dtype === 'float32' : old === null && entry.kind === 'state';
}

async function readFloats(
  file: ArraySource,
  step: PlanStep,
  signal: AbortSignal | undefined,
): Promise<ReadyValue> {
  const { key, layout, info } = step;
  const { shape } = info;
  const place = { file: file.file, key };
  const count = elementCount(shape, place);
  const order = shape.map((_, axis) => axis);
  const scatter = new Scatter(layout ?? { view: shape, order, shape });
  const target = allocate(layout?.shape ?? shape, place);
  try {
    let at = 0;
    for await (const chunk of file.chunks(key)) {
      signal?.throwIfAborted();
      const values = toFloat32Array(chunk, place);
      if (at + values.length > count) throw new FormatError(place, `${count} values`, 'more');
      scatter.write(target.values(), values);
      at += values.length;
    }
    if (at !== count) throw new FormatError(place, `${count} values`, `${at}`);
  } catch (error) {
    target.abandon();
    throw error;
  }
  const tensor = target.finish();
  return { step, value: () => tensor, tensor };
}

function allocate(shape: readonly number[], place: FormatPlace): FloatTensor {
  try {
    return floatTensor(shape);
  } catch (error) {
    if (/No backend found/.test(String(error))) {
      const advice = "Choose one first: await useBackend('auto').";
      throw new InvalidArgumentError('The values of a model', 'a backend to keep them', 'none', advice);
    }
    const advice = 'Free memory, or use a machine with more.';
    const got = `shape (${shape.join(', ')})`;
    throw new FormatError(place, 'an array that fits into memory', got, advice, error);
  }
}

async function readOther(file: ArraySource, step: PlanStep): Promise<ReadyValue> {
  const { entry, key, layout } = step;
  const array = await readArray(file, key);
  const place = { file: file.file, key };
  if (layout !== null) throw new FormatError(place, 'a parameter', 'a map that reorders another value');
  return { step, value: entryDecoder(entry.read(), array, place) };
}

/**
 * Checks and converts an array to what an entry takes now; the function that it gives only makes the value.
 * @param old the entry's present value, whose type is kept.
 * @throws FormatError when the array cannot be turned into it.
 */
function entryDecoder(old: SerialValue, array: NamedArray, place: FormatPlace): () => SerialValue {
  if (old instanceof Int32Array) {
    const integers = toInt32Array(array, place).slice();
    return () => integers;
  }
  if (!(old instanceof tf.Tensor) && (old !== null || array.shape.length === 0)) {
    const value = toScalar(array, place);
    // As in Chainer: a boolean is a number, too; no other type is changed in silence.
    const number = typeof old === 'number' && typeof value === 'boolean' ? Number(value) : value;
    if (old !== null && typeof old !== typeof number) {
      const advice = 'The model holds another type there.';
      throw new FormatError(place, `a ${typeof old}`, JSON.stringify(value), advice);
    }
    return () => number;
  }
  const dtype = old instanceof tf.Tensor ? old.dtype : tensorDtype(array.dtype);
  const values = valuesOf(array, dtype, place);
  return () => tf.tensor(values, [...array.shape], dtype);
}

/** The tensor type of an array that replaces None. */
function tensorDtype(dtype: ArrayDtype): tf.DataType {
  if (dtype === 'bool') return 'bool';
  return /^u?int/.test(dtype) ? 'int32' : 'float32';
}

/** The values in memory of their own: the file's bytes stay the caller's, and are not kept alive. */
function valuesOf(
  array: NamedArray,
  dtype: tf.DataType,
  place: FormatPlace,
): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') {
    const values = toFloat32Array(array, place);
    return array.dtype === 'float32' ? values.slice() : values;
  }
  if (dtype === 'bool' && array.dtype === 'bool') return array.data.slice();
  if (dtype === 'int32' && isBinary(array)) {
    const values = toInt32Array(array, place);
    return array.dtype === 'int32' ? values.slice() : values;
  }
  throw new FormatError(place, `values of type ${dtype}`, array.dtype, 'The model holds another type there.');
}

/** Works on items, at most `limit` of them at a time; results in the order of the items. */
export async function inParallel<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array<R>(items.length);
  let next = 0;
  const run = async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]!);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, run));
  return results;
}
