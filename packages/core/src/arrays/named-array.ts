/** Arrays as weight files hold them: a shape, an element type and the values, before any tensor is made. */
import { FormatError, type FormatPlace } from './format-error.ts';
import { bfloatToFloat, halvesToFloats } from './half.ts';

/** The container of each element type. float16 and bfloat16 are kept as their bits, booleans as 0 and 1. */
export interface ArrayDataByDtype {
  float64: Float64Array<ArrayBuffer>;
  float32: Float32Array<ArrayBuffer>;
  float16: Uint16Array<ArrayBuffer>;
  bfloat16: Uint16Array<ArrayBuffer>;
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  int16: Int16Array<ArrayBuffer>;
  uint16: Uint16Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  uint32: Uint32Array<ArrayBuffer>;
  int64: BigInt64Array<ArrayBuffer>;
  uint64: BigUint64Array<ArrayBuffer>;
  bool: Uint8Array<ArrayBuffer>;
  /** Unicode strings, e.g. NumPy's `<U5`. */
  str: readonly string[];
  /** Python's `None`, which Chainer stores as a pickled 0-d object array. */
  'object-null': null;
}

export type ArrayDtype = keyof ArrayDataByDtype;
/** The element types whose values are bytes of a fixed size. */
export type BinaryDtype = Exclude<ArrayDtype, 'str' | 'object-null'>;

/** An array in C order (the last index runs fastest). Its data may share memory with the file's bytes. */
export type NamedArray = {
  readonly [D in ArrayDtype]: {
    readonly shape: readonly number[];
    readonly dtype: D;
    readonly data: ArrayDataByDtype[D];
  };
}[ArrayDtype];

/** What a file's header tells of an array before its values are read. */
export interface ArrayInfo {
  readonly shape: readonly number[];
  readonly dtype: ArrayDtype;
}

/** A weight file in memory whose arrays are decoded one by one, on demand. */
export interface ArrayFile {
  /** The file's name for messages. */
  readonly file: string;
  /** The names of the arrays, in the file's order. */
  keys(): string[];
  has(key: string): boolean;
  /** Shape and element type, without decoding the values. */
  info(key: string): ArrayInfo;
  /** Decodes one array. */
  read(key: string): NamedArray;
}

/** Bytes per element. */
export const itemSizes = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  bool: 1,
} as const satisfies Record<BinaryDtype, number>;

const containers = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const;

/** NumPy's own limit. Every step along an array costs as many. */
const mostAxes = 64;

/**
 * The number of elements of a shape.
 * @throws FormatError when a dimension is not a non-negative integer, the product is beyond exact integers, or there are more than
 *   64 axes, as many as NumPy has.
 */
export function elementCount(shape: readonly number[], place: FormatPlace): number {
  if (shape.length > mostAxes) throw new FormatError(place, `at most ${mostAxes} axes`, `${shape.length}`);
  // A zero makes the array empty, however large the other dimensions: it must not be lost to an overflow.
  let count = shape.includes(0) ? 0 : 1;
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new FormatError(
        place,
        'dimensions that are non-negative integers',
        `shape (${shape.join(', ')})`,
      );
    }
    count *= dim;
  }
  if (!Number.isSafeInteger(count)) {
    throw new FormatError(place, 'a shape that fits in memory', `shape (${shape.join(', ')})`);
  }
  return count;
}

/** Whether this machine stores numbers as the files do; on others every element is turned around. */
const hostIsLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/**
 * An array over raw bytes, without a copy where alignment and byte order allow it.
 * @param bytes exactly the values, `elementCount(shape) * itemSizes[dtype]` bytes (the caller has checked).
 */
export function arrayFromBytes(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: BinaryDtype,
  shape: readonly number[],
  littleEndian = true,
): NamedArray {
  const size = itemSizes[dtype];
  const swap = size > 1 && littleEndian !== hostIsLittleEndian;
  let own = bytes;
  // Not `slice`: of Node's Buffers it would share the memory.
  if (swap || bytes.byteOffset % size !== 0) own = new Uint8Array(bytes);
  if (swap) reverseItems(own, size);
  const data = new containers[dtype](own.buffer, own.byteOffset, own.byteLength / size);
  return { shape: [...shape], dtype, data } as NamedArray;
}

