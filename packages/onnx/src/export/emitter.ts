/**
 * Values on their way into an ONNX graph. Kernels see activations channels last; ONNX' operators want channels first. So
 * each value remembers in which order its axes are stored: turning axes costs no node until an operator wants another order.
 */

import type { GraphBuilder, NodeAttributes } from './builder.ts';
import { numbers } from './builder.ts';
import { Constant, type GraphType } from './constant.ts';
import { compareDims, type Dim, isFixed, product, sameDim, sameShape, shapeText, Varying } from './dims.ts';
import { ELEMENT_TYPES } from './element-types.ts';
import { OnnxExportError } from './errors.ts';

/** An array in the graph. */
export interface Value {
  /** As the kernels see it. */
  readonly shape: readonly Dim[];
  readonly dtype: GraphType;
  /** `shape`, but 1 where the array is only to be repeated: ONNX' operators broadcast by themselves. */
  readonly stored: readonly Dim[];
  /** Axis `order[i]` of `shape` is the stored array's axis i. */
  readonly order: readonly number[];
  /** Its name in the graph; null for a constant, which takes the order that it is wanted in. */
  readonly name: string | null;
  readonly constant: Constant | null;
}

/** Arrays of one value and up to so many elements go into the file; larger ones are made by the graph. */
const WRITTEN_OUT = 65_536;

export const identity = (rank: number): number[] => Array.from({ length: rank }, (_, i) => i);

/** (N, ..., C) stored as (N, C, ...). */
export const channelsFirst = (rank: number): number[] =>
  rank < 3 ? identity(rank) : [0, rank - 1, ...identity(rank).slice(1, -1)];

/** Without the axes of size 1 in front. */
const withoutOnes = (shape: readonly number[]): readonly number[] => {
  const first = shape.findIndex((dim) => dim !== 1);
  return first < 0 ? [] : shape.slice(first);
};

const same = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((x, i) => x === b[i]);

/** The places of `order`'s axes: place[axis] is where it is stored. */
const placesOf = (order: readonly number[]): number[] => order.map((_, axis) => order.indexOf(axis));

/** The axes in stored order, without those of size 1, whose place does not matter. */
const essential = ({ stored }: Value, order: readonly number[]) => order.filter((axis) => stored[axis] !== 1);

export class Emitter {
  /** The arrays of which sizes can be asked when the graph runs: names and stored shapes. */
  readonly #sized: { readonly name: string; readonly dims: readonly Dim[] }[] = [];

  constructor(
    readonly builder: GraphBuilder,
    /** Of the link whose kernel is being translated. */
    public path: string,
  ) {}

  fail(detail: string, advice?: string): OnnxExportError {
    return new OnnxExportError(this.path, detail, advice);
  }

  // ---- making values ------------------------------------------------------------------------------------------------

  constant(constant: Constant, shape: readonly Dim[] = constant.shape): Value {
    return {
      shape,
      dtype: constant.dtype,
      stored: constant.shape,
      order: identity(shape.length),
      name: null,
      constant,
    };
  }

  /** An array of one value, of any shape. */
  filled(value: number, shape: readonly Dim[], dtype: GraphType): Value {
    const ones = shape.map(() => 1);
    return this.constant(Constant.of(dtype, ones, numbers(dtype, [value])), shape);
  }

  /** What a node gave, stored in the given order. */
  made(
    name: string,
    shape: readonly Dim[],
    dtype: GraphType,
    order: readonly number[] = identity(shape.length),
    stored: readonly Dim[] = shape,
  ): Value {
    if (!isFixed(stored)) this.#sized.push({ name, dims: order.map((axis) => stored[axis]!) });
    return { shape, dtype, stored, order, name, constant: null };
  }

