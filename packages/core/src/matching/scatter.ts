import type { ArrayPlan } from './name-map.ts';

/** Puts pieces of an array where its plan says. */
export class Scatter {
  readonly #plan: ArrayPlan;
  readonly #strides: readonly number[];
  readonly #index: number[];
  #at = 0;
  #to = 0;

  constructor(plan: ArrayPlan) {
    this.#plan = plan;
    const { view, order, flip } = plan;
    const strides = new Array<number>(view.length).fill(0);
    let stride = 1;
    for (const axis of [...order].reverse()) {
      strides[axis] = stride;
      stride *= view[axis]!;
    }
    if (flip !== undefined) {
      this.#to = strides[flip]! * (view[flip]! - 1);
      strides[flip] = -strides[flip]!;
    }
    this.#strides = strides;
    this.#index = new Array<number>(view.length).fill(0);
  }

  /** @param piece the next values of the array in its own order. */
  write(out: Float32Array, piece: ArrayLike<number>): void {
    const { view, order, flip, scale } = this.#plan;
    const plain = flip === undefined && scale === undefined && order.every((axis, i) => axis === i);
    if (plain) {
      out.set(piece, this.#at);
      this.#at += piece.length;
      return;
    }
    const index = this.#index;
    const strides = this.#strides;
    let to = this.#to;
    for (let i = 0; i < piece.length; i++) {
      out[to] = scale === undefined ? piece[i]! : piece[i]! * scale.factors[this.#position(scale.axis)]!;
      for (let axis = view.length - 1; axis >= 0; axis--) {
        to += strides[axis]!;
        if (++index[axis]! < view[axis]!) break;
        to -= strides[axis]! * view[axis]!;
        index[axis] = 0;
      }
    }
    this.#to = to;
  }

  /** The position in our array along an axis. */
  #position(axis: number): number {
    const { flip, view } = this.#plan;
    return axis === flip ? view[axis]! - 1 - this.#index[axis]! : this.#index[axis]!;
  }
}
