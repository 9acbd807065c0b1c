/** Arrays that go into the file: parameters as they are, and what is computed of them. */
import type { BackendValues, DataType, Tensor } from '@tensorflow/tfjs-core';

export type ConstantData = Float32Array | Int32Array | BigInt64Array | Uint8Array;

/** Element types that a graph uses: tfjs' ones, and ONNX' for indices and images. */
export type GraphType = Extract<DataType, 'float32' | 'int32' | 'bool'> | 'int64' | 'uint8';

/** An array whose values are read when the file is written: large ones are never all in memory at once. */
export class Constant {
  constructor(
    readonly dtype: GraphType,
    readonly shape: readonly number[],
    /** A path (`/conv1/W`), or null for one that has no name of its own. */
    readonly label: string | null,
    readonly read: () => Promise<ConstantData>,
    /** The values, where they are known without waiting. */
    readonly values: ConstantData | null = null,
    /** The array with a name whose elements these are, in the same order and another shape. */
    readonly whole: Constant | null = null,
  ) {}

  static of(dtype: GraphType, shape: readonly number[], values: ConstantData, label: string | null = null) {
    return new Constant(dtype, shape, label, async () => values, values);
  }

  static ofTensor(tensor: Tensor, label: string | null): Constant {
    const read = async () => typed(tensor.dtype, await tensor.data());
    return new Constant(tensor.dtype as GraphType, tensor.shape, label, read);
  }

  get size(): number {
    return this.shape.reduce((a, b) => a * b, 1);
  }

  /** The one value that all elements have, if that is known to be so. */
  get uniform(): number | null {
    const { values } = this;
    if (values === null || values.length === 0 || this.size > 64) return null;
    return values.every((value: number | bigint) => value === values[0]) ? Number(values[0]) : null;
  }

  reshaped(shape: readonly number[]): Constant {
    const whole = this.whole ?? (this.label === null ? null : this);
    if (whole?.shape.join() === shape.join()) return whole;
    return new Constant(this.dtype, shape, this.label, this.read, this.values, whole);
  }

  transposed(perm: readonly number[]): Constant {
    const shape = perm.map((axis) => this.shape[axis]!);
    const moved = perm.filter((axis) => this.shape[axis] !== 1);
    if (moved.every((axis, i) => i === 0 || moved[i - 1]! < axis)) return this.reshaped(shape);
    const turn = (data: ConstantData) => permuted(data, this.shape, perm);
    return this.derived(shape, turn);
  }

  /** An array computed of this one. */
  derived(shape: readonly number[], compute: (data: ConstantData) => ConstantData): Constant {
    const { values } = this;
    const known = values === null ? null : compute(values);
    const read = known === null ? async () => compute(await this.read()) : async () => known;
    return new Constant(this.dtype, shape, this.label, read, known);
  }
}

/** tfjs' values as an array of the type that a file has. */
export function typed(dtype: DataType, values: BackendValues): ConstantData {
  const list = values as unknown as ArrayLike<number>;
  if (dtype === 'float32') return values instanceof Float32Array ? values : Float32Array.from(list);
  if (dtype === 'int32') return values instanceof Int32Array ? values : Int32Array.from(list);
  return values instanceof Uint8Array ? values : Uint8Array.from(list, Number);
}

/** The array with its axes in another order, as `tf.transpose`. */
function permuted(data: ConstantData, shape: readonly number[], perm: readonly number[]): ConstantData {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const outShape = perm.map((axis) => shape[axis]!);
  const outStrides = perm.map((axis) => strides[axis]!);
  const out = new (data.constructor as new (length: number) => ConstantData)(data.length);
  const index = new Int32Array(perm.length);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from]!;
    for (let axis = perm.length - 1; axis >= 0; axis--) {
      from += outStrides[axis]!;
      if (++index[axis]! < outShape[axis]!) break;
      from -= outStrides[axis]! * outShape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}
