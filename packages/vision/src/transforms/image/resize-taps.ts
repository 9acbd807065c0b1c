/**
 * Which pixels along one axis make up each pixel of a resized image, and with what weights.
 *
 * Three families: OpenCV's, which look at a fixed number of neighbours whatever the scale, Pillow's, whose filters widen
 * when an image shrinks, and TensorFlow's, which put the first pixels' corners on each other instead of their centres.
 */

/** How neighbouring pixels are combined. `area` is OpenCV's INTER_AREA and Pillow's BOX, `lanczos` LANCZOS4 and LANCZOS. */
export type Interpolation = 'nearest' | 'bilinear' | 'area' | 'bicubic' | 'lanczos';

/** Output pixel i is the sum of weight[t] * input[index[t]] for t in [first[i], first[i + 1]). */
export interface Taps {
  readonly first: Int32Array;
  readonly index: Int32Array;
  readonly weight: Float64Array;
}

class TapList {
  readonly #first: number[] = [0];
  readonly #index: number[] = [];
  readonly #weight: number[] = [];

  constructor(readonly length: number) {}

  /** Adds a tap of the current output pixel; an index outside repeats the border. */
  add(index: number, weight: number): void {
    this.#index.push(Math.min(this.length - 1, Math.max(0, index)));
    this.#weight.push(weight);
  }

  /** Goes on to the next output pixel. */
  next(): void {
    this.#first.push(this.#index.length);
  }

  get taps(): Taps {
    return {
      first: Int32Array.from(this.#first),
      index: Int32Array.from(this.#index),
      weight: Float64Array.from(this.#weight),
    };
  }
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/** The cubic convolution kernel of Keys (1981) at distance x. */
export function cubic(x: number, a: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

/** Where an output pixel's centre falls in the input: OpenCV keeps it in float32, which shows in the third decimal. */
function position(i: number, scale: number): { low: number; fraction: number } {
  const x = Math.fround((i + 0.5) * scale - 0.5);
  const low = Math.floor(x);
  return { low, fraction: Math.fround(x - low) };
}

/** OpenCV's taps. `enlargeArea` is its INTER_AREA when an axis grows: a linear one with another phase. */
export function openCvTaps(from: number, to: number, kind: Interpolation | 'enlargeArea'): Taps {
  const list = new TapList(from);
  const scale = from / to;
  for (let i = 0; i < to; i++) {
    switch (kind) {
      case 'nearest':
        list.add(Math.floor(i * scale), 1);
        break;
      case 'bilinear': {
        const { low, fraction } = position(i, scale);
        list.add(low, 1 - fraction);
        list.add(low + 1, fraction);
        break;
      }
      case 'enlargeArea': {
        const low = Math.floor(i * scale);
        const ahead = i + 1 - (low + 1) / scale;
        const fraction = ahead <= 0 ? 0 : ahead - Math.floor(ahead);
        list.add(low, 1 - fraction);
        list.add(low + 1, fraction);
        break;
      }
      case 'bicubic': {
        const { low, fraction } = position(i, scale);
        for (let t = -1; t <= 2; t++) list.add(low + t, cubic(fraction - t, -0.75));
        break;
      }
      case 'lanczos': {
        const { low, fraction } = position(i, scale);
        const weights = Array.from({ length: 8 }, (_, t) => {
          const d = fraction + 3 - t;
          return sinc(d) * sinc(d / 4);
        });
        const sum = weights.reduce((a, b) => a + b, 0);
        weights.forEach((w, t) => {
          list.add(low + t - 3, w / sum);
        });
        break;
      }
      case 'area': {
        const start = i * scale;
        const end = start + scale;
        const width = Math.min(scale, from - start);
        const last = Math.min(Math.floor(end), from - 1);
        const firstWhole = Math.min(Math.ceil(start), last);
        // Slivers below a thousandth of a pixel are left out, as OpenCV leaves them.
        if (firstWhole - start > 1e-3) list.add(firstWhole - 1, (firstWhole - start) / width);
        for (let s = firstWhole; s < last; s++) list.add(s, 1 / width);
        if (end - last > 1e-3) list.add(last, Math.min(end - last, 1, width) / width);
        break;
      }
    }
    list.next();
  }
  return list.taps;
}

/** The taps of TensorFlow's `resize_bilinear` and `resize_nearest_neighbor` with `half_pixel_centers` and `align_corners` off. */
export function tensorFlowTaps(from: number, to: number, kind: 'nearest' | 'bilinear'): Taps {
  const list = new TapList(from);
  const scale = from / to;
  for (let i = 0; i < to; i++) {
    const x = Math.fround(i * scale);
    const low = Math.floor(x);
    if (kind === 'nearest') list.add(low, 1);
    else {
      list.add(low, 1 - (x - low));
      list.add(low + 1, x - low);
    }
    list.next();
  }
  return list.taps;
}

const pillowFilters = {
  bilinear: { support: 1, at: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  area: { support: 0.5, at: (x: number) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bicubic: { support: 2, at: (x: number) => cubic(x, -0.5) },
  lanczos: { support: 3, at: (x: number) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
} satisfies Record<Exclude<Interpolation, 'nearest'>, { support: number; at: (x: number) => number }>;

/** Pillow's taps: the filter spans more pixels when the image shrinks, so that none is skipped. */
export function pillowTaps(from: number, to: number, kind: Interpolation): Taps {
  const list = new TapList(from);
  const scale = from / to;
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    if (kind === 'nearest') {
      list.add(Math.floor(centre), 1);
    } else {
      const { support, at } = pillowFilters[kind];
      const widen = Math.max(1, scale);
      const start = Math.max(0, Math.trunc(centre - support * widen + 0.5));
      const end = Math.min(from, Math.trunc(centre + support * widen + 0.5));
      const weights = Array.from({ length: end - start }, (_, t) => at((start + t - centre + 0.5) / widen));
      const sum = weights.reduce((a, b) => a + b, 0);
      weights.forEach((w, t) => {
        list.add(start + t, w / sum);
      });
    }
    list.next();
  }
  return list.taps;
}
