/** Batches of examples as tensors. */
import { InvalidArgumentError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { BatchError } from './errors.ts';

/** What a model is called with: one tensor, its arguments in order, or a record of them. */
export type Inputs = tf.Tensor | tf.Tensor[] | Record<string, tf.Tensor>;

/** Makes tensors of a batch; they are the caller's. */
export type Converter<E = unknown> = (batch: readonly E[]) => Inputs | Promise<Inputs>;

type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** Values with a shape, e.g. an image. */
export interface ShapedArray {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** What `concatExamples` makes an array of: one of these per example. */
export type Stackable =
  | number
  | boolean
  | Numbers
  | ShapedArray
  | tf.Tensor
  | readonly number[]
  | readonly (readonly number[])[];

type Dtype = 'float32' | 'int32' | 'bool';

/** One example's part, ready to be copied. */
interface Piece {
  readonly values: ArrayLike<number>;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** A plain number: its type is found from the whole batch. */
  readonly plain?: boolean;
}

/**
 * Puts examples together, with the batch as first axis (Chainer's `concat_examples`).
 *
 * Examples that are arrays (tuples) give an array of tensors, records a record of tensors, anything else one tensor.
 * Their parts are numbers, booleans, typed arrays, `{ data, shape }`, tensors, or arrays of numbers. Float arrays and arrays of
 * plain numbers become float32, integer arrays int32, booleans bool. Plain numbers become int32 where all of the batch are
 * integers (labels), else float32.
 *
 * @param padding fills up parts of differing shapes to the largest; one number, or one for each part (null: no padding).
 *   Without it shapes must be equal.
 * @returns tensors that are the caller's. Tensors among the examples stay their owner's.
 * @throws BatchError when shapes or kinds differ; InvalidArgumentError for an empty batch.
 */
export async function concatExamples(
  batch: readonly unknown[],
  padding: number | null | readonly (number | null)[] | Readonly<Record<string, number | null>> = null,
): Promise<Inputs> {
  if (batch.length === 0)
    throw new InvalidArgumentError('concatExamples', 'a batch of one example or more', 'none');
  const first = batch[0];
  const padOf = (key: string | number): number | null =>
    typeof padding === 'number' || padding === null
      ? padding
      : ((padding as Record<string | number, number | null>)[key] ?? null);
  if (isTuple(first)) {
    const parts = await partsOf(batch, first.length, (example, i) => {
      if (!isTuple(example) || example.length !== first.length) {
        throw new BatchError(
          '',
          `examples of ${first.length} parts`,
          describe(example),
          'Examples must be alike.',
        );
      }
      return example[i];
    });
    return concatAll(parts.map((values, i) => [`[${i}]`, values, padOf(i)]));
  }
  if (isRecord(first)) {
    const keys = Object.keys(first);
    const parts = await partsOf(batch, keys.length, (example, i) => {
      if (!isRecord(example) || !(keys[i]! in example) || Object.keys(example).length !== keys.length) {
        throw new BatchError(
          '',
          `records of ${keys.join(', ')}`,
          describe(example),
          'Examples must be alike.',
        );
      }
      return example[keys[i]!];
    });
    const tensors = concatAll(parts.map((values, i) => [`'${keys[i]}'`, values, padOf(keys[i]!)]));
    return Object.fromEntries(keys.map((key, i) => [key, tensors[i]!]));
  }
  return concatAll([['', await pieces('', batch), padOf(0)]])[0]!;
}

const isTuple = (value: unknown): value is readonly unknown[] => Array.isArray(value);

const isShaped = (value: object): value is ShapedArray =>
  'data' in value && 'shape' in value && Array.isArray(value.shape);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' &&
  value !== null &&
  !ArrayBuffer.isView(value) &&
  !(value instanceof tf.Tensor) &&
  !Array.isArray(value) &&
  !isShaped(value);

function describe(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (isRecord(value)) return `a record of ${Object.keys(value).join(', ')}`;
  return value.constructor.name;
}

async function partsOf(
  batch: readonly unknown[],
  count: number,
  part: (example: unknown, i: number) => unknown,
): Promise<Piece[][]> {
  const parts: Piece[][] = [];
  for (let i = 0; i < count; i++) {
    parts.push(
      await pieces(
        `[${i}]`,
        batch.map((example) => part(example, i)),
      ),
    );
  }
  return parts;
}

const pieces = (where: string, values: readonly unknown[]): Promise<Piece[]> =>
  Promise.all(values.map((value) => piece(where, value)));

async function piece(where: string, value: unknown): Promise<Piece> {
  if (typeof value === 'number') {
    return { values: [value], shape: [], dtype: Number.isInteger(value) ? 'int32' : 'float32', plain: true };
  }
  if (typeof value === 'boolean') return { values: [Number(value)], shape: [], dtype: 'bool' };
  if (value instanceof tf.Tensor) {
    const { shape, dtype } = value;
    if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') {
      return { values: (await value.data()) as Float32Array, shape, dtype };
    }
  } else if (isNumbers(value)) return { values: value, shape: [value.length], dtype: dtypeOf(value) };
  else if (Array.isArray(value)) return nested(where, value);
  else if (typeof value === 'object' && value !== null && isShaped(value)) {
    const { data, shape } = value;
    const size = shape.reduce((a, b) => a * b, 1);
    if (data.length !== size) {
      throw new BatchError(where, `${size} values for shape (${shape.join(', ')})`, `${data.length}`, '');
    }
    return { values: data, shape, dtype: isNumbers(data) ? dtypeOf(data) : 'float32' };
  }
  throw new BatchError(
    where,
    'numbers, typed arrays, { data, shape } or tensors',
    describe(value),
    'Give the updater a converter for examples of another kind.',
  );
}

const isNumbers = (value: unknown): value is Numbers =>
  ArrayBuffer.isView(value) &&
  !(value instanceof DataView) &&
  !(value instanceof BigInt64Array) &&
  !(value instanceof BigUint64Array);

const dtypeOf = (values: Numbers): Dtype =>
  values instanceof Float32Array || values instanceof Float64Array ? 'float32' : 'int32';

/** Arrays of numbers, any depth, as one float32 array. */
function nested(where: string, value: readonly unknown[]): Piece {
  const shape: number[] = [];
  for (let level: unknown = value; Array.isArray(level); level = level[0]) shape.push(level.length);
  const values = value.flat((shape.length - 1) as 1) as unknown[];
  const size = shape.reduce((a, b) => a * b, 1);
  if (values.length !== size || values.some((v) => typeof v !== 'number')) {
    throw new BatchError(where, 'arrays of numbers, all rows of one length', 'others', 'Use typed arrays.');
  }
  return { values: values as number[], shape, dtype: 'float32' };
}

/** All or none: where one part fails no tensor is left behind. */
function concatAll(
  parts: readonly (readonly [where: string, Piece[], padding: number | null])[],
): tf.Tensor[] {
  const planned = parts.map(([where, values, padding]) => concat(where, values, padding));
  return planned.map(({ data, shape, dtype }) => tf.tensor(data, shape, dtype));
}

interface Planned {
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly shape: number[];
  readonly dtype: Dtype;
}

const containers = { float32: Float32Array, int32: Int32Array, bool: Uint8Array } as const;

function concat(where: string, values: readonly Piece[], padding: number | null): Planned {
  const dtype = commonDtype(where, values);
  const shape = commonShape(where, values, padding !== null);
  const size = shape.reduce((a, b) => a * b, 1);
  const data = new containers[dtype](values.length * size);
  if (padding !== null && padding !== 0) data.fill(padding);
  values.forEach((value, i) => {
    copyInto(data.subarray(i * size, (i + 1) * size), shape, value);
  });
  return { data, shape: [values.length, ...shape], dtype };
}

function commonDtype(where: string, values: readonly Piece[]): Dtype {
  const dtypes = [...new Set(values.map(({ dtype }) => dtype))];
  if (dtypes.length === 1) return dtypes[0]!;
  if (values.every(({ plain }) => plain)) return 'float32';
  throw new BatchError(
    where,
    'one type of values',
    dtypes.join(' and '),
    'Use the same kind of array in every example.',
  );
}

function commonShape(where: string, values: readonly Piece[], pad: boolean): number[] {
  const shape = [...values[0]!.shape];
  for (const { shape: other } of values) {
    const equal = other.length === shape.length && (pad || other.every((n, i) => n === shape[i]));
    if (!equal) {
      throw new BatchError(
        where,
        `shape (${shape.join(', ')}) in every example`,
        `(${other.join(', ')})`,
        'Resize the examples, or give a padding.',
      );
    }
    for (const [i, n] of other.entries()) shape[i] = Math.max(shape[i]!, n);
  }
  return shape;
}

/** Copies values of a smaller shape into the beginning of each axis. */
function copyInto(target: Planned['data'], shape: readonly number[], { values, shape: own }: Piece): void {
  if (own.every((n, i) => n === shape[i])) {
    target.set(values);
    return;
  }
  const row = own.at(-1)!;
  const rows = row === 0 ? 0 : values.length / row;
  for (let r = 0; r < rows; r++) {
    let [rest, at, stride] = [r, 0, shape.at(-1)!];
    for (let axis = own.length - 2; axis >= 0; axis--) {
      at += (rest % own[axis]!) * stride;
      rest = Math.floor(rest / own[axis]!);
      stride *= shape[axis]!;
    }
    for (let i = 0; i < row; i++) target[at + i] = values[r * row + i]!;
  }
}
