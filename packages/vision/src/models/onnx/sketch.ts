/** Nodes of an ONNX graph that are written by hand: what comes before, between and behind traced networks. */
import type { GraphBuilder, NodeAttributes } from '@chaingrad/onnx';

/** The numbers by which ONNX knows types of elements. */
const TYPES = { float32: 1, uint8: 2, int32: 6, int64: 7, float64: 11 } as const;

/** Below every score. */
export const LOWEST = -3.4e38;

/** As many boxes as there are. */
const NO_LIMIT = 2 ** 31 - 1;

/** Adds nodes to a graph under one path. Everything is given and taken by name. */
export class Sketch {
  constructor(
    readonly graph: GraphBuilder,
    readonly path: string,
  ) {}

  one(opType: string, inputs: readonly string[], attrs: NodeAttributes = {}): string {
    return this.graph.one(this.path, opType, inputs, attrs);
  }

  ints(...values: readonly number[]): string {
    return this.graph.ints(values);
  }

  /** Numbers along the last axis of what they are combined with. */
  row(values: ArrayLike<number>): string {
    return this.graph.floats(values);
  }

  /** An operand: a number stands for itself. */
  private operand(x: string | number): string {
    return typeof x === 'number' ? this.graph.scalar(x) : x;
  }

  add(a: string, b: string | number): string {
    return this.one('Add', [a, this.operand(b)]);
  }

  sub(a: string, b: string | number): string {
    return this.one('Sub', [a, this.operand(b)]);
  }

  mul(a: string, b: string | number): string {
    return this.one('Mul', [a, this.operand(b)]);
  }

  div(a: string, b: string | number): string {
    return this.one('Div', [a, this.operand(b)]);
  }

  least(a: string, b: string | number): string {
    return this.one('Min', [a, this.operand(b)]);
  }

  largest(a: string, b: string | number): string {
    return this.one('Max', [a, this.operand(b)]);
  }

  cast(x: string, type: keyof typeof TYPES): string {
    return this.one('Cast', [x], { to: TYPES[type] });
  }

  /** Lengths of the axes from `start` on, before `end`, int64. */
  lengths(x: string, start: number, end: number): string {
    return this.one('Shape', [x], { start, end });
  }

  join(parts: readonly string[], axis: number): string {
    return this.one('Concat', parts, { axis });
  }

  /** Places `begin` to `end` of an axis. */
  slice(x: string, axis: number, begin: number, end: number): string {
    return this.one('Slice', [x, this.ints(begin), this.ints(end), this.ints(axis)]);
  }

  /** Some places of an axis, in an order of their own. */
  take(x: string, axis: number, places: readonly number[]): string {
    return this.one('Gather', [x, this.ints(...places)], { axis });
  }

  /** One place of an axis, which goes. */
  nth(x: string, axis: number, place: number): string {
    return this.one('Gather', [x, this.graph.scalar(place, 'int64')], { axis });
  }

  /** Rows of an array. */
  rows(x: string, places: string): string {
    return this.one('Gather', [x, places], { axis: 0 });
  }

  reshape(x: string, ...shape: readonly number[]): string {
    return this.one('Reshape', [x, this.ints(...shape)]);
  }

  transpose(x: string, ...perm: readonly number[]): string {
    return this.one('Transpose', [x], { perm });
  }

  /** With an axis of size 1 more. */
  unsqueeze(x: string, axis: number): string {
    return this.one('Unsqueeze', [x, this.ints(axis)]);
  }

  /** Without an axis of size 1. */
  squeeze(x: string, axis: number): string {
    return this.one('Squeeze', [x, this.ints(axis)]);
  }

  /** A reduction of one axis, which goes: axes are an input of it from operator set 18 on. */
  reduce(opType: 'ReduceMax' | 'ReduceMin', x: string, axis: number, keepdims: 0 | 1 = 0): string {
    return this.graph.opset >= 18
      ? this.one(opType, [x, this.ints(axis)], { keepdims })
      : this.one(opType, [x], { axes: [axis], keepdims });
  }

  /** The `k` largest of the last axis, best first, and where they stand. @param k a list of one number. */
  topK(x: string, k: string, largest: 0 | 1 = 1): readonly [values: string, places: string] {
    return this.graph.node(this.path, 'TopK', [x, k], { largest }, 2) as [string, string];
  }

  /** At most `most` of as many as a list of one number says. 0: all. */
  atMost(count: string, most: number): string {
    return most > 0 ? this.one('Min', [count, this.ints(most)]) : count;
  }

  /**
   * Of overlapping boxes the best.
   * @param boxes (N, K, 4). @param scores (N, C, K). @param above scores that count are larger.
   * @param nmsThresh null keeps all: no two boxes have an IoU above 1.
   * @returns (S, 3) int64: batch, class and box, batch by batch, class by class, by descending score.
   */
  suppress(
    boxes: string,
    scores: string,
    nmsThresh: number | null,
    above: number,
    most: number = NO_LIMIT,
  ): string {
    return this.one('NonMaxSuppression', [
      boxes,
      scores,
      this.ints(most > 0 ? most : NO_LIMIT),
      this.row([nmsThresh ?? 1]),
      this.row([above]),
    ]);
  }

  /** Boxes moved and stretched by offsets, as `loc2bbox`: (..., 4) each, which broadcast. */
  moved(boxes: string, loc: string, axis: number): string {
    const [low, high] = [this.slice(boxes, axis, 0, 2), this.slice(boxes, axis, 2, 4)];
    const side = this.sub(high, low);
    const middle = this.add(this.add(low, this.mul(side, 0.5)), this.mul(this.slice(loc, axis, 0, 2), side));
    const half = this.mul(this.mul(side, 0.5), this.one('Exp', [this.slice(loc, axis, 2, 4)]));
    return this.join([this.sub(middle, half), this.add(middle, half)], axis);
  }

  /** Gives a value the name of an output. */
  named(name: string, from: string): string {
    const own = this.graph.unique(name);
    this.graph.rename(from, own);
    return own;
  }
}

/** The largest float32 below a positive one: ONNX keeps scores above its threshold, most detectors those at it too. */
export function below(value: number): number {
  const single = Math.fround(value);
  if (single <= 0) return -1;
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, single);
  view.setUint32(0, view.getUint32(0) - 1);
  return view.getFloat32(0);
}
