/** How an array of another framework becomes one of ours: split, reordered, flipped, scaled; piece by piece. */

/** What to do with an array of a certain shape. */
export interface ArrayPlan {
  /** The shape that it is looked at with: its own, or a finer division of it. */
  readonly view: readonly number[];
  /** The axes of the view in our order. */
  readonly order: readonly number[];
  /** Our shape. */
  readonly shape: readonly number[];
  /** An axis of the view that runs the other way (BGR for RGB). */
  readonly flip?: number;
  /** Values of our array by their position along an axis of the view are multiplied with these. */
  readonly scale?: { readonly axis: number; readonly factors: readonly number[] };
}

/** Gives the plan for a shape; null where it cannot be the right array. */
export type ArrayTransform = (shape: readonly number[]) => ArrayPlan | null;

/** Axes in another order. */
export const permuted =
  (...order: readonly number[]): ArrayTransform =>
  (shape) =>
    shape.length === order.length ? { view: shape, order, shape: order.map((axis) => shape[axis]!) } : null;

/** TensorFlow's convolution kernels (kh, kw, in, out) as (out, in, kh, kw). */
export const hwioToOihw = permuted(3, 2, 0, 1);

/** TensorFlow's depthwise kernels (kh, kw, channels, multiplier) as (channels * multiplier, 1, kh, kw). */
export const depthwiseToOihw: ArrayTransform = (shape) => {
  const [kh, kw, channels, multiplier] = shape;
  if (shape.length !== 4) return null;
  return { view: shape, order: [2, 3, 0, 1], shape: [channels! * multiplier!, 1, kh!, kw!] };
};

/** TensorFlow's dense kernels (in, out) as (out, in). */
export const denseToLinear = permuted(1, 0);

/**
 * A dense kernel behind a flattened feature map: TensorFlow flattens (h, w, c), we flatten (c, h, w).
 * @param height, width of the feature map.
 */
export const flattenedToLinear =
  (height: number, width: number): ArrayTransform =>
  (shape) => {
    const [size, out] = shape;
    const channels = size! / (height * width);
    if (shape.length !== 2 || !Number.isInteger(channels)) return null;
    return { view: [height, width, channels, out!], order: [3, 2, 0, 1], shape: [out!, size!] };
  };

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
