/** Arrays of plain numbers on the host: constants, shapes, and what is computed of them. */
import { type BinaryDtype, ChaingradError } from '@chaingrad/core';

/** Element types of ONNX that import knows, by the names of core's arrays. */
export type Dtype = BinaryDtype;

/** Values as numbers. 64-bit integers are float64 here: beyond 2^53 they are rounded, which ends of slices survive. */
export type Numbers =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>;

export interface HostArray {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** In C order. */
  readonly data: Numbers;
}

/** Halves are held as float32 on the host, 64-bit integers as float64. */
const containers: Record<Dtype, new (length: number) => Numbers> = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: Float64Array,
  uint64: Float64Array,
  bool: Uint8Array,
};

const floats: ReadonlySet<Dtype> = new Set<Dtype>(['float64', 'float32', 'float16', 'bfloat16']);
export const isFloat = (dtype: Dtype): boolean => floats.has(dtype);

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The size that a shape would have if no axis were empty: what going through its other axes costs. */
export const extentOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * Math.max(1, b), 1);

/** The most elements that one array on the host may have: a shape in a file can ask for anything. */
const largest = 2 ** 28;

/** The most axes that one may have: every step along an array costs as many. */
const mostAxes = 64;

/** How many elements may still be made; null outside of `withBudget`. */
let budget: number | null = null;

/** More elements were asked for than an array, or all of a computation, may have. */
export class TooLargeError extends ChaingradError {}

/** Runs `fn`, which may make `elements` elements on the host in all. @throws TooLargeError beyond. */
export function withBudget<R>(elements: number, fn: () => R): R {
  const outer = budget;
  budget = elements;
  try {
    return fn();
  } finally {
    budget = outer;
  }
}

/** Whether a budget holds: then nothing may be computed on the device, where nobody counts. */
export const hasBudget = (): boolean => budget !== null;

/** A length that a file asks for, before anything of that length is made. @throws TooLargeError */
export function lengthWithin(length: number): number {
  const most = Math.min(largest, budget ?? largest);
  if (!(length >= 0 && length <= most))
    throw new TooLargeError(`expected at most ${most} elements, got ${length}.`);
  return length;
}

/** Takes steps off the budget, if there is one. @throws TooLargeError when it has no more. */
export function spend(steps: number): void {
  if (budget === null) return;
  if (!(steps <= budget)) throw new TooLargeError(`expected at most ${budget} steps, got ${steps}.`);
  budget -= steps;
}

/** Zeros. @throws TooLargeError */
export function numbers(dtype: Dtype, length: number): Numbers {
  spend(lengthWithin(length));
  return new containers[dtype](length);
}

/** @throws TooLargeError for a shape that costs out of all proportion, though it be one without elements. */
export function checkShape(shape: readonly number[]): void {
  if (shape.length > mostAxes)
    throw new TooLargeError(`expected at most ${mostAxes} axes, got ${shape.length}.`);
  if (!(extentOf(shape) <= largest))
    throw new TooLargeError(`expected at most ${largest} elements, got (${shape.join(', ')}).`);
}

/** An array of the given values, which are converted as typed arrays do: integers of less than 32 bits wrap around. */
export function hostArray(dtype: Dtype, shape: readonly number[], values: ArrayLike<number>): HostArray {
  const data = numbers(dtype, values.length);
  data.set(values);
  return { dtype, shape, data };
}

/** A list of int64, as shapes are. */
export const int64s = (values: readonly number[]): HostArray => hostArray('int64', [values.length], values);

/** How many elements apart neighbours along each axis lie. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides: number[] = new Array(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/**
 * Calls `visit` for each index of `shape` in C order, with the sum of index * strides for each list of strides.
 */
export function walk(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (at: number, offsets: readonly number[]) => void,
): void {
  const total = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  const offsets = new Array<number>(strides.length).fill(0);
  for (let at = 0; at < total; at++) {
    visit(at, offsets);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      for (let k = 0; k < strides.length; k++) offsets[k]! += strides[k]![axis]!;
      if (index[axis]! < shape[axis]!) break;
      for (let k = 0; k < strides.length; k++) offsets[k]! -= strides[k]![axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** Reads an array with other shape and strides: transposes, slices, broadcasts. */
export function strided(
  source: HostArray,
  shape: readonly number[],
  strides: readonly number[],
  start = 0,
): HostArray {
  const data = numbers(source.dtype, sizeOf(shape));
  if (data.length === 0) return { dtype: source.dtype, shape, data };
  const { data: from } = source;
  const count = shape.at(-1) ?? 1;
  const step = strides.at(-1) ?? 0;
  // Row by row: to go from element to element takes ten times as long.
  walk(shape.slice(0, -1), [strides.slice(0, -1)], (row, [offset]) => {
    const first = start + offset!;
    for (let i = 0, at = row * count; i < count; i++) data[at++] = from[first + i * step]!;
  });
  return { dtype: source.dtype, shape, data };
}

/** The strides by which an array of `shape` is read as one of the broadcast shape `to`. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(shape);
  const lead = to.length - shape.length;
  return to.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : own[i - lead]!));
}

/** The shape to which arrays of these shapes broadcast. @throws ChaingradError when they do not. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let size = 1;
    for (const shape of shapes) {
      const n = shape[shape.length - rank + i] ?? 1;
      if (n === 1 || n === size) continue;
      if (size !== 1)
        throw new ChaingradError(
          `expected shapes that broadcast, got ${shapes.map((s) => `(${s.join(', ')})`).join(' and ')}.`,
        );
      size = n;
    }
    return size;
  });
}

/** fn of the elements, which broadcast. */
export function elementwise(
  dtype: Dtype,
  inputs: readonly HostArray[],
  fn: (...values: number[]) => number,
): HostArray {
  const shape = broadcastShape(inputs.map((input) => input.shape));
  const data = numbers(dtype, sizeOf(shape));
  const [a, b] = inputs;
  if (inputs.length === 1) {
    for (let i = 0; i < data.length; i++) data[i] = fn(a!.data[i]!);
  } else if (inputs.length === 2) {
    walk(shape, [broadcastStrides(a!.shape, shape), broadcastStrides(b!.shape, shape)], (at, offsets) => {
      data[at] = fn(a!.data[offsets[0]!]!, b!.data[offsets[1]!]!);
    });
  } else {
    spend(inputs.length * data.length);
    const strides = inputs.map((input) => broadcastStrides(input.shape, shape));
    walk(shape, strides, (at, offsets) => {
      data[at] = fn(...inputs.map((input, k) => input.data[offsets[k]!]!));
    });
  }
  return { dtype, shape, data };
}
