/** What flows between the nodes of an imported network. */
import { ChaingradError } from '@chaingrad/core';
import * as tf from '@tensorflow/tfjs-core';
import { IntegerRangeError } from '../errors.ts';
import {
  checkShape,
  type Dtype,
  type HostArray,
  hasBudget,
  isFloat,
  numbers,
  sizeOf,
  strided,
  stridesOf,
  TooLargeError,
} from './host-array.ts';

/** The order in which a tensor stores the axes of a value: `order[k]` is the axis of the value that is stored as axis k. */
export type Order = readonly number[];

export const plainOrder = (rank: number): Order => Array.from({ length: rank }, (_, i) => i);

/** (N, C, ...) stored as (N, ..., C), which our kernels take. */
export const channelsLast = (rank: number): Order =>
  rank < 3 ? plainOrder(rank) : [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2), 1];

/** The tensor type that holds an element type. */
export const tensorType = (dtype: Dtype): 'float32' | 'int32' | 'bool' =>
  isFloat(dtype) ? 'float32' : dtype === 'bool' ? 'bool' : 'int32';

/** The running node: tensors that were made meanwhile for values that outlive it. */
interface Scope {
  readonly made: tf.Tensor[];
}

let scope: Scope | null = null;

/** Runs one node; every tensor that values keep of it is returned to `keep`, all others are freed. */
export function tidyNode<R>(fn: () => { readonly result: R; readonly tensors: readonly tf.Tensor[] }): R {
  const outer = scope;
  const own: Scope = { made: [] };
  let result: R | undefined;
  scope = own;
  try {
    tf.tidy(() => {
      const out = fn();
      result = out.result;
      return [...out.tensors, ...own.made];
    });
  } finally {
    scope = outer;
  }
  return result as R;
}

/**
 * An array of ONNX: its element type and shape, and its values on the host, on the device or on both.
 *
 * On the device the axes may be stored in another order than the value has them. Transposing a value only changes that
 * order; data move where an operator wants another one. So a convolution's output stays (N, H, W, C) through everything
 * that can take it so, and no node transposes by itself.
 */
export class Value {
  #host: HostArray | null = null;
  #born: 'host' | 'device' = 'device';
  /** The values as tensors, by the order of their axes; the first is what the value was made of. */
  readonly #stored = new Map<string, { tensor: tf.Tensor; order: Order }>();
  /** Whether the first tensor is this value's to dispose. */
  #ownsFirst = true;
  /** The node that made it. */
  readonly #scope = scope;

  private constructor(
    readonly dtype: Dtype,
    readonly shape: readonly number[],
  ) {}

  /** @throws TooLargeError when its shape is out of proportion. */
  static host(array: HostArray): Value {
    checkShape(array.shape);
    const value = new Value(array.dtype, array.shape);
    value.#host = array;
    value.#born = 'host';
    return value;
  }

  /** A value made by a node: the tensor is the value's. */
  static device(tensor: tf.Tensor, dtype: Dtype, order: Order = plainOrder(tensor.rank)): Value {
    const shape = new Array<number>(order.length);
    order.forEach((axis, k) => {
      shape[axis] = tensor.shape[k]!;
    });
    const value = new Value(dtype, shape);
    value.#stored.set(order.join(), { tensor, order });
    return value;
  }

  /** A value over somebody else's tensor: a parameter, an input. */
  static borrowed(tensor: tf.Tensor, dtype: Dtype, order?: Order): Value {
    const value = Value.device(tensor, dtype, order);
    value.#ownsFirst = false;
    return value;
  }

