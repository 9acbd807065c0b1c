/** Values in fewer bits, and what that loses. */
import {
  FormatError,
  type FormatPlace,
  floatToHalf,
  isBinary,
  type NamedArray,
  toFloat32Array,
} from '@chaingrad/core';

/** Bytes that stand for `byte * scale + min`, as tfjs has them. */
export interface Quantized {
  readonly shape: readonly number[];
  readonly data: Uint8Array<ArrayBuffer>;
  readonly scale: number;
  readonly min: number;
}

/** How much an array has changed. */
export interface ArrayLoss {
  readonly key: string;
  readonly values: number;
  /** The largest difference of a value. */
  readonly maxError: number;
  /** The largest value. */
  readonly maxValue: number;
  /** Sums of squares: of the differences, and of the values. */
  readonly squaredError: number;
  readonly squaredValues: number;
}

/**
 * Bytes for float values, spread evenly between the smallest and the largest. Zero stays exactly zero.
 * @throws FormatError for values that are not finite.
 */
export function quantize(array: NamedArray, place: FormatPlace): Quantized {
  const values = toFloat32Array(array, place);
  let [min, max] = [0, 0];
  for (const value of values) {
    if (!Number.isFinite(value))
      throw new FormatError(place, 'finite values', `${value}`, 'Write it as float.');
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  const scale = (max - min) / 255 || 1;
  const zero = Math.round(-min / scale);
  const data = new Uint8Array(values.length);
  for (let i = 0; i < data.length; i++)
    data[i] = Math.min(255, Math.max(0, Math.round(values[i]! / scale) + zero));
  return { shape: array.shape, data, scale, min: -zero * scale };
}

/** The values that bytes stand for, computed as every reader does. */
export function dequantize({ data, scale, min }: Quantized): Float32Array {
  const values = new Float32Array(data.length);
  for (let i = 0; i < values.length; i++) values[i] = data[i]! * scale + min;
  return values;
}

/**
 * Float values as float16.
 * @throws FormatError for a value beyond its range (65504).
 */
export function toHalf(array: NamedArray, place: FormatPlace): NamedArray {
  const values = toFloat32Array(array, place);
  const data = new Uint16Array(values.length);
  for (let i = 0; i < data.length; i++) {
    const value = values[i]!;
    data[i] = floatToHalf(value);
    if ((data[i]! & 0x7fff) === 0x7c00 && Number.isFinite(value)) {
      throw new FormatError(place, 'values in the range of float16', `${value}`, 'Write it as float32.');
    }
  }
  return { shape: array.shape, dtype: 'float16', data };
}

/** Whether an array is one of floats that may be written in fewer bits: statistics and biases are few, and stay. */
export const isReducible = (array: NamedArray): boolean =>
  isBinary(array) && /float/.test(array.dtype) && array.shape.length > 1;

/** What an array has lost. */
export function lossOf(key: string, array: NamedArray, written: ArrayLike<number>): ArrayLoss {
  const values = toFloat32Array(array, { file: 'convert', key });
  let [maxError, maxValue, squaredError, squaredValues] = [0, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const error = Math.abs(value - written[i]!);
    maxError = Math.max(maxError, error);
    maxValue = Math.max(maxValue, Math.abs(value));
    squaredError += error * error;
    squaredValues += value * value;
  }
  return { key, values: values.length, maxError, maxValue, squaredError, squaredValues };
}