  /** A number that the program took from the inputs' sizes: a size itself, or one over it. */
  size(number: Varying, dtype: GraphType): Value {
    const inverse = new Varying(number.values.map((value) => 1 / value));
    for (const [dim, over] of [
      [number, false],
      [new Varying(inverse.values.map(Math.round)), true],
    ] as const) {
      const close = over && !dim.values.every((size, i) => Math.abs(number.values[i]! * size - 1) < 1e-6);
      if (close || !this.#sized.some(({ dims }) => dims.some((each) => sameDim(each, dim)))) continue;
      const list = this.node('Cast', [this.shapeOf([dim], [])], { to: ELEMENT_TYPES[dtype] });
      const scalar = this.node('Squeeze', [list]);
      return this.made(over ? this.node('Reciprocal', [scalar]) : scalar, [], dtype);
    }
    throw this.fail(
      `for inputs of other sizes a number that the program computes changes ${number}.`,
      "Its work depends on the inputs' sizes: export it with these fixed (batch: 'fixed', size: 'fixed').",
    );
  }

  node(opType: string, inputs: readonly string[], attrs?: NodeAttributes): string {
    return this.builder.one(this.path, opType, inputs, attrs);
  }

  // ---- taking values ------------------------------------------------------------------------------------------------

  /** The name of the value stored in the given order; nodes are added where it is stored otherwise. */
  at(value: Value, order: readonly number[]): string {
    const whole = this.whole(value);
    if (whole.constant !== null) return this.builder.initializer(whole.constant.transposed(order));
    const name = whole.name!;
    if (same(whole.order, order)) return name;
    if (same(essential(whole, whole.order), essential(whole, order))) {
      const dims = (by: readonly number[]) => by.map((axis) => whole.stored[axis]!);
      return this.reshapeNode(name, dims(whole.order), dims(order));
    }
    return this.node('Transpose', [name], { perm: order.map((axis) => whole.order.indexOf(axis)) });
  }

  /** The name of the value with its axes in the order of `shape`. */
  plain(value: Value): string {
    return this.at(value, identity(value.shape.length));
  }

  /** The value with all its elements: repeated ones are written out. */
  whole(value: Value): Value {
    if (sameShape(value.stored, value.shape)) return value;
    const { shape, stored, dtype, order } = value;
    const uniform = value.constant?.uniform ?? null;
    if (uniform !== null && isFixed(shape) && shape.reduce((a, b) => a * b, 1) <= WRITTEN_OUT) {
      const count = shape.reduce((a, b) => a * b, 1);
      const data = numbers(dtype, new Array<number>(count).fill(uniform));
      return this.constant(Constant.of(dtype, shape, data));
    }
    const name =
      value.constant === null ? value.name! : this.builder.initializer(value.constant.transposed(order));
    // In an Expand 1 stands for what the array has.
    const dims = order.map((axis) => (sameDim(stored[axis]!, shape[axis]!) ? 1 : shape[axis]!));
    return this.made(this.node('Expand', [name, this.shapeOf(dims, [])]), shape, dtype, order);
  }

  /**
   * The names of operands that broadcast to `shape`, stored in one order, which is told.
   * @param order where it must be a certain one; else that of the first operand that has one.
   */
  broadcast(
    values: readonly Value[],
    shape: readonly Dim[],
  ): { names: string[]; order: readonly number[]; stored: readonly Dim[] } {
    const rank = shape.length;
    const leading = values.find((value) => value.constant === null && value.shape.length === rank);
    const order = leading?.order ?? identity(rank);
    const extended = values.map((value) => this.extended(value, rank));
    const names = extended.map((value) => {
      if (value.constant !== null) {
        // Leading axes of size 1 are implied; a parameter keeps its shape in the file, and its name.
        const own = value.constant.whole ?? value.constant;
        const turned = value.constant.transposed(order);
        const needed = withoutOnes(turned.shape);
        if (own.label === null || own.shape.length > rank)
          return this.builder.initializer(turned.reshaped(needed));
        const name = this.builder.initializer(own);
        if ((turned.whole ?? turned) !== own)
          return this.node('Transpose', [this.reshapeNode(name, own.shape, value.constant.shape)], {
            perm: order,
          });
        return same(withoutOnes(own.shape), needed) ? name : this.reshapeNode(name, own.shape, needed);
      }
      return this.at({ ...value, shape: value.stored }, order);
    });
    const stored = shape.map((_, axis) => {
      const sizes = extended.map((value) => value.stored[axis]!);
      return sizes.find((size) => size !== 1) ?? 1;
    });
    return { names, order, stored };
  }

  /** The value with axes of size 1 in front. */
  private extended(value: Value, rank: number): Value {
    const more = rank - value.shape.length;
    if (more === 0) return value;
    const ones = Array.from({ length: more }, () => 1);
    const stored = [...ones, ...value.stored];
    const shape = [...ones, ...value.shape];
    if (value.constant !== null) {
      const constant = value.constant.reshaped(stored as number[]);
      return { ...value, shape, stored, order: identity(rank), constant };
    }
    const order = [...identity(more), ...value.order.map((axis) => axis + more)];
    const dims = value.order.map((axis) => value.stored[axis]!);
    const name = this.reshapeNode(value.name!, dims, [...ones, ...dims]);
    return { ...value, shape, stored, order, name };
  }

  // ---- turning and reshaping ------------------------------------------------------------------------------------------

  /** As `tf.transpose`; no node. */
  transpose(value: Value, perm: readonly number[]): Value {
    const shape = perm.map((axis) => value.shape[axis]!);
    const stored = perm.map((axis) => value.stored[axis]!);
    if (value.constant !== null) {
      return {
        ...value,
        shape,
        stored,
        order: identity(shape.length),
        constant: value.constant.transposed(perm),
      };
    }
    return { ...value, shape, stored, order: value.order.map((axis) => perm.indexOf(axis)) };
  }

  /** As `tf.reshape`; at most one node where groups of axes stay together as they are stored. */
  reshape(given: Value, shape: readonly Dim[]): Value {
    if (sameShape(given.shape, shape)) return given;
    const value = this.whole(given);
    if (value.constant !== null && isFixed(shape)) return this.constant(value.constant.reshaped(shape));
    const from = value.order.map((axis) => value.shape[axis]!);
    const straight = essential(value, value.order).every((axis, i, all) => i === 0 || all[i - 1]! < axis);
    if (!straight) {
      const order = this.orderThrough(value, shape);
      if (order !== null) {
        const dims = order.map((axis) => shape[axis]!);
        return this.made(this.reshapeNode(value.name!, from, dims), shape, value.dtype, order);
      }
    }
    const name = straight ? value.name! : this.plain(value);
    return this.made(this.reshapeNode(name, straight ? from : value.shape, shape), shape, value.dtype);
  }

  /**
   * The order in which a reshaped array is stored when its data stay where they are: possible where each group of axes
   * that is split or merged is stored together and in order. Else null.
   */
  private orderThrough(value: Value, shape: readonly Dim[]): number[] | null {
    const groups = groupsOf(value.shape, shape);
    if (groups === null) return null;
    const storedAxes = essential(value, value.order);
    const starts: { start: number; to: readonly number[] }[] = [];
    let last = -1;
    for (const { from, to } of groups) {
      const axes = from.filter((axis) => value.shape[axis] !== 1);
      const places = axes.map((axis) => storedAxes.indexOf(axis));
      if (places.some((place, i) => i > 0 && place !== places[i - 1]! + 1)) return null;
      // A group of ones stays beside the one before it.
      const start = places[0] ?? last + 0.5;
      last = start;
      starts.push({ start, to });
    }
    return starts.sort((a, b) => a.start - b.start).flatMap(({ to }) => to);
  }

  private reshapeNode(name: string, from: readonly Dim[], to: readonly Dim[]): string {
    if (sameShape(from, to)) return name;
    const open = to.filter(
      (dim, i) => dim instanceof Varying && !(from[i] !== undefined && sameDim(dim, from[i]!)),
    );
    if (open.length > 1) return this.node('Reshape', [name, this.shapeOf(to, [{ name, dims: from }])]);
    // 0 keeps the input's size at this place, -1 is what is left.
    const dims = to.map((dim) => (typeof dim === 'number' ? dim : dim === open[0] ? -1 : 0));
    return this.node('Reshape', [name, this.builder.ints(dims)]);
  }

  /** The name of a list of sizes; those that vary are read from arrays that have them. */
  shapeOf(
    dims: readonly Dim[],
    sources: readonly { readonly name: string; readonly dims: readonly Dim[] }[],
  ): string {
    if (isFixed(dims)) return this.builder.ints(dims);
    const parts = dims.map((dim) => {
      if (typeof dim === 'number') return this.builder.ints([dim]);
      for (const { name, dims: have } of [...sources, ...this.#sized]) {
        const at = have.findIndex((each) => sameDim(each, dim));
        if (at >= 0) return this.node('Shape', [name], { start: at, end: at + 1 });
      }
      throw this.fail(
        `a size that follows the inputs' (${shapeText(dims)}) cannot be told in the graph.`,
        "Export with fixed sizes: batch: 'fixed', size: 'fixed'.",
      );
    });
    return parts.length === 1 ? parts[0]! : this.node('Concat', parts, { axis: 0 });
  }

  /** Where an axis of the value is stored. */
  place(value: Value, axis: number): number {
    return placesOf(value.order)[axis]!;
  }

  /** A number of rank 0, or fails when it varies. */
  fixed(what: string, dim: unknown): number {
    if (typeof dim === 'number') return dim;
    throw this.fail(
      `${what} follows the sizes of the inputs (${String(dim)}).`,
      "Export with fixed sizes: batch: 'fixed', size: 'fixed'.",
    );
  }
}

/** Groups of axes of equal products, the finest: what a reshape splits and merges. Null where sizes that vary forbid to tell. */
function groupsOf(from: readonly Dim[], to: readonly Dim[]): { from: number[]; to: number[] }[] | null {
  const groups: { from: number[]; to: number[] }[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const group = { from: [] as number[], to: [] as number[] };
    for (;;) {
      const a = product(group.from.map((axis) => from[axis]!));
      const b = product(group.to.map((axis) => to[axis]!));
      const order = compareDims(a, b);
      if (order === null) return null;
      if (order === 0 && group.from.length > 0 && group.to.length > 0) break;
      if ((order <= 0 && i < from.length) || j >= to.length) {
        if (i >= from.length) break;
        group.from.push(i++);
      } else group.to.push(j++);
    }
    groups.push(group);
  }
  return groups;
}