  get rank(): number {
    return this.shape.length;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** The values on the host, or null where they are on the device only. */
  get hostArray(): HostArray | null {
    return this.#host;
  }

  /** The values on the host if they may be computed with there: no gradient flows through what was read from the device. */
  get constant(): HostArray | null {
    return this.#stored.size === 0 || this.#born === 'host' || !isFloat(this.dtype) ? this.#host : null;
  }

  /** The order in which the values lie on the device. */
  get order(): Order {
    const [first] = this.#stored.values();
    return first?.order ?? plainOrder(this.rank);
  }

  /** The values as they lie on the device, in `order`. */
  get stored(): tf.Tensor {
    return this.tensor(this.order);
  }

  /** The tensors that go with the value. */
  get owned(): tf.Tensor[] {
    const all = [...this.#stored.values()].map(({ tensor }) => tensor);
    return this.#ownsFirst ? all : all.slice(1);
  }

  dispose(): void {
    tf.dispose(this.owned);
    const [first] = this.#stored;
    this.#stored.clear();
    if (!this.#ownsFirst && first !== undefined) this.#stored.set(...first);
  }

  /** The values with their axes stored in an order, by default the value's own. Made once; belongs to the value. */
  tensor(order: Order = plainOrder(this.rank)): tf.Tensor {
    const key = order.join();
    const found = this.#stored.get(key);
    if (found !== undefined) return found.tensor;
    const tensor = this.#convert(order);
    // What a node made for itself goes with it.
    if (this.#scope !== scope) scope?.made.push(tensor);
    this.#stored.set(key, { tensor, order });
    return tensor;
  }

  #convert(order: Order): tf.Tensor {
    if (hasBudget()) throw new TooLargeError('expected what the host computes, got work for the device.');
    const shape = order.map((axis) => this.shape[axis]!);
    const [first] = this.#stored.values();
    if (first === undefined) {
      const strides = stridesOf(this.shape);
      const moved = sameOrder(order, plainOrder(this.rank), this.shape)
        ? this.#host!
        : strided(
            this.#host!,
            shape,
            order.map((axis) => strides[axis]!),
          );
      return upload(moved, shape);
    }
    // Axes of one element lie anywhere.
    if (sameOrder(order, first.order, this.shape)) return tf.reshape(first.tensor, shape);
    return tf.transpose(
      first.tensor,
      order.map((axis) => first.order.indexOf(axis)),
    );
  }

  /** Takes the values that were read from the device in plain order. */
  setHost(data: ArrayLike<number>): void {
    const own = numbers(this.dtype, this.size);
    own.set(data);
    this.#host = { dtype: this.dtype, shape: this.shape, data: own };
  }

  /** The same values as a value of its own. */
  copy(): Value {
    const host = this.constant;
    return host !== null ? Value.host(host) : this.view(this.shape, this.order, this.stored.shape);
  }

  /** The same values under another shape of axes: the tensor is shared. */
  view(shape: readonly number[], order: Order, storedShape: readonly number[]): Value {
    const value = new Value(this.dtype, shape);
    value.#stored.set(order.join(), { tensor: tf.reshape(this.stored, [...storedShape]), order });
    return value;
  }
}

/** Whether two orders lay out a shape alike: axes of one element do not count. */
export function sameOrder(a: Order, b: Order, shape: readonly number[]): boolean {
  const long = (order: Order) => order.filter((axis) => shape[axis] !== 1).join();
  return long(a) === long(b);
}

function upload({ dtype, data }: HostArray, shape: readonly number[]): tf.Tensor {
  const type = tensorType(dtype);
  if (type === 'float32')
    return tf.tensor(data instanceof Float32Array ? data : new Float32Array(data), [...shape]);
  if (type === 'bool') return tf.tensor(data as Uint8Array, [...shape], 'bool');
  if (data instanceof Int32Array) return tf.tensor(data, [...shape], 'int32');
  for (const value of data) if (value !== (value | 0)) throw new IntegerRangeError(dtype, value);
  return tf.tensor(Int32Array.from(data), [...shape], 'int32');
}

// ---- moves that need no kernel -----------------------------------------------------------------------------------

/** The value with its axes permuted: `perm[i]` is the old axis of the new axis i. On the device nothing moves. */
export function transposed(value: Value, perm: readonly number[]): Value {
  const host = value.constant;
  if (host !== null) {
    const strides = stridesOf(host.shape);
    return Value.host(
      strided(
        host,
        perm.map((axis) => host.shape[axis]!),
        perm.map((axis) => strides[axis]!),
      ),
    );
  }
  const shape = perm.map((axis) => value.shape[axis]!);
  const order = value.order.map((axis) => perm.indexOf(axis));
  return value.view(shape, order, value.stored.shape);
}

/** A run of old axes that becomes a run of new ones of the same size. */
interface Group {
  readonly from: number[];
  readonly to: number[];
}

/** Cuts two shapes of one size into the shortest runs of axes of equal size. */
function groupsOf(from: readonly number[], to: readonly number[]): Group[] {
  const groups: Group[] = [];
  let [i, k] = [0, 0];
  while (i < from.length || k < to.length) {
    const group: Group = { from: [], to: [] };
    let [a, b] = [1, 1];
    if (i < from.length) {
      group.from.push(i);
      a *= from[i++]!;
    }
    if (k < to.length) {
      group.to.push(k);
      b *= to[k++]!;
    }
    while (a !== b) {
      if (a < b && i < from.length) {
        group.from.push(i);
        a *= from[i++]!;
      } else if (k < to.length) {
        group.to.push(k);
        b *= to[k++]!;
      } else {
        group.from.push(i);
        a *= from[i++]!;
      }
    }
    groups.push(group);
  }
  return groups;
}

/**
 * The value with another shape of the same size. Each run of axes that is merged or split must lie together on the device;
 * where it does so already, e.g. the pixels of (N, H, W, C), nothing moves.
 */
export function reshaped(value: Value, shape: readonly number[]): Value {
  if (sizeOf(shape) !== value.size) {
    throw new ChaingradError(
      `expected a shape of ${value.size} elements, as (${value.shape.join(', ')}) has, got (${shape.join(', ')}).`,
    );
  }
  const host = value.constant;
  if (host !== null) return Value.host({ ...host, shape });
  if (value.size === 0) return Value.device(tf.reshape(value.tensor(), [...shape]), value.dtype);
  const groups = groupsOf(value.shape, shape);
  const place = (axis: number) => value.order.indexOf(axis);
  let at = 0;
  const placed = groups.map((group) => {
    // Axes of one element must not pull their group about; a group of none stays behind the one before it.
    const long = group.from.filter((axis) => value.shape[axis] !== 1);
    const counted = long.length > 0 ? long : group.from;
    if (counted.length > 0) at = Math.min(...counted.map(place));
    return { group, at };
  });
  const sorted = placed.sort((a, b) => a.at - b.at);
  const from = sorted.flatMap(({ group }) => group.from);
  const order = sorted.flatMap(({ group }) => group.to);
  const tensor = value.tensor(from);
  return Value.device(
    tf.reshape(
      tensor,
      order.map((axis) => shape[axis]!),
    ),
    value.dtype,
    order,
  );
}
