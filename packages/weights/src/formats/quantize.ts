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
  const values = finiteFloats(array, place);
  let [min, max] = [0, 0];
  for (const value of values) {
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

/** @throws FormatError for values that are not finite. */
function finiteFloats(array: NamedArray, place: FormatPlace): Float32Array {
  const values = toFloat32Array(array, place);
  for (const value of values) {
    if (!Number.isFinite(value))
      throw new FormatError(place, 'finite values', `${value}`, 'Write it as float.');
  }
  return values;
}

/** The values that whole numbers stand for, computed as every reader does: in float64, then rounded once. */
export function dequantize(
  data: ArrayLike<number>,
  { scale, min }: Pick<Quantized, 'scale' | 'min'>,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(data.length);
  for (let i = 0; i < values.length; i++) values[i] = data[i]! * scale + min;
  return values;
}

/** Whole numbers that stand for `data * scales[channel]`: each place of the first axis, an output channel of a filter, has its own scale. */
export interface QuantizedChannels {
  readonly data: Int8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
}

/**
 * Whole numbers from -127 to 127 for float values, symmetric around 0 and spread up to the largest of each channel, as the kernels
 * spread filters. The values that these stand for give the same numbers and scales again; a channel of zeros has scale 0.
 * @param array of at least one dimension.
 * @throws FormatError for values that are not finite.
 */
export function quantizeChannels(array: NamedArray, place: FormatPlace): QuantizedChannels {
  const values = finiteFloats(array, place);
  const scales = new Float32Array(array.shape[0]!);
  const data = new Int8Array(values.length);
  const length = values.length / scales.length;
  for (let channel = 0; channel < scales.length; channel++) {
    const [begin, end] = [channel * length, (channel + 1) * length];
    let max = 0;
    for (let i = begin; i < end; i++) max = Math.max(max, Math.abs(values[i]!));
    scales[channel] = max / 127;
    // Of values below the smallest float nothing is left.
    const scale = scales[channel]! || 1;
    for (let i = begin; i < end; i++) data[i] = Math.min(127, Math.max(-127, Math.round(values[i]! / scale)));
  }
  return { data, scales };
}

/**
 * The values that whole numbers with a scale for each channel stand for.
 * @param length of a channel.
 * @param from the place of the first number, counted from that of the first scale.
 */
export function dequantizeChannels(
  { data, scales }: QuantizedChannels,
  length: number,
  from = 0,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(data.length);
  for (let i = 0; i < data.length; ) {
    const channel = Math.floor((from + i) / length);
    const scale = scales[channel]!;
    const end = Math.min(data.length, (channel + 1) * length - from);
    for (; i < end; i++) values[i] = data[i]! * scale;
  }
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