/** The little-endian bytes of an array's values; may share the array's memory. */
export function bytesOfArray(array: Extract<NamedArray, { dtype: BinaryDtype }>): Uint8Array<ArrayBuffer> {
  const { data } = array;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (hostIsLittleEndian || itemSizes[array.dtype] === 1) return bytes;
  const turned = bytes.slice();
  reverseItems(turned, itemSizes[array.dtype]);
  return turned;
}

/** Whether an array's values are bytes, i.e. neither strings nor None. */
export function isBinary(array: NamedArray): array is Extract<NamedArray, { dtype: BinaryDtype }> {
  return array.dtype !== 'str' && array.dtype !== 'object-null';
}

/** `Float32Array.from` would go through an iterator, many times as slow. */
function mapped<T>(values: ArrayLike<T>, toFloat: (value: T) => number): Float32Array<ArrayBuffer> {
  const floats = new Float32Array(values.length);
  for (let i = 0; i < floats.length; i++) floats[i] = toFloat(values[i]!);
  return floats;
}

/**
 * The values as float32, the only float type of tensors. float16 and bfloat16 are exact; the others are rounded.
 * Shares the array's memory when it is float32 already.
 * @throws FormatError for strings and None.
 */
export function toFloat32Array(array: NamedArray, place: FormatPlace): Float32Array<ArrayBuffer> {
  switch (array.dtype) {
    case 'float32':
      return array.data;
    case 'float16':
      return halvesToFloats(array.data);
    case 'bfloat16':
      return mapped(array.data, bfloatToFloat);
    case 'int64':
    case 'uint64':
      return mapped(array.data as ArrayLike<bigint>, Number);
    case 'str':
    case 'object-null':
      throw new FormatError(
        place,
        'numbers',
        array.dtype === 'str' ? 'strings' : 'None',
        'Ignore this name.',
      );
    default:
      return new Float32Array(array.data);
  }
}

/**
 * The values as int32.
 * @throws FormatError for a value that is not an integer of 32 bits (nothing wraps around), for strings and None.
 */
export function toInt32Array(array: NamedArray, place: FormatPlace): Int32Array<ArrayBuffer> {
  if (array.dtype === 'int32') return array.data;
  if (!isBinary(array)) {
    throw new FormatError(place, 'integers', array.dtype === 'str' ? 'strings' : 'None', 'Ignore this name.');
  }
  const values: ArrayLike<number | bigint> =
    array.dtype === 'float16' || array.dtype === 'bfloat16' ? toFloat32Array(array, place) : array.data;
  const out = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = Number(values[i]);
    if (value !== (value | 0)) {
      throw new FormatError(
        place,
        'integers of 32 bits',
        String(values[i]),
        'Tensors hold no larger integers.',
      );
    }
    out[i] = value;
  }
  return out;
}

/**
 * The single value of a 0-d array (or of one with one element): a number, a boolean, a string or null.
 * @throws FormatError for more or fewer elements, and for a 64-bit integer that a JavaScript number cannot hold.
 */
export function toScalar(array: NamedArray, place: FormatPlace): number | boolean | string | null {
  if (array.dtype === 'object-null') return null;
  if (array.data.length !== 1) {
    throw new FormatError(place, 'a single value', `shape (${array.shape.join(', ')})`, 'It is an array.');
  }
  switch (array.dtype) {
    case 'str':
      return array.data[0]!;
    case 'bool':
      return array.data[0] !== 0;
    case 'float16':
    case 'bfloat16':
      return toFloat32Array(array, place)[0]!;
    default: {
      const value = array.data[0]!;
      if (typeof value === 'bigint' && !Number.isSafeInteger(Number(value))) {
        throw new FormatError(place, 'an integer within 2**53', String(value), 'It cannot be held exactly.');
      }
      return Number(value);
    }
  }
}

function reverseItems(bytes: Uint8Array, size: number): void {
  for (let i = 0; i < bytes.length; i += size) bytes.subarray(i, i + size).reverse();
}
